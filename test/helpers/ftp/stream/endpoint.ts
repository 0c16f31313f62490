import type { Prng } from '../../../../src/base/index.ts';

/** A segment between the model's ends. Flags as letters: S, F. Every one carries an acknowledgement. */
export interface Segment {
  seq: number;
  ack: number;
  fin: boolean;
  payload: Uint8Array;
}

/** How an end of the model behaves. */
export interface EndpointOptions {
  /** What it writes, one element per write; its stream ends with the last. */
  readonly writes: readonly Uint8Array[];
  /** Milliseconds between writes. */
  readonly pauseMs: number;
  readonly mss: number;
  readonly nagle: boolean;
  readonly delayedAck: boolean;
  readonly isn: number;
  readonly peerIsn: number;
}

/** What the world gives an end. */
export interface World {
  readonly random: Prng;
  readonly now: () => number;
  readonly at: (ms: number, action: () => void) => void;
  readonly send: (segment: Segment) => void;
}

const FIRST_RTO_MS = 300;
const MAX_RTO_MS = 3000;
const DELAYED_ACK_MS = 40;
const WINDOW = 32_768;

/** One end of a TCP connection after the handshake: a plain sender and receiver without SACK. */
export class Endpoint {
  retransmissions = 0;
  received: number[] = [];
  hasReceivedFin = false;

  private readonly options: EndpointOptions;
  private readonly world: World;
  /** What the application has written so far; its first byte has number isn. */
  private stream: number[] = [];
  private hasEnded = false;
  private unacked: number;
  private next: number;
  /** Highest number sent; `next` falls back behind it after a timeout. */
  private highest: number;
  private rtoMs = FIRST_RTO_MS;
  private timer = 0;
  private duplicates = 0;

  private expected: number;
  private early = new Map<number, number>();
  private finAt: number | null = null;
  private ackOwed = 0;
  private ackTimer = 0;
  private mayAnswerAt = 0;

  constructor(options: EndpointOptions, world: World) {
    this.options = options;
    this.world = world;
    this.unacked = options.isn;
    this.next = options.isn;
    this.highest = options.isn;
    this.expected = options.peerIsn;
  }

  start(): void {
    const { writes, pauseMs } = this.options;
    writes.forEach((bytes, turn) => {
      this.world.at(turn * pauseMs, () => {
        this.stream.push(...bytes);
        this.hasEnded = turn === writes.length - 1;
        this.push();
      });
    });
  }

  /** Everything it wrote, and its FIN, has been acknowledged. */
  get isDone(): boolean {
    return this.hasEnded && this.unacked === this.endSeq;
  }

  /** The number after its FIN. */
  private get endSeq(): number {
    return (this.options.isn + this.stream.length + (this.hasEnded ? 1 : 0)) | 0;
  }

  take(segment: Segment): void {
    this.takeAck(segment);
    this.takeData(segment);
  }

  private takeAck({ ack, payload, fin }: Segment): void {
    const gained = (ack - this.unacked) | 0;
    if (((ack - this.highest) | 0) > 0) throw new Error('acknowledges what was never sent');
    if (gained > 0) {
      this.unacked = ack;
      if (((this.next - ack) | 0) < 0) this.next = ack;
      this.duplicates = 0;
      this.rtoMs = FIRST_RTO_MS;
      this.setTimer();
      this.push();
    } else if (gained === 0 && payload.length === 0 && !fin && this.highest !== this.unacked) {
      if (++this.duplicates === 3) this.resend();
    }
  }

  private takeData({ seq, payload, fin }: Segment): void {
    if (payload.length === 0 && !fin) {
      // RFC 9293 3.10.7.4: an old number is answered; Linux does so twice a second at most.
      const isOld = ((seq - this.expected) | 0) < 0;
      if (isOld && this.world.now() >= this.mayAnswerAt) {
        this.mayAnswerAt = this.world.now() + 500;
        this.ackNow();
      }
      return;
    }
    const isInOrder = ((seq - this.expected) | 0) <= 0;
    const before = this.expected;
    // Bytes that came first stay: most receivers do so.
    payload.forEach((byte, i) => {
      const at = (seq + i) | 0;
      if (((at - this.expected) | 0) >= 0 && !this.early.has(at)) this.early.set(at, byte);
    });
    if (fin) this.finAt ??= (seq + payload.length) | 0;
    this.deliver();
    if (!isInOrder || before === this.expected || this.early.size > 0) this.ackNow();
    else this.ackSoon();
  }

