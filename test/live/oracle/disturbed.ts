/**
 * What happens to the datagrams of a flow on their way: some come in fragments, some make a router
 * or their receiver send an ICMP error.
 */
import type { Prng } from '../../../src/base/index.ts';
import { cutAt, fragmentOf, payloadLength } from '../../engine/fragment-support.ts';
import { buildIcmp, buildIcmpv6 } from '../../support/packets.ts';
import type { SeenPacket } from '../../support/seen.ts';
import { errorKinds, quoteOf } from '../tracking/errors.ts';
import { type Flow, type Maker, network, pick, type Step } from './dialogue.ts';
import { otherSide } from './words.ts';

const CUTS_IN_100 = 12;
const ERRORS_IN_100 = 9;
const TCP = 6;

/**
 * Of all rule sets together: the kernel keeps the pieces of an incomplete datagram while the next
 * set begins, the engine of the next set knows nothing of them.
 */
let lastId = 0;

/** The pieces of a whole frame: usually all of them once, in any order. */
function piecesOf(random: Prng, frame: Uint8Array): readonly Uint8Array[] {
  const length = payloadLength(frame);
  const units = Math.floor((length - 1) / 8);
  // The transport header is in one piece: otherwise a cut header may be INVALID, or pulled together.
  const least = protocolOf(frame) === TCP ? 3 : 1;
  if (units < least) return [frame];
  const places = Array.from(
    { length: 1 + random.below(3) },
    () => 8 * (least + random.below(units - least + 1)),
  );
  const sorted = [...new Set(places)].sort((a, b) => a - b);
  lastId = (lastId + 1) & 0xffff;
  const dontFragment = pick(random, [() => false, () => false, () => true, (i: number) => i === 0]);
  const congested = random.below(12) === 0;
  const tos = (index: number) => (congested && index === 1 ? 3 : 2);
  const options = { id: lastId, dontFragment, ...(congested ? { tos } : {}) };
  const pieces = cutAt(frame, sorted, options);
  return disorder(random, pieces, () => {
    const [from, to] = [8 * random.below(units), length];
    return fragmentOf(frame, { from, to, more: random.below(2) === 0 && to % 8 === 0 }, options);
  });
}

/** In another order, or doubled; seldom without one, or with a piece that overlaps others. */
function disorder(
  random: Prng,
  pieces: readonly Uint8Array[],
  overlapping: () => Uint8Array,
): readonly Uint8Array[] {
  const all = [...pieces];
  const kind = random.below(100);
  if (kind < 30) all.reverse();
  else if (kind < 40) all.splice(random.below(all.length), 0, pick(random, all));
  else if (kind < 47) all.splice(random.below(all.length), 1);
  else if (kind < 54) all.splice(random.below(all.length), 0, overlapping());
  return all;
}

/** Without IP options and extension headers. */
function protocolOf(frame: Uint8Array): number {
  return frame[14]! >> 4 === 4 ? frame[23]! : frame[20]!;
}

/** Only a plain header: what the kernel does to pieces of unlike headers depends on its buffers. */
function isPlain(frame: Uint8Array): boolean {
  const isIpv4 = frame[14]! >> 4 === 4;
  return isIpv4 ? frame[14] === 0x45 : ![0, 43, 44, 51, 60].includes(frame[20]!);
}

/** A flow with its accidents. */
export class Disturbed implements Flow {
  private readonly inner: Flow;
  private readonly maker: Maker;
  private readonly withErrors: boolean;
  /** What is said about the packet that arrived last. */
  private error: Step | null = null;
  private sent: Step | null = null;

  constructor(inner: Flow, maker: Maker, { errors = true } = {}) {
    this.inner = inner;
    this.maker = maker;
    this.withErrors = errors && maker.taste.singles !== true;
  }

  next(): Step | null {
    if (this.error !== null) {
      this.sent = this.error;
      return this.error;
    }
    this.sent = this.inner.next();
    return this.sent === null ? null : this.maybeCut(this.sent);
  }

  arrived(packet: SeenPacket | null): void {
    if (this.error !== null) {
      this.error = null;
      return;
    }
    this.inner.arrived(packet);
    if (packet === null || !this.withErrors) return;
    if (this.maker.random.below(100) < ERRORS_IN_100) this.error = this.errorAbout(packet);
  }

  private maybeCut(step: Step): Step {
    const { random, taste } = this.maker;
    if (taste.fragments !== true || random.below(100) >= CUTS_IN_100) return step;
    return isPlain(step.frame) ? { ...step, pieces: piecesOf(random, step.frame) } : step;
  }

  /** From where the packet arrived: by its receiver or a router there, usually to its sender. */
  private errorAbout(packet: SeenPacket): Step {
    const { random, words } = this.maker;
    const side = otherSide[this.sent!.side];
    const src = random.below(2) === 0 ? packet.dst : pick(random, words.hosts[side]);
    const dst = random.below(20) === 0 ? pick(random, words.hosts[otherSide[side]]) : packet.src;
    const [type, code, rest] = pick<readonly [number, number, number]>(
      random,
      errorKinds[words.family],
    );
    const inner = quoteOf(random, packet.datagram, packet.l3HeaderLen);
    const build = words.family === 4 ? buildIcmp : buildIcmpv6;
    const badChecksum = random.below(25) === 0;
    const options = { ...network(this.maker, side, src, dst), type, code, rest, inner };
    return { side, frame: build({ ...options, badChecksum }) };
  }
}
