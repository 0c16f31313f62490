import assert from 'node:assert/strict';
import { Prng } from '../../../../src/base/index.ts';
import { Relay, RelayOutcome } from '../../../../src/helpers/ftp/stream/relay.ts';
import { SeqAdjust } from '../../../../src/nat/index.ts';
import { L4Checksum, type Packet, TcpFlag, verifyL4Checksum } from '../../../../src/wire/index.ts';
import { buildTcp, dirtyPacket, loadPacket } from '../../../support/packets.ts';
import { Endpoint, type EndpointOptions, type Segment } from './endpoint.ts';
import { LetterJudge } from './letter-judge.ts';

/** What the links do to segments: parts of 100. */
export interface Faults {
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
  /** A segment is cut in two on its way to the gateway. */
  readonly cut: number;
  /** Bytes that the gateway has seen before are other ones when they come again. */
  readonly tamper: number;
}

export const noFaults: Faults = { loss: 0, duplicate: 0, reorder: 0, cut: 0, tamper: 0 };

const GIVE_UP_MS = 900_000;
const LINK_MS = 5;
const addresses = [
  { src: '10.0.0.2', dst: '192.0.2.9', sport: 40_000, dport: 21 },
  { src: '192.0.2.9', dst: '10.0.0.2', sport: 21, dport: 40_000 },
] as const;

type Ends = readonly [EndpointOptions, EndpointOptions];
type Way = 0 | 1;

/** Two ends, the gateway between them, four lossy links, and simulated time. */
export class WireModel {
  readonly ends: readonly [Endpoint, Endpoint];
  readonly relays: readonly [Relay, Relay];
  readonly judges: readonly [LetterJudge, LetterJudge];
  mostKept = 0;
  nowMs = 0;

  private readonly queue: { ms: number; order: number; action: () => void }[] = [];
  private order = 0;
  private readonly random: Prng;
  private readonly faults: Faults;
  private readonly isTransparent: boolean;
  private readonly seqAdjust = new SeqAdjust();
  private readonly packet: Packet = dirtyPacket();
  /** How far each end's stream has come to the gateway. */
  private readonly seen: [number, number];

  constructor(seed: number, options: Ends, faults: Faults, isTransparent = false) {
    this.random = new Prng(seed);
    this.faults = faults;
    this.isTransparent = isTransparent;
    this.judges = [new LetterJudge(), new LetterJudge()];
    this.relays = [this.relay(0), this.relay(1)];
    this.seen = [options[0].isn, options[1].isn];
    this.ends = [this.endpoint(0, options[0]), this.endpoint(1, options[1])];
    this.relays[0].startAt(options[0].isn);
    this.relays[1].startAt(options[1].isn);
  }

  /** Runs until both streams have arrived and been acknowledged; fails where they never do. */
  run(): void {
    for (const end of this.ends) end.start();
    while (!this.ends.every((end) => end.isDone && end.hasReceivedFin)) {
      const next = this.takeNext();
      assert.ok(next !== undefined, 'nothing more happens');
      assert.ok(next.ms < GIVE_UP_MS, 'stalled');
      this.nowMs = next.ms;
      next.action();
    }
  }

  /** Delivers what is still on its way. */
  settle(): void {
    for (let next = this.takeNext(); next !== undefined; next = this.takeNext()) {
      this.nowMs = next.ms;
      next.action();
    }
  }

  private takeNext() {
    const { queue } = this;
    let first = 0;
    for (let i = 1; i < queue.length; i++) {
      const a = queue[i]!;
      const b = queue[first]!;
      if (a.ms < b.ms || (a.ms === b.ms && a.order < b.order)) first = i;
    }
    const taken = queue[first];
    if (taken !== undefined) {
      queue[first] = queue.at(-1)!;
      queue.pop();
    }
    return taken;
  }

  private relay(way: Way): Relay {
    const relay = new Relay(this.judges[way], (seq, oldLen, newLen) => {
      this.seqAdjust.record(way, seq, oldLen, newLen);
    });
    this.judges[way].relay = relay;
    return relay;
  }

