/**
 * Random TCP conversations as a gateway sees them: plausible ends with windows, scaling and SACK,
 * and everything that happens to segments on the way and to stacks in bad days: losses,
 * retransmissions, reordering, windows overrun, resets of all kinds, reuse of the ports.
 */
import type { Prng } from '../../../src/base/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { be16, be32, join } from '../../support/bytes.ts';
import { buildTcp, type TcpOptions } from '../../support/packets.ts';
import type { EndNumber, Message, Talk } from './talk.ts';

/** A segment without its addresses and ports. */
type Segment = Pick<
  TcpOptions,
  'seq' | 'ack' | 'flags' | 'window' | 'options' | 'payload' | 'badChecksum'
> & { readonly from: EndNumber };

/** One stack: where it stands in its own stream and in the other's. */
interface End {
  next: number;
  /** Behind the last byte of the other end that it has. */
  expects: number;
  readonly scale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  /** The window field as it would stand in its next segment. */
  window: number;
}

const percent = (random: Prng, chance: number) => random.below(100) < chance;
const pick = <T>(random: Prng, all: readonly T[]): T => all[random.below(all.length)]!;

function sackBlocks(edges: readonly number[]): Uint8Array {
  return join(Uint8Array.of(1, 1, 5, 2 + edges.length * 4), ...edges.map((edge) => be32(edge)));
}

export class TcpTalk implements Talk {
  readonly protocol = Proto.Tcp;
  private readonly random: Prng;
  private readonly mostActions: number;
  private readonly ends: [End, End];
  private readonly said: Segment[] = [];
  /** Segments on a slower way. */
  private late: Segment[] = [];

  /** Between opening and closing less than `mostActions` things happen. */
  constructor(random: Prng, mostActions = 12) {
    this.random = random;
    this.mostActions = mostActions;
    this.ends = [this.newEnd(), this.newEnd()];
  }

  private newEnd(): End {
    const { random } = this;
    // Some begin shortly before the numbers wrap.
    const next = percent(random, 20) ? -1 - random.below(3000) : random.below(0xffffffff) | 0;
    return {
      next,
      expects: 0,
      scale: percent(random, 70) ? random.below(percent(random, 90) ? 9 : 16) : -1,
      sack: percent(random, 70),
      timestamps: percent(random, 50),
      window: pick(random, [1000, 5840, 14_600, 29_200, 64_240, 65_535]),
    };
  }

  tupleNumbers(sport: number, dport: number): readonly [number, number] {
    return [sport, dport];
  }

  *messages(): Generator<Message> {
    for (const { from, ...parts } of this.segments()) {
      yield { from, frame: (line) => buildTcp({ ...line, ...parts }) };
    }
  }

  /** All segments in the order in which the gateway meets them. */
  private *segments(): Generator<Segment> {
    const rounds = 1 + (percent(this.random, 25) ? 1 : 0);
    for (let round = 0; round < rounds; round++) {
      yield* this.disturbed(this.opening());
      yield* this.disturbed(this.body());
      yield* this.disturbed(this.closing());
      yield* this.late.splice(0);
      if (percent(this.random, 50)) yield* this.disturbed(this.stragglers());
      // The same ports again: with numbers further on, or with any.
      const further = percent(this.random, 60);
      const before = this.ends;
      const again: [End, End] = [this.newEnd(), this.newEnd()];
      if (further) for (const i of [0, 1] as const) again[i].next = (before[i].next + 70_000) | 0;
      this.ends[0] = again[0];
      this.ends[1] = again[1];
    }
  }

  /** What the way does to segments: some are lost, doubled, or overtaken. */
  private *disturbed(segments: Iterable<Segment>): Generator<Segment> {
    const { random } = this;
    for (const segment of segments) {
      this.said.push(segment);
      const fate = random.below(100);
      if (fate < 5) continue;
      if (fate < 12) this.late.push(segment);
      else yield segment;
      if (fate > 96) yield segment;
      while (this.late.length > 0 && percent(random, 35)) yield this.late.shift()!;
    }
  }

  private segment(from: EndNumber, flags: string, parts: Partial<Segment> = {}): Segment {
    const end = this.ends[from];
    const hasAck = flags.includes('A');
    return {
      from,
      flags,
      seq: end.next,
      ack: hasAck ? end.expects : 0,
      window: end.window,
      ...(end.timestamps && !flags.includes('S') ? { options: this.stamp() } : {}),
      ...parts,
    };
  }

  private stamp(): Uint8Array {
    return join(Uint8Array.of(1, 1, 8, 10), be32(this.random.below(1e9)), be32(1));
  }