  private deliver(): void {
    for (;;) {
      const byte = this.early.get(this.expected);
      if (byte === undefined) break;
      this.early.delete(this.expected);
      this.received.push(byte);
      this.expected = (this.expected + 1) | 0;
    }
    if (this.finAt !== this.expected || this.hasReceivedFin) return;
    this.hasReceivedFin = true;
    this.expected = (this.expected + 1) | 0;
  }

  private ackSoon(): void {
    this.ackOwed++;
    if (!this.options.delayedAck || this.ackOwed >= 2) {
      this.ackNow();
      return;
    }
    const timer = ++this.ackTimer;
    this.world.at(DELAYED_ACK_MS, () => {
      if (timer === this.ackTimer && this.ackOwed > 0) this.ackNow();
    });
  }

  private ackNow(): void {
    this.emit(this.next, new Uint8Array(0), false);
  }

  /** Sends what may be sent. */
  private push(): void {
    for (;;) {
      const left = this.left(this.next);
      const inFlight = (this.next - this.unacked) | 0;
      if (inFlight >= WINDOW) return;
      const isOld = ((this.next - this.highest) | 0) < 0;
      if (left <= 0) {
        if (!this.hasEnded || this.next === this.endSeq) return;
        this.sendAt(this.next, 0);
        continue;
      }
      // RFC 896: a small segment waits while anything is unacknowledged.
      const mustWait = this.options.nagle && left < this.options.mss && inFlight > 0 && !isOld;
      if (mustWait && !this.hasEnded) return;
      if (mustWait && this.hasEnded && left < this.options.mss) return;
      this.sendAt(this.next, Math.min(left, this.options.mss));
    }
  }

  private left(seq: number): number {
    return (this.options.isn + this.stream.length - seq) | 0;
  }

  private sendAt(seq: number, length: number): void {
    const from = (seq - this.options.isn) | 0;
    const payload = Uint8Array.from(this.stream.slice(from, from + length));
    const end = (seq + length) | 0;
    const fin = this.hasEnded && end === ((this.endSeq - 1) | 0);
    const after = (end + (fin ? 1 : 0)) | 0;
    if (((seq - this.highest) | 0) < 0) this.retransmissions++;
    if (((after - this.highest) | 0) > 0) this.highest = after;
    if (((after - this.next) | 0) > 0) this.next = after;
    this.emit(seq, payload, fin);
    if (this.timer === 0) this.setTimer();
  }

  /** Sends the oldest bytes again, cut as chance has it: more than went at first, or less. */
  private resend(): void {
    const { random, options } = this;
    const sent = (this.highest - this.unacked) | 0;
    const most = Math.min(this.left(this.unacked), sent, options.mss);
    this.sendAt(this.unacked, most <= 1 ? Math.max(most, 0) : 1 + random.below(most));
  }

  private get random(): Prng {
    return this.world.random;
  }

  private setTimer(): void {
    const timer = ++timers;
    this.timer = this.highest === this.unacked ? 0 : timer;
    if (this.timer === 0) return;
    this.world.at(this.rtoMs, () => {
      if (this.timer === timer) this.timeOut();
    });
  }

  /** Go back N: everything from the oldest byte on is sent again as acknowledgements come. */
  private timeOut(): void {
    this.rtoMs = Math.min(this.rtoMs * 2, MAX_RTO_MS);
    this.duplicates = 0;
    this.next = this.unacked;
    this.resend();
    this.setTimer();
  }

  private emit(seq: number, payload: Uint8Array, fin: boolean): void {
    this.ackOwed = 0;
    this.ackTimer++;
    this.world.send({ seq, ack: this.expected, fin, payload });
  }
}

let timers = 0;
