import { Output } from '../output.ts';

/**
 * Standard output of a command that may run for long: what one turn of the event loop brings goes
 * out together at its end, so that a follower sees an event at once and a long listing is not
 * written line by line. `onClosed` is called when the reader has gone (`| head`).
 */
export class Screen {
  private readonly output = new Output();
  private readonly onClosed: () => void;
  private isScheduled = false;

  constructor(onClosed: () => void = () => {}) {
    this.onClosed = onClosed;
  }

  readonly write = (text: string): void => {
    this.output.write(text);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.flush();
    });
  };

  /** Writes what is left. Call it at the end. */
  flush(): void {
    this.output.flush();
    if (this.output.closed) this.onClosed();
  }
}
