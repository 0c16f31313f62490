import type { Expectation } from './expectation.ts';

/**
 * Told of what happens to the tables. Called at changes only, never for a packet that merely
 * passes; the row may be read during the call, not kept.
 */
export interface ConntrackListener {
  connectionNew(row: number): void;
  connectionUpdate(row: number): void;
  connectionDestroy(row: number): void;
  /**
   * A new connection was refused for want of room. Said no more than ten times in five seconds;
   * `suppressed` is how many refusals of the interval before were not said.
   */
  tableFull(suppressed: number): void;
  expectationNew(expectation: Expectation): void;
  expectationDestroy(expectation: Expectation): void;
}
