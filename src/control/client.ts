import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { isObject, LineDecoder, LineError, LineWriter } from './line-socket.ts';
import type { ControlCommand, ControlCommands } from './protocol.ts';

/** Unread items of one answer at which the connection is no longer read, and is read again. */
const PAUSE_AT_ITEMS = 1024;
const RESUME_AT_ITEMS = 128;

/**
 * A request failed. `code` is the daemon's own, or CONTROL_UNREACHABLE, CONTROL_DENIED,
 * CONTROL_CLOSED, or a LineErrorCode; `exitCode` is what a command should end with. 4 is "no
 * gateway": nothing was asked of it.
 */
export class ControlError extends Error {
  readonly code: string;
  readonly exitCode: number;

  constructor(code: string, message: string, exitCode: number) {
    super(message);
    this.name = 'ControlError';
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** The items of an answer as they arrive, and its end. Both fail with ControlError. */
export interface ControlAnswer<Item, Done> extends AsyncIterable<Item> {
  /** Settles after the last item was read or the loop over them was left. */
  readonly done: Promise<Done>;
}

/**
 * A connection to the daemon. Several requests may be under way; but where the items of one are not
 * read, the connection is held back, and with it the answers to the others.
 */
export class ControlClient {
  private readonly stream: Duplex;
  private readonly writer: LineWriter;
  private readonly answers = new Map<number, PendingAnswer>();
  private lastId = 0;
  private failure: ControlError | null = null;

  constructor(stream: Duplex) {
    this.stream = stream;
    this.writer = new LineWriter(stream);
    const decoder = new LineDecoder();
    stream.on('data', (chunk: Buffer) => this.read(decoder, chunk));
    stream.on('error', () => stream.destroy());
    stream.on('end', () => this.fail(closed()));
    stream.on('close', () => this.fail(closed()));
  }

  /** Connects to the unix socket at `path`. Rejects with a ControlError of exit code 4. */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection({ path });
      const refuse = (error: NodeJS.ErrnoException) => reject(connectError(path, error));
      socket.once('error', refuse);
      socket.once('connect', () => {
        socket.off('error', refuse);
        resolve(new ControlClient(socket));
      });
    });
  }

  request<K extends ControlCommand>(
    cmd: K,
    args: ControlCommands[K]['args'],
  ): ControlAnswer<ControlCommands[K]['item'], ControlCommands[K]['done']> {
    const id = ++this.lastId;
    const answer = new PendingAnswer(() => this.resumeIfRead());
    if (this.failure !== null) answer.fail(this.failure);
    else {
      this.answers.set(id, answer);
      void this.writer.write({ id, cmd, args });
    }
    return answer as ControlAnswer<ControlCommands[K]['item'], ControlCommands[K]['done']>;
  }

  /** Ends the connection; answers under way fail with CONTROL_CLOSED. */
  close(): void {
    this.stream.destroy();
    this.fail(closed());
  }

  private read(decoder: LineDecoder, chunk: Buffer): void {
    try {
      for (const object of decoder.push(chunk)) this.dispatch(object);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      this.fail(new ControlError(error.code, `pinhole: bad answer: ${error.message}`, 1));
      this.stream.destroy();
    }
  }

  private dispatch(object: Record<string, unknown>): void {
    const id = object.id;
    if (isObject(object.error)) {
      const { code, message } = object.error;
      const error = new ControlError(String(code), `pinhole: ${String(message)}`, 1);
      if (typeof id !== 'number') this.fail(error);
      else this.settle(id)?.fail(error);
    } else if (typeof id === 'number' && 'item' in object) {
      const answer = this.answers.get(id);
      if (answer !== undefined && answer.push(object.item) >= PAUSE_AT_ITEMS) {
        this.stream.pause();
      }
    } else if (typeof id === 'number' && isObject(object.done)) {
      this.settle(id)?.finish(object.done);
    } else {
      throw new LineError('LINE_NOT_JSON', 'line is not an answer');
    }
  }

  private settle(id: number): PendingAnswer | undefined {
    const answer = this.answers.get(id);
    this.answers.delete(id);
    return answer;
  }

  private resumeIfRead(): void {
    if (!this.stream.isPaused()) return;
    for (const answer of this.answers.values()) {
      if (answer.unreadItems > RESUME_AT_ITEMS) return;
    }
    this.stream.resume();
  }

  private fail(error: ControlError): void {
    this.failure ??= error;
    for (const answer of this.answers.values()) answer.fail(this.failure);
    this.answers.clear();
  }
}

function closed(): ControlError {
  return new ControlError('CONTROL_CLOSED', 'pinhole: the gateway closed the connection', 1);
}

function connectError(path: string, error: NodeJS.ErrnoException): ControlError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const message = `pinhole: no permission to reach the gateway at ${path}: are you root?`;
    return new ControlError('CONTROL_DENIED', message, 4);
  }
  const message = `pinhole: cannot reach the gateway at ${path}: is "pinhole run" running?`;
  return new ControlError('CONTROL_UNREACHABLE', message, 4);
}

/** Items that arrived and were not read yet, and at most one reader that waits. */
class PendingAnswer implements ControlAnswer<unknown, Record<string, unknown>> {
  readonly done: Promise<Record<string, unknown>>;
  private readonly onRead: () => void;
  private items: unknown[] = [];
  private nextItem = 0;
  private isEnded = false;
  private isLeft = false;
  private error: ControlError | null = null;
  private wake: (() => void) | null = null;
  private resolveDone: (value: Record<string, unknown>) => void = () => {};
  private rejectDone: (error: ControlError) => void = () => {};

  constructor(onRead: () => void) {
    this.onRead = onRead;
    this.done = new Promise((resolve, reject) => {
      this.resolveDone = resolve;
      this.rejectDone = reject;
    });
    // Whoever loops over the items learns of a failure there and need not look at `done`.
    this.done.catch(() => {});
  }

  get unreadItems(): number {
    return this.items.length - this.nextItem;
  }

  /** Returns how many items wait now. */
  push(item: unknown): number {
    if (this.isLeft) return 0;
    this.items.push(item);
    this.wakeReader();
    return this.unreadItems;
  }

  finish(result: Record<string, unknown>): void {
    this.isEnded = true;
    this.resolveDone(result);
    this.wakeReader();
  }

  fail(error: ControlError): void {
    this.isEnded = true;
    this.error = error;
    this.rejectDone(error);
    this.wakeReader();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    try {
      for (;;) {
        while (this.nextItem < this.items.length) yield this.items[this.nextItem++];
        this.items = [];
        this.nextItem = 0;
        if (this.error !== null) throw this.error;
        if (this.isEnded) return;
        this.onRead();
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    } finally {
      this.isLeft = true;
      this.items = [];
      this.nextItem = 0;
      this.onRead();
    }
  }

  private wakeReader(): void {
    this.wake?.();
    this.wake = null;
  }
}
