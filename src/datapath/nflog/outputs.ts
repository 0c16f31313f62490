import type { NflogRecord, NflogSink } from '../../engine/index.ts';
import { type Drain, FileDrain, SocketDrain } from './drains.ts';
import { type PacketTime, RecordBuffer } from './records.ts';

/** One output: a path, and the group that it is for; null for all groups. */
export interface NflogTarget {
  readonly group: number | null;
  readonly path: string;
  readonly isSocket: boolean;
}

export interface NflogOutputOptions {
  readonly time: PacketTime;
  /** The kernel's number of an interface id. */
  readonly indexOf: (interfaceId: number) => number;
  /** Bytes that wait for one output at most, and for one reader of a socket. For tests. */
  readonly bufferBytes?: number;
  readonly backlogBytes?: number;
}

/** Holds some records of the largest size, and thousands of ordinary ones. */
const BUFFER_BYTES = 1024 * 1024;

/**
 * The streams that NFLOG packets go to. Adding copies into memory of a fixed size; a slow or
 * vanished reader costs records, which are counted, never time.
 */
export class NflogOutputs implements NflogSink {
  /** Records that found no room. */
  lost = 0;
  readonly targets: readonly NflogTarget[];
  /** Where the time of the packet in hand is read. */
  time: PacketTime;
  private readonly streams: readonly Stream[];

  private constructor(
    targets: readonly NflogTarget[],
    streams: readonly Stream[],
    time: PacketTime,
  ) {
    this.targets = targets;
    this.streams = streams;
    this.time = time;
  }

  /** Opens all of them, or rejects with what stands in the way and closes the others. */
  static async open(
    targets: readonly NflogTarget[],
    options: NflogOutputOptions,
  ): Promise<NflogOutputs> {
    const streams: Stream[] = [];
    try {
      for (const target of targets) streams.push(await openStream(target, options));
    } catch (error) {
      for (const stream of streams) stream.close();
      throw error;
    }
    return new NflogOutputs(targets, streams, options.time);
  }

  /** Batches that some reader of a socket was too far behind to be given. */
  get skipped(): number {
    return this.streams.reduce((sum, { drain }) => sum + drain.skipped, 0);
  }

  packetLogged(record: NflogRecord): void {
    const { streams, time } = this;
    for (let i = 0; i < streams.length; i++) {
      const stream = streams[i]!;
      if (stream.group !== null && stream.group !== record.options.group) continue;
      if (!stream.add(record, time)) this.lost++;
    }
  }

  /** Hands on what waits. To be called from a timer; a full buffer does it by itself. */
  flush(): void {
    for (const stream of this.streams) stream.flush();
  }

  /** Resolves when every socket has a reader. */
  async untilRead(): Promise<void> {
    for (const { drain } of this.streams) {
      if (drain instanceof SocketDrain) await drain.untilRead();
    }
  }

  close(): void {
    for (const stream of this.streams) stream.close();
  }
}

class Stream {
  readonly group: number | null;
  readonly drain: Drain;
  private readonly waiting: RecordBuffer;
  /** Nobody takes anything: not tried again for every packet, only when the timer flushes. */
  private isStuck = false;

  constructor(group: number | null, drain: Drain, waiting: RecordBuffer) {
    this.group = group;
    this.drain = drain;
    this.waiting = waiting;
    // The header at once: a file without packets is a whole file too.
    this.flush();
  }

  add(record: NflogRecord, time: PacketTime): boolean {
    if (this.waiting.add(record, time)) return true;
    if (this.isStuck) return false;
    this.flush();
    const added = this.waiting.add(record, time);
    this.isStuck = !added;
    return added;
  }

  flush(): void {
    const { waiting } = this;
    this.isStuck = false;
    const gone = this.drain.take(waiting.bytes, 0, waiting.used);
    waiting.bytes.copyWithin(0, gone, waiting.used);
    waiting.used -= gone;
  }

  close(): void {
    this.flush();
    this.drain.close();
  }
}

async function openStream(target: NflogTarget, options: NflogOutputOptions): Promise<Stream> {
  const { path, isSocket, group } = target;
  const drain = isSocket
    ? await SocketDrain.listen(path, options.backlogBytes)
    : new FileDrain(path);
  const size = options.bufferBytes ?? BUFFER_BYTES;
  return new Stream(group, drain, new RecordBuffer(size, options.indexOf));
}