  private endpoint(way: Way, options: EndpointOptions): Endpoint {
    return new Endpoint(options, {
      random: this.random,
      now: () => this.nowMs,
      at: (ms, action) => this.at(ms, action),
      send: (segment) => this.leaves(way, segment),
    });
  }

  private at(delayMs: number, action: () => void): void {
    this.queue.push({ ms: this.nowMs + delayMs, order: this.order++, action });
  }

  private leaves(way: Way, segment: Segment): void {
    const { payload, seq, ack, fin } = segment;
    if (payload.length > 1 && this.happens(this.faults.cut)) {
      const at = 1 + this.random.below(payload.length - 1);
      this.link(() => this.pass(way, { seq, ack, fin: false, payload: payload.slice(0, at) }));
      this.link(() =>
        this.pass(way, { seq: (seq + at) | 0, ack, fin, payload: payload.slice(at) }),
      );
    } else this.link(() => this.pass(way, segment));
  }

  /** A link keeps the order of what it does not delay. */
  private link(arrive: () => void): void {
    if (this.happens(this.faults.loss)) return;
    const delay = this.happens(this.faults.reorder) ? this.random.below(60) : 0;
    this.at(LINK_MS + delay, arrive);
    if (this.happens(this.faults.duplicate)) this.at(LINK_MS + this.random.below(80), arrive);
  }

  private happens(percent: number): boolean {
    return percent > 0 && this.random.below(100) < percent;
  }

  private pass(way: Way, segment: Segment): void {
    const other = way === 0 ? 1 : 0;
    if (this.isTransparent) {
      this.link(() => this.ends[other].take(segment));
      return;
    }
    const packet = this.load(way, this.tampered(way, segment));
    const [sent, heard] = [this.relays[way], this.relays[other]];
    const ack = (packet.ack - this.seqAdjust.ackOffset(way, packet.ack)) | 0;
    heard.acknowledged(ack, 1000, 0);
    const outcome = sent.take(packet);
    this.mostKept = Math.max(this.mostKept, sent.keptBytes);
    if (outcome === RelayOutcome.Hold && sent.mayPromise) {
      const promise = { seq: segment.ack, ack: sent.promisedAck, fin: false };
      this.link(() => this.ends[way].take({ ...promise, payload: new Uint8Array(0) }));
    }
    if (outcome === RelayOutcome.Drop) return;
    if (outcome === RelayOutcome.Hold && !sent.leavesAck) return;
    assert.notEqual(outcome, RelayOutcome.Reset);
    this.goOn(way, packet, heard);
  }

  private goOn(way: Way, packet: Packet, heard: Relay): void {
    assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
    this.seqAdjust.apply(packet, way);
    const start = packet.payloadOffset;
    const out: Segment = {
      seq: packet.seq,
      ack: heard.lift(packet.ack),
      fin: (packet.tcpFlags & TcpFlag.Fin) !== 0,
      payload: packet.bytes.slice(start, start + packet.payloadLen),
    };
    this.link(() => this.ends[way === 0 ? 1 : 0].take(out));
  }

  private load(way: Way, { seq, ack, fin, payload }: Segment): Packet {
    const flags = fin ? 'FA' : 'A';
    return loadPacket(
      buildTcp({ ...addresses[way], seq, ack, flags, payload }),
      'ethernet',
      this.packet,
    );
  }

  private tampered(way: Way, segment: Segment): Segment {
    const end = (segment.seq + segment.payload.length) | 0;
    const known = (this.seen[way] - segment.seq) | 0;
    if (known >= 0 && ((end - this.seen[way]) | 0) > 0) this.seen[way] = end;
    if (known <= 0 || !this.happens(this.faults.tamper)) return segment;
    const payload = segment.payload.slice();
    for (let i = 0; i < Math.min(known, payload.length); i++) {
      payload[i] = this.random.below(4) === 0 ? 0x0a : 0x61 + this.random.below(26);
    }
    return { ...segment, payload };
  }
}