  private synOptions(end: End, mayScale: boolean, maySack: boolean): Uint8Array {
    const parts = [Uint8Array.of(2, 4), be16(1460)];
    if (maySack && end.sack) parts.push(Uint8Array.of(4, 2));
    if (end.timestamps) parts.push(Uint8Array.of(8, 10), be32(7), be32(0));
    if (mayScale && end.scale >= 0) parts.push(Uint8Array.of(1, 3, 3, end.scale));
    return join(...parts);
  }

  private syn(from: EndNumber): Segment {
    const end = this.ends[from];
    const segment = this.segment(from, percent(this.random, 5) ? 'SEC' : 'S', {
      options: this.synOptions(end, true, true),
    });
    return segment;
  }

  private synAck(from: EndNumber): Segment {
    const [end, peer] = [this.ends[from], this.ends[from === 0 ? 1 : 0]];
    // Now and then a stack offers what it was not offered.
    const rude = percent(this.random, 5);
    return this.segment(from, 'SA', {
      ack: (peer.next + 1) | 0,
      options: this.synOptions(end, rude || peer.scale >= 0, rude || peer.sack),
    });
  }

  private *opening(): Generator<Segment> {
    const { random } = this;
    const kind = random.below(100);
    const [client, server] = this.ends;
    if (kind < 12) {
      // Nothing seen of the beginning.
      client.expects = server.next;
      server.expects = client.next;
      return;
    }
    if (kind < 17) {
      yield this.syn(0);
      if (percent(random, 50)) yield this.syn(0);
      yield this.segment(1, 'RA', { seq: 0, ack: (client.next + 1) | 0 });
      return;
    }
    if (kind < 22) yield* this.simultaneous();
    else {
      if (kind < 25) yield this.synAck(1);
      yield this.syn(0);
      while (percent(random, 15)) yield this.syn(0);
      if (kind < 29) yield this.segment(1, 'A', { ack: (client.next - random.below(9999)) | 0 });
      yield this.synAck(1);
      if (kind < 33) yield { ...this.synAck(1), ack: (client.next + 1 + random.below(9)) | 0 };
      while (percent(random, 12)) yield this.synAck(1);
    }
    client.next = (client.next + 1) | 0;
    server.next = (server.next + 1) | 0;
    client.expects = server.next;
    server.expects = client.next;
    if (kind >= 36) yield this.segment(0, 'A');
  }

  private *simultaneous(): Generator<Segment> {
    yield this.syn(0);
    yield this.syn(1);
    if (percent(this.random, 70)) yield this.synAck(0);
    yield this.synAck(1);
  }

  private *body(): Generator<Segment> {
    const actions = this.random.below(this.mostActions);
    for (let i = 0; i < actions; i++) yield* this.action();
  }

  private *action(): Generator<Segment> {
    const { random } = this;
    const from = random.below(2) as EndNumber;
    const end = this.ends[from];
    if (percent(random, 15)) {
      end.window = pick(random, [0, 0, 1, 100, 1000, 8192, 32_768, 65_535]);
    }
    const kind = random.below(100);
    if (kind < 38) yield this.data(from, 1 + random.below(pick(random, [10, 500, 1400])));
    else if (kind < 58) yield this.acknowledge(from);
    else if (kind < 68) yield* this.again();
    else if (kind < 74) yield this.selective(from);
    else if (kind < 80) yield this.beyond(from);
    else if (kind < 84) yield this.behind(from);
    else if (kind < 89) yield this.oddAck(from);
    else if (kind < 93) yield this.segment(from, 'A', { seq: (end.next - 1) | 0 });
    else if (kind < 95) yield this.reset(from);
    else if (kind < 97) yield this.strange(from);
    else if (kind < 98) yield this.syn(from);
    else yield this.synAck(from);
  }

  private data(from: EndNumber, length: number): Segment {
    const end = this.ends[from];
    const flags = percent(this.random, 50) ? 'PA' : percent(this.random, 5) ? 'PAU' : 'A';
    const segment = this.segment(from, flags, { payload: 'x'.repeat(length) });
    end.next = (end.next + length) | 0;
    // Whether it arrives: the other end goes on from there, or from before it.
    if (!percent(this.random, 15)) this.ends[from === 0 ? 1 : 0].expects = end.next;
    return segment;
  }

  private acknowledge(from: EndNumber): Segment {
    if (percent(this.random, 60)) this.ends[from].expects = this.ends[from === 0 ? 1 : 0].next;
    return this.segment(from, 'A');
  }

