/** `pinhole conntrack -E`, running beside the test. */

import type { Daemon } from './daemon.ts';
import { type Background, pinholeMain, startIn } from './harness.ts';
import { untilTrue } from './until.ts';

const started = 'starting\n';

export class EventReader {
  readonly #background: Background;

  private constructor(background: Background) {
    this.#background = background;
  }

  /**
   * Starts a reader. It says nothing before the first event, so `stimulus` has to cause one, again
   * and again, until the reader shows it.
   */
  static async start(daemon: Daemon, argv: readonly string[], stimulus: () => Promise<unknown>) {
    const command = ['node', pinholeMain, 'conntrack', '--socket', daemon.socket, '-E', ...argv];
    const shell = ['sh', '-c', 'echo starting; exec "$@"', 'sh', ...command];
    const reader = new EventReader(await startIn(daemon.lab, 'gateway', shell, /starting\n/));
    const stir = async () => {
      await stimulus();
      return reader.text() !== '';
    };
    await untilTrue('the first event', stir, 10_000);
    return reader;
  }

  /** What it has printed so far, standard error included. */
  text(): string {
    return this.#background.output().slice(started.length);
  }

  lines(): string[] {
    return this.text().split('\n').slice(0, -1);
  }

  /** Waits until a line matches. */
  shows(pattern: RegExp): Promise<void> {
    const seen = () => this.lines().some((line) => pattern.test(line));
    return untilTrue(`the event ${pattern}`, seen, 5_000, () => this.text());
  }

  /** Interrupts it; resolves to its exit code. */
  stop(): Promise<number> {
    return this.#background.stop();
  }
}
