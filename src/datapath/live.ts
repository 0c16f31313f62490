import type { InterfaceTable } from '../base/index.ts';
import type { Engine, PacketOutput, Routes } from '../engine/index.ts';

export const liveDatapathNames = ['gate', 'capture'] as const;
export type LiveDatapathName = (typeof liveDatapathNames)[number];

/** What is left where the daemon ends, however it ends. */
export const onExitValues = ['closed', 'open'] as const;
export type OnExit = (typeof onExitValues)[number];

/** What the daemon needs of a live datapath, whichever it is. */
export interface LiveDatapath {
  readonly name: LiveDatapathName;
  /** Whether this host's own packets can be stopped and translated (OUTPUT). */
  readonly holdsOutput: boolean;
  /** One sentence for the log, once it has stopped. */
  readonly farewell: string;
  readonly interfaces: InterfaceTable;
  readonly routes: Routes;
  readonly output: PacketOutput;
  /** Takes the interfaces over. Throws `DatapathUnavailable`, and leaves the host as it was. */
  attach(engine: Engine): void;
  /** The kernel's number of an interface, by its id here; 0 where it is gone. */
  kernelIndexOf(interfaceId: number): number;
  /** Totals since the start, for `status`. */
  statistics(): Readonly<Record<string, number>>;
  /** Gives the interfaces back to the kernel, or leaves them as `--on-exit` says. */
  stop(): Promise<void>;
}
