/**
 * Dialogues of two hosts through the gateway. An end answers what arrived there, so that
 * translations are followed as a host would.
 */
import type { Prng } from '../../../src/base/index.ts';
import {
  authentication,
  destinationOptions,
  fragmentHeader,
  hopByHop,
  type Ipv6Extension,
  type NetworkOptions,
  routing,
} from '../../support/packets.ts';
import type { SeenPacket } from '../../support/seen.ts';
import { macs, otherSide, type Side, type Words } from './words.ts';

/** A frame that one side sends now. */
export interface Step {
  readonly side: Side;
  readonly frame: Uint8Array;
  /** Fragments of it that are sent in its place, one after the other. */
  readonly pieces?: readonly Uint8Array[];
}

export interface Flow {
  /** The next frame, or null where the dialogue is over. */
  next(): Step | null;
  /** What arrived of the last frame at the other side, put together; null where nothing did. */
  arrived(packet: SeenPacket | null): void;
}

/** What the traffic of a rule set should touch. */
export interface Taste {
  readonly ports: readonly number[];
  readonly words: readonly string[];
  /** Datagrams for the gateway itself, beside those that go through. */
  readonly toGateway?: boolean;
  /** FTP sessions, beside all other traffic. Their lengths change under translation. */
  readonly ftp?: boolean;
  /** No answers: for translations that each stack chooses for itself. */
  readonly singles?: boolean;
  /**
   * None of the talks of protocols that Linux tracks by their number alone: REJECT answers those
   * only where their bytes sum to 0.
   */
  readonly onlyKnown?: boolean;
  /** SCTP, DCCP and the like among the rest. */
  readonly rareProtocols?: boolean;
  /** IPv6 extension headers on half of the packets, of all kinds. */
  readonly extensions?: boolean;
  /** Fragments among the packets: only where the kernel tracks, for else it does not join them. */
  readonly fragments?: boolean;
}

export const plainTaste: Taste = {
  ports: [21, 22, 53, 80, 443, 1024, 8080, 40_000],
  words: ['', 'x', 'hello', 'GET / HTTP/1.0', 'evil payload', 'EVIL', 'abababac', 'The quick fox'],
};

/** Everything chance needs to make traffic. */
export interface Maker {
  readonly random: Prng;
  readonly taste: Taste;
  readonly words: Words;
  /** Ends of the TCP connections so far. */
  readonly used: Ends[];
}

export function pick<T>(random: Prng, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

/** An option that nobody knows and all skip (RFC 4727), with data. */
const unknownOption = Uint8Array.of(0x1e, 4, 1, 2, 3, 4);
const routerAlert = Uint8Array.of(5, 2, 0, 0);
const extensionChains: readonly (readonly Ipv6Extension[])[] = [
  [hopByHop()],
  [hopByHop(unknownOption)],
  [hopByHop(routerAlert)],
  [destinationOptions()],
  [destinationOptions(Uint8Array.of(...unknownOption, ...routerAlert))],
  [routing(0)],
  [routing(1)],
  [hopByHop(unknownOption), destinationOptions(), routing(1), destinationOptions(unknownOption)],
  [authentication()],
];
/** Whole packets with a fragment header, which tracking takes off. */
const atomicChains: readonly (readonly Ipv6Extension[])[] = [
  ...extensionChains,
  [fragmentHeader({ offsetBytes: 0, more: false, id: 77 })],
  [destinationOptions(), fragmentHeader({ offsetBytes: 0, more: false, id: 7 }), routing(0)],
];

/** Link header and the odd header fields that rules look at. */
export function network(maker: Maker, side: Side, src: string, dst: string): NetworkOptions {
  const { random, taste, words } = maker;
  const link =
    side === 'lan'
      ? { srcMac: macs.client, dstMac: macs.lan }
      : { srcMac: macs.server, dstMac: macs.wan };
  const isRich = taste.extensions === true;
  const hasExtensions = words.family === 6 && random.below(isRich ? 2 : 8) === 0;
  const chains = taste.fragments === true ? atomicChains : extensionChains;
  return {
    ...link,
    src,
    dst,
    id: 1 + random.below(60_000),
    ttl: pick(random, [64, 64, 64, 63, 128, 255, 5, 2]),
    tos: pick(random, [0, 0, 0, 0x10, 0x08, 0x02, 0x01, 0x03, 0xb8, 0x20]),
    dontFragment: random.below(2) === 0,
    extensions: hasExtensions ? pick(random, chains) : [],
  };
}

export interface Ends {
  readonly side: Side;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

export function randomEnds({ random, taste, words }: Maker): Ends {
  const side = random.below(4) === 0 ? 'wan' : 'lan';
  return {
    side,
    src: pick(random, words.hosts[side]),
    dst: pick(random, words.hosts[otherSide[side]]),
    sport: random.below(3) === 0 ? pick(random, taste.ports) : 30_000 + random.below(64),
    dport: pick(random, taste.ports),
  };
}

/** The ends as the one who answers a packet sees them. */
export function answering(side: Side, packet: SeenPacket): Ends {
  const { src, dst, sport, dport } = packet;
  return { side, src: dst, dst: src, sport: dport, dport: sport };
}

/** A dialogue whose turns are told beforehand: `>` from the one who began, `<` from the other. */
export abstract class Dialogue implements Flow {
  protected readonly maker: Maker;
  protected readonly random: Prng;
  protected readonly first: Ends;
  /** Ends of the answers, known when something has arrived. */
  protected second: Ends | null = null;
  private readonly turns: readonly string[];
  private at = 0;

  constructor(maker: Maker, turns: readonly string[], ends: Ends) {
    this.maker = maker;
    this.random = maker.random;
    this.first = ends;
    this.turns = maker.taste.singles === true ? turns.slice(0, 1) : turns;
  }

  next(): Step | null {
    const turn = this.turns[this.at];
    if (turn === undefined) return null;
    const ends = turn.startsWith('>') ? this.first : this.second;
    if (ends === null) return null;
    return { side: ends.side, frame: this.build(turn, ends) };
  }

  arrived(packet: SeenPacket | null): void {
    const turn = this.turns[this.at++]!;
    // A lost packet ends most dialogues, as a host would try again for a while and give up.
    if (packet === null && this.random.below(4) !== 0) this.at = this.turns.length;
    if (packet === null || !turn.startsWith('>') || this.second !== null) return;
    this.second = answering(otherSide[this.first.side], packet);
  }

  protected abstract build(turn: string, ends: Ends): Uint8Array;

  protected payload(): string {
    return pick(this.random, this.maker.taste.words);
  }
}