  /** Something said before is said again, whole or in part. */
  private *again(): Generator<Segment> {
    const { random } = this;
    const old = this.said[random.below(Math.max(1, this.said.length))];
    if (old === undefined) return;
    const times = percent(random, 70) ? 1 : 5;
    for (let i = 0; i < times; i++) yield { ...old, window: this.ends[old.from].window };
  }

  private selective(from: EndNumber): Segment {
    const { random } = this;
    const peer = this.ends[from === 0 ? 1 : 0];
    const blocks = 1 + random.below(3);
    const edges: number[] = [];
    const reach = pick(random, [100, 2000, 200_000]);
    for (let i = 0; i < blocks; i++) {
      const right = (peer.next + (percent(random, 85) ? -1 : 1) * random.below(reach)) | 0;
      edges.push((right - random.below(500)) | 0, right);
    }
    return this.segment(from, 'A', { options: sackBlocks(edges) });
  }

  /** Further than the window, by little or by much. */
  private beyond(from: EndNumber): Segment {
    const { random } = this;
    const end = this.ends[from];
    const far = pick(random, [1, 100, 5000, 70_000, 1 << 20, 1 << 30]) + random.below(2000);
    const length = random.below(200);
    return this.segment(from, 'A', { seq: (end.next + far) | 0, payload: 'y'.repeat(length) });
  }

  private behind(from: EndNumber): Segment {
    const { random } = this;
    const far = pick(random, [1, 1000, 60_000, 200_000, 1 << 28]) + random.below(2000);
    const length = random.below(200);
    const seq = (this.ends[from].next - far) | 0;
    return this.segment(from, 'A', { seq, payload: 'z'.repeat(length) });
  }

  private oddAck(from: EndNumber): Segment {
    const { random } = this;
    const peer = this.ends[from === 0 ? 1 : 0];
    const far = pick(random, [1, 1000, 66_000, 200_000, 1 << 28]) + random.below(1000);
    const ack = percent(random, 50) ? peer.next + far : peer.next - far;
    return this.segment(from, 'A', { ack: ack | 0 });
  }

  private reset(from: EndNumber): Segment {
    const { random } = this;
    const end = this.ends[from];
    const peer = this.ends[from === 0 ? 1 : 0];
    const off = pick(random, [0, 0, 1, -1, 500, -500, 100_000, -100_000, 1 << 29]);
    const seq = percent(random, 60) ? end.next : peer.expects;
    return this.segment(from, pick(random, ['R', 'RA']), { seq: (seq + off) | 0 });
  }

  private strange(from: EndNumber): Segment {
    const { random } = this;
    const flags = pick(random, [
      '',
      'F',
      'SF',
      'SR',
      'FSRPAU',
      'P',
      'U',
      'SAU',
      'RAP',
      'FAU',
      'SU',
    ]);
    return this.segment(from, flags, { badChecksum: percent(random, 20) });
  }

  private *closing(): Generator<Segment> {
    const { random } = this;
    const kind = random.below(100);
    if (kind < 20) return;
    if (kind < 40) {
      yield this.reset(random.below(2) as EndNumber);
      if (percent(random, 30)) yield* this.body();
      return;
    }
    const first = random.below(2) as EndNumber;
    const second = first === 0 ? 1 : 0;
    yield this.fin(first);
    if (percent(random, 30)) yield this.acknowledge(second);
    if (percent(random, 20)) yield this.data(second, 1 + random.below(300));
    if (percent(random, 10)) yield* this.again();
    yield this.fin(second);
    if (percent(random, 85)) yield this.acknowledge(first);
    if (percent(random, 20)) yield this.reset(first);
  }

  private fin(from: EndNumber): Segment {
    const end = this.ends[from];
    const peer = this.ends[from === 0 ? 1 : 0];
    if (percent(this.random, 80)) end.expects = peer.next;
    const segment = this.segment(from, percent(this.random, 30) ? 'FPA' : 'FA');
    end.next = (end.next + 1) | 0;
    if (percent(this.random, 85)) peer.expects = end.next;
    return segment;
  }

  /** What still comes when all is over. */
  private *stragglers(): Generator<Segment> {
    const count = 1 + this.random.below(3);
    for (let i = 0; i < count; i++) {
      const from = this.random.below(2) as EndNumber;
      const kind = this.random.below(5);
      if (kind === 0) yield* this.again();
      else if (kind === 1) yield this.reset(from);
      else if (kind === 2) yield this.data(from, 1 + this.random.below(100));
      else if (kind === 3) yield this.acknowledge(from);
      else yield this.synAck(from);
    }
  }
}
