/** Random SCTP associations: mostly as they should be, with chunks that do not belong there. */
import type { Prng } from '../../../src/base/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { be16, be32, join } from '../../support/bytes.ts';
import { buildIp } from '../../support/packets.ts';
import { slowCrc32c } from '../../support/slow-checksum.ts';
import type { EndNumber, Line, Message, Talk } from './talk.ts';

/** Chunk types (RFC 9260 section 3.2). */
const Chunk = {
  Data: 0,
  Init: 1,
  InitAck: 2,
  Sack: 3,
  Heartbeat: 4,
  HeartbeatAck: 5,
  Abort: 6,
  Shutdown: 7,
  ShutdownAck: 8,
  Error: 9,
  CookieEcho: 10,
  CookieAck: 11,
  ShutdownComplete: 14,
} as const;
const allChunks = [...Object.values(Chunk), 12, 13, 15, 192];

interface Said {
  readonly from: EndNumber;
  readonly chunks: readonly Uint8Array[];
  /** The tag; that of the receiver unless it is said otherwise. */
  readonly tag: number;
  readonly badChecksum: boolean;
}

export class SctpTalk implements Talk {
  readonly protocol = Proto.Sctp;
  private readonly random: Prng;
  /** Tags that each end wants to see. */
  private tags: [number, number];
  private readonly said: Said[] = [];

  constructor(random: Prng) {
    this.random = random;
    this.tags = [random.next() | 1, random.next() | 1];
  }

  tupleNumbers(sport: number, dport: number): readonly [number, number] {
    return [sport, dport];
  }

  *messages(): Generator<Message> {
    for (const { from, ...packet } of this.packets()) {
      yield { from, frame: (line) => buildIp(line, Proto.Sctp, segment(line, packet)) };
    }
  }

  private *packets(): Generator<Said> {
    const rounds = this.random.below(100) < 25 ? 2 : 1;
    for (let round = 0; round < rounds; round++) {
      if (this.random.below(100) < 90) yield* this.disturbed(this.opening());
      yield* this.disturbed(this.body());
      if (this.random.below(100) < 70) yield* this.disturbed(this.closing());
      if (this.random.below(100) < 60) this.tags = [this.random.next() | 1, this.random.next() | 1];
    }
  }

  private *disturbed(packets: Iterable<Said>): Generator<Said> {
    for (const packet of packets) {
      this.said.push(packet);
      const fate = this.random.below(100);
      if (fate < 5) continue;
      yield fate < 8 ? { ...packet, badChecksum: true } : packet;
      if (fate > 92) yield packet;
      if (fate > 89 && fate < 93) yield this.said[this.random.below(this.said.length)]!;
    }
  }

  private packet(from: EndNumber, ...chunks: Uint8Array[]): Said {
    const tag = this.tags[from === 0 ? 1 : 0];
    const isWrong = this.random.below(100) < 4;
    return { from, chunks, tag: isWrong ? this.random.next() : tag, badChecksum: false };
  }

  private *opening(): Generator<Said> {
    yield { ...this.packet(0, init(Chunk.Init, this.tags[0])), tag: 0 };
    if (this.random.below(100) < 10) {
      yield { ...this.packet(1, init(Chunk.Init, this.tags[1])), tag: 0 };
    }
    yield this.packet(1, init(Chunk.InitAck, this.tags[1]));
    yield this.packet(0, chunk(Chunk.CookieEcho, 8));
    yield this.packet(1, chunk(Chunk.CookieAck, 0));
  }

  private *body(): Generator<Said> {
    const { random } = this;
    const count = random.below(8);
    for (let i = 0; i < count; i++) {
      const from = random.below(2) as EndNumber;
      const kind = random.below(100);
      if (kind < 40) yield this.packet(from, chunk(Chunk.Data, 16));
      else if (kind < 60) yield this.packet(from, chunk(Chunk.Sack, 12), chunk(Chunk.Data, 20));
      else if (kind < 75) {
        yield this.packet(from, chunk(Chunk.Heartbeat, 8));
        yield this.packet(from === 0 ? 1 : 0, chunk(Chunk.HeartbeatAck, 8));
      } else if (kind < 92) yield this.packet(from, this.anyChunk());
      else yield this.packet(from, this.anyChunk(), this.anyChunk());
    }
  }

  private anyChunk(): Uint8Array {
    const { random } = this;
    const type = allChunks[random.below(allChunks.length)]!;
    if (type === Chunk.Init || type === Chunk.InitAck) return init(type, random.next());
    const made = chunk(type, 4 * random.below(5), random.below(2));
    // A length that lies: shorter than its header, or beyond the packet.
    if (random.below(100) < 8) made.set(be16(random.below(2) === 0 ? 2 : 400), 2);
    return made;
  }

  private *closing(): Generator<Said> {
    const { random } = this;
    const from = random.below(2) as EndNumber;
    const other = from === 0 ? 1 : 0;
    if (random.below(100) < 30) {
      const reflects = random.below(2);
      const abort = this.packet(from, chunk(Chunk.Abort, 0, reflects));
      yield reflects === 1 ? { ...abort, tag: this.tags[from] } : abort;
      return;
    }
    yield this.packet(from, chunk(Chunk.Shutdown, 4));
    yield this.packet(other, chunk(Chunk.ShutdownAck, 0));
    const reflects = random.below(3) === 0 ? 1 : 0;
    const last = this.packet(from, chunk(Chunk.ShutdownComplete, 0, reflects));
    yield reflects === 1 ? { ...last, tag: this.tags[from] } : last;
  }
}

function chunk(type: number, bodyBytes: number, flags = 0): Uint8Array {
  return join(Uint8Array.of(type, flags), be16(4 + bodyBytes), new Uint8Array(bodyBytes).fill(7));
}

function init(type: number, tag: number): Uint8Array {
  const fixed = join(be32(tag), be32(65_536), be16(1), be16(1), be32(1));
  return join(Uint8Array.of(type, 0), be16(4 + fixed.length), fixed);
}

function segment({ sport, dport }: Line, said: Omit<Said, 'from'>): Uint8Array {
  const packet = join(be16(sport), be16(dport), be32(said.tag), be32(0), ...said.chunks);
  const crc = slowCrc32c(packet);
  new DataView(packet.buffer).setUint32(8, said.badChecksum ? crc ^ 0x55 : crc, true);
  return packet;
}
