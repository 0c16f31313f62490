/** What the doctor may ask of this host; a fake one in tests. */
export interface HostProbe {
  readonly uid: number;
  /** As `uname -r` has it. */
  readonly kernelRelease: string;
  /** Runs a program to its end and returns what it prints. Throws where it fails. */
  run(argv: readonly string[]): string;
  /** The value of a kernel setting by its path below /proc/sys, '' where there is none. */
  sysctl(path: string): string;
  /** Why an npm package does not load, in one line; null where it does. */
  loadFailure(name: string): Promise<string | null>;
  /** Why the gate's program cannot be loaded into this kernel; null where it can. */
  gateRefusal(): Promise<Refusal | null>;
}

export interface Refusal {
  readonly message: string;
  readonly mend: string;
}
