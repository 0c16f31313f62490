import { existsSync, mkdirSync, readdirSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Bpf } from './bpf.ts';

/** BPF_FS_MAGIC of linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;
const MNT_DETACH = 2;

/**
 * Names in a bpffs of our own. It is mounted in our run directory because /sys/fs/bpf is not there
 * everywhere (`ip netns exec` hides it). Names are needed for a moment only, because `tc` finds
 * programs by name: a mount may go with its mount namespace, and names with it.
 */
export class Pins {
  readonly directory: string;
  private readonly bpf: Bpf;

  constructor(bpf: Bpf, directory: string) {
    this.bpf = bpf;
    this.directory = directory;
  }

  get isMounted(): boolean {
    return existsSync(this.directory) && statfsSync(this.directory).type === BPF_FS_MAGIC;
  }

  /** Makes the directory and mounts a bpffs there, unless one stands there. Throws `SysError`. */
  mount(): void {
    if (this.isMounted) return;
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const { libc } = this.bpf;
    const call = `mount(bpf, ${this.directory})`;
    if (libc.mount('bpf', this.directory, 'bpf', 'mode=0700') !== 0) libc.fail(call);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Gives an open map or program a name; what had that name before loses it. */
  pin(name: string, fd: number): void {
    this.unpin(name);
    this.bpf.pin(fd, this.path(name));
  }

  /** False where there was no such name. */
  unpin(name: string): boolean {
    if (!existsSync(this.path(name))) return false;
    unlinkSync(this.path(name));
    return true;
  }

  /** Opens what has this name; -1 where nothing has. */
  open(name: string): number {
    return this.bpf.open(this.path(name));
  }

  /**
   * Names in use; none where no bpffs stands there. Names with a dot are the kernel's own (its
   * iterators, as maps.debug): they cannot be taken away, and no pin may have one.
   */
  list(): string[] {
    if (!this.isMounted) return [];
    const names = readdirSync(this.directory).filter((name) => !name.includes('.'));
    return names.sort();
  }

  /** Takes away all names, the mounts (more than one, where two processes raced) and the directory. */
  remove(): void {
    const { libc } = this.bpf;
    while (this.isMounted) {
      for (const name of this.list()) this.unpin(name);
      if (libc.umount(this.directory, MNT_DETACH) !== 0) libc.fail(`umount(${this.directory})`);
    }
    if (existsSync(this.directory)) rmdirSync(this.directory);
  }
}
