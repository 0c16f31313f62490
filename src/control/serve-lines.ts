import type { Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { isObject, LineDecoder, LineError, LineWriter, MAX_LINE_BYTES } from './line-socket.ts';
import { type ControlRequest, isControlCommand } from './protocol.ts';

/** Requests of one connection that are carried out at the same time; further ones wait unread. */
const MAX_IN_FLIGHT = 16;

/** How a handler answers. After `done` or `error` everything further is dropped. */
export interface Reply {
  /** A promise where the client reads slower than this writes: await it before the next item. */
  item(object: unknown): void | Promise<void>;
  /** What stands before the JSON text of an item in its line; `}` and a newline stand behind it. */
  readonly itemHead: string;
  /** Whole lines of items, as `itemHead` makes them: the quick way for very many. */
  lines(text: string | Uint8Array): void | Promise<void>;
  done(object?: Record<string, unknown>): void;
  error(code: string, message: string): void;
}

/**
 * Carries one request out, which lasts until the returned promise settles. `signal` is aborted when
 * the connection is gone; a request that follows events waits for that.
 */
export type RequestHandler = (
  request: ControlRequest,
  reply: Reply,
  signal: AbortSignal,
) => void | Promise<void>;

export interface ServeOptions {
  maxLineBytes?: number;
}

/** Answers every connection of `server`. `close` ends those that are open, not the server. */
export function serveLines(
  server: Server,
  handler: RequestHandler,
  options: ServeOptions = {},
): { close(): void } {
  const open = new Set<Duplex>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serveStream(socket, handler, options);
  });
  return {
    close: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Answers the requests of one connection. Anything but a request ends it, with an error object that
 * says why: what follows garbage cannot be trusted to be a command.
 */
export function serveStream(stream: Duplex, handler: RequestHandler, options: ServeOptions): void {
  const connection = new Connection(stream, handler);
  const decoder = new LineDecoder(options.maxLineBytes ?? MAX_LINE_BYTES);
  stream.on('data', (chunk: Buffer) => {
    if (connection.isClosing) return;
    try {
      for (const object of decoder.push(chunk)) connection.take(object);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      connection.refuse(error.code, error.message);
    }
  });
  // A reset connection ends in 'close' as well, which is where its requests are given up.
  stream.on('error', () => stream.destroy());
  stream.on('close', () => connection.abandon());
}

class Connection {
  isClosing = false;
  private readonly stream: Duplex;
  private readonly writer: LineWriter;
  private readonly handler: RequestHandler;
  private readonly abort = new AbortController();
  private readonly waiting: ControlRequest[] = [];
  private running = 0;

  constructor(stream: Duplex, handler: RequestHandler) {
    this.stream = stream;
    this.writer = new LineWriter(stream);
    this.handler = handler;
  }

  take(object: Record<string, unknown>): void {
    const { id, cmd, args = {} } = object;
    if (this.isClosing) return;
    if (!Number.isSafeInteger(id) || typeof cmd !== 'string' || !isObject(args)) {
      this.refuse('BAD_REQUEST', 'a request has a number "id", a text "cmd" and an object "args"');
      return;
    }
    if (!isControlCommand(cmd)) {
      const error = { code: 'UNKNOWN_COMMAND', message: `unknown command ${JSON.stringify(cmd)}` };
      void this.writer.write({ id, error });
      return;
    }
    this.waiting.push({ id: id as number, cmd, args });
    this.startWaiting();
  }

  refuse(code: string, message: string): void {
    this.isClosing = true;
    void this.writer.write({ id: null, error: { code, message } });
    this.stream.end(() => this.stream.destroy());
  }

  abandon(): void {
    this.isClosing = true;
    this.waiting.length = 0;
    this.abort.abort();
  }

  private startWaiting(): void {
    while (this.running < MAX_IN_FLIGHT) {
      const request = this.waiting.shift();
      if (request === undefined) break;
      this.running++;
      void this.run(request);
    }
    if (this.waiting.length > 0) this.stream.pause();
    else if (this.stream.isPaused()) this.stream.resume();
  }

  private async run(request: ControlRequest): Promise<void> {
    const reply = new WrittenReply(request.id, this.writer);
    try {
      await this.handler(request, reply, this.abort.signal);
      reply.error('NO_ANSWER', `${request.cmd} ended without an answer`);
    } catch (error) {
      reply.error('INTERNAL', error instanceof Error ? error.message : String(error));
    } finally {
      this.running--;
      if (!this.isClosing) this.startWaiting();
    }
  }
}

class WrittenReply implements Reply {
  readonly itemHead: string;
  private readonly id: number;
  private readonly writer: LineWriter;
  private isFinished = false;

  constructor(id: number, writer: LineWriter) {
    this.id = id;
    this.writer = writer;
    this.itemHead = `{"id":${id},"item":`;
  }

  lines(text: string | Uint8Array): void | Promise<void> {
    return this.isFinished ? undefined : this.writer.writeText(text);
  }

  item(object: unknown): void | Promise<void> {
    return this.isFinished ? undefined : this.writer.write({ id: this.id, item: object });
  }

  done(object: Record<string, unknown> = {}): void {
    this.finish({ id: this.id, done: object });
  }

  error(code: string, message: string): void {
    this.finish({ id: this.id, error: { code, message } });
  }

  private finish(line: object): void {
    if (this.isFinished) return;
    this.isFinished = true;
    void this.writer.write(line);
  }
}
