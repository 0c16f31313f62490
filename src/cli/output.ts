import { writeSync } from 'node:fs';

/** Text gathered before it is handed to the system: a line a call would be slow. */
const BUFFER_CHARS = 64 * 1024;
/** How long to wait before a pipe that is full is tried again, in milliseconds. */
const FULL_PIPE_PAUSE_MS = 5;

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Standard output for much text: buffered, complete and in order also where it is a slow pipe
 * (which Node opens non-blocking, so that a write can fail with EAGAIN). A reader that goes away
 * (`| head`) is no error: `closed` is set and what follows is thrown away. Call `flush` at the end.
 */
export class Output {
  closed = false;
  private readonly fd: number;
  private text = '';

  constructor(fd = 1) {
    this.fd = fd;
  }

  readonly write = (text: string): void => {
    if (this.closed) return;
    this.text += text;
    if (this.text.length >= BUFFER_CHARS) this.flush();
  };

  /** Hands everything written so far to the system. Throws what the file system does (ENOSPC). */
  flush(): void {
    const bytes = Buffer.from(this.text);
    this.text = '';
    let done = 0;
    while (done < bytes.length && !this.closed) done += this.writeSome(bytes, done);
  }

  private writeSome(bytes: Uint8Array, from: number): number {
    try {
      return writeSync(this.fd, bytes, from);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') this.closed = true;
      else if (code === 'EAGAIN') Atomics.wait(pause, 0, 0, FULL_PIPE_PAUSE_MS);
      else throw error;
      return 0;
    }
  }
}
