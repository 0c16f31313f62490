import { closeSync, constants, existsSync, lstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { nflogStreamHeader } from './records.ts';

/** Where a stream's bytes go. Never waits. */
export interface Drain {
  /** Times that a reader was too far behind to be given anything. */
  readonly skipped: number;
  /** Takes bytes of [from, to); returns how many. What it does not take is offered again. */
  take(bytes: Buffer, from: number, to: number): number;
  close(): void;
}

/** Captures hold what people said on the wire: for their owner only. */
const FILE_MODE = 0o600;

/** A file, or a named pipe that somebody reads. */
export class FileDrain implements Drain {
  readonly skipped = 0;
  private readonly fd: number;
  private readonly header = nflogStreamHeader();
  private headerSent = 0;

  /** Throws as Node does where the file cannot be opened. */
  constructor(path: string) {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;
    // A pipe whose reader is slow must not hold up the packets.
    this.fd = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, FILE_MODE);
  }

  take(bytes: Buffer, from: number, to: number): number {
    try {
      while (this.headerSent < this.header.length) {
        this.headerSent += writeSync(this.fd, this.header, this.headerSent);
      }
      return to > from ? writeSync(this.fd, bytes, from, to - from) : 0;
    } catch {
      // Full disk, full pipe, reader gone: it is tried again, and what has no room then is counted.
      return 0;
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A reader that is behind by more than this loses records until it has caught up. */
const READER_BACKLOG = 4 * 1024 * 1024;

/** A stream socket: every reader gets the stream from the moment it connects. */
export class SocketDrain implements Drain {
  skipped = 0;
  private readonly server: Server;
  private readonly path: string;
  private readonly backlog: number;
  private readonly readers = new Set<Socket>();
  private onReader: () => void = () => {};

  private constructor(server: Server, path: string, backlog: number) {
    this.server = server;
    this.path = path;
    this.backlog = backlog;
    server.on('connection', (socket) => this.welcome(socket));
    server.on('error', () => {});
  }

  /** Listens on a path, readable for the owner alone. Rejects where that is not possible. */
  static async listen(path: string, backlog = READER_BACKLOG): Promise<SocketDrain> {
    await removeDeadSocket(path);
    const server = createServer();
    const mask = process.umask(0o177);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    // The stream is no reason for the process to go on.
    server.unref();
    return new SocketDrain(server, path, backlog);
  }

  /** Resolves when somebody reads. */
  untilRead(): Promise<void> {
    if (this.readers.size > 0) return Promise.resolve();
    this.server.ref();
    return new Promise((resolve) => {
      this.onReader = resolve;
    });
  }

  take(bytes: Buffer, from: number, to: number): number {
    if (this.readers.size === 0 || to === from) return to - from;
    // The socket keeps what it is given, and the buffer is filled anew.
    const copy = Buffer.from(bytes.subarray(from, to));
    for (const reader of this.readers) {
      if (reader.writableLength + copy.length > this.backlog) this.skipped++;
      else reader.write(copy);
    }
    return to - from;
  }

  close(): void {
    for (const reader of this.readers) reader.end();
    this.server.close();
    rmSync(this.path, { force: true });
  }

  private welcome(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.readers.delete(socket));
    socket.resume();
    socket.write(nflogStreamHeader());
    this.readers.add(socket);
    this.onReader();
  }
}

/** What an earlier run left behind; anything that is alive, or no socket, is left alone. */
async function removeDeadSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  if (!lstatSync(path).isSocket()) throw new Error(`${path} exists and is not a socket`);
  if (await somebodyListens(path)) throw new Error(`${path} is in use`);
  rmSync(path, { force: true });
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
