/**
 * Traffic for the oracle: small dialogues of UDP, TCP and ICMP, and packets that belong to nothing.
 * An end answers what arrived there, so that translations are followed as a host would.
 */
import type { Prng } from '../../../src/base/index.ts';
import {
  buildIcmp,
  buildIp,
  buildTcp,
  buildUdp,
  type NetworkOptions,
} from '../../support/packets.ts';
import { type SeenPacket, seen } from '../../support/seen.ts';
import { hosts, macs, type Side } from './kernel.ts';

/** A frame that one side sends now. */
export interface Step {
  readonly side: Side;
  readonly frame: Uint8Array;
}

export interface Flow {
  /** The next frame, or null where the dialogue is over. */
  next(): Step | null;
  /** What arrived of the last frame at the other side; null where nothing did. */
  arrived(packet: SeenPacket | null): void;
}

/** What the traffic of a rule set should touch. */
export interface Taste {
  readonly ports: readonly number[];
  readonly words: readonly string[];
}

export const plainTaste: Taste = {
  ports: [21, 22, 53, 80, 443, 1024, 8080, 40_000],
  words: ['', 'x', 'hello', 'GET / HTTP/1.0', 'evil payload', 'EVIL', 'abababac', 'The quick fox'],
};

const otherSide = { lan: 'wan', wan: 'lan' } as const;

function pick<T>(random: Prng, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

/** Link header and the odd header fields that rules look at. */
function network(random: Prng, side: Side, src: string, dst: string): NetworkOptions {
  const link =
    side === 'lan'
      ? { srcMac: macs.client, dstMac: macs.lan }
      : { srcMac: macs.server, dstMac: macs.wan };
  return {
    ...link,
    src,
    dst,
    id: 1 + random.below(60_000),
    ttl: pick(random, [64, 64, 64, 63, 128, 255, 5, 2]),
    tos: pick(random, [0, 0, 0, 0x10, 0x08, 0x02, 0x01, 0x03, 0xb8, 0x20]),
    dontFragment: random.below(2) === 0,
  };
}

interface Ends {
  readonly side: Side;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

function randomEnds(random: Prng, taste: Taste): Ends {
  const side = random.below(4) === 0 ? 'wan' : 'lan';
  return {
    side,
    src: pick(random, hosts[side]),
    dst: pick(random, hosts[otherSide[side]]),
    sport: random.below(3) === 0 ? pick(random, taste.ports) : 30_000 + random.below(64),
    dport: pick(random, taste.ports),
  };
}

/** The ends as the one who answers a packet sees them. */
function answering(side: Side, packet: SeenPacket): Ends {
  const { src, dst, sport, dport } = packet;
  return { side, src: dst, dst: src, sport: dport, dport: sport };
}

/** A dialogue whose turns are told beforehand: `>` from the one who began, `<` from the other. */
abstract class Dialogue implements Flow {
  protected readonly random: Prng;
  protected readonly taste: Taste;
  protected readonly first: Ends;
  /** Ends of the answers, known when something has arrived. */
  protected second: Ends | null = null;
  private readonly turns: readonly string[];
  private at = 0;

  constructor(random: Prng, taste: Taste, turns: readonly string[], ends: Ends) {
    this.random = random;
    this.taste = taste;
    this.first = ends;
    this.turns = turns;
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
    return pick(this.random, this.taste.words);
  }
}

const udpTurns = [
  ['>'],
  ['>', '<'],
  ['>', '>', '<', '<', '>'],
  ['>', '<', '>', '<', '>', '<', '>'],
];

class UdpDialogue extends Dialogue {
  constructor(random: Prng, taste: Taste) {
    super(random, taste, pick(random, udpTurns), randomEnds(random, taste));
  }

  protected build(_turn: string, { side, src, dst, sport, dport }: Ends): Uint8Array {
    const payload = this.payload();
    return buildUdp({ ...network(this.random, side, src, dst), sport, dport, payload });
  }
}

class EchoDialogue extends Dialogue {
  private readonly id16: number;

  constructor(random: Prng, taste: Taste) {
    super(random, taste, pick(random, udpTurns), randomEnds(random, taste));
    this.id16 = 1 + random.below(500);
  }

  protected build(turn: string, { side, src, dst, sport }: Ends): Uint8Array {
    const isReply = turn.startsWith('<');
    const options = { type: isReply ? 0 : 8, id16: isReply ? sport || this.id16 : this.id16 };
    return buildIcmp({ ...network(this.random, side, src, dst), ...options, payload: 'echo' });
  }

  override arrived(packet: SeenPacket | null): void {
    super.arrived(packet);
    // For ICMP queries `sport` is the identifier, which the answer repeats.
    if (packet !== null && this.second !== null) {
      this.second = { ...this.second, sport: packet.sport };
    }
  }
}

const openTurns = ['>S', '<SA', '>A'];
const tcpTurns = [
  ['>S'],
  openTurns,
  [...openTurns, '>PA', '<A', '<PA', '>A'],
  [...openTurns, '>PA', '<PA', '>FA', '<A', '<FA', '>A'],
  [...openTurns, '<PA', '>PA', '<PA', '>A', '>R'],
];

class TcpDialogue extends Dialogue {
  /** Next sequence number of each end. */
  private readonly seqs: [number, number];
  private readonly options: Uint8Array;

  constructor(random: Prng, taste: Taste, serial: number) {
    // A port of its own: TCP remembers its connections, and Pinhole not yet their windows.
    const ends = { ...randomEnds(random, taste), sport: 30_000 + serial };
    super(random, taste, pick(random, tcpTurns), ends);
    this.seqs = [random.next(), random.next()];
    const mss = pick(random, [536, 1200, 1460, 9000]);
    this.options =
      random.below(3) === 0 ? new Uint8Array(0) : Uint8Array.of(2, 4, mss >> 8, mss & 0xff);
  }

  protected build(turn: string, { side, src, dst, sport, dport }: Ends): Uint8Array {
    const who = turn.startsWith('>') ? 0 : 1;
    const flags = turn.slice(1);
    const payload = flags === 'PA' ? this.payload() || 'data' : '';
    const seq = this.seqs[who] >>> 0;
    const ack = flags === 'S' ? 0 : this.seqs[1 - who]! >>> 0;
    this.seqs[who] += payload.length + (/[SF]/.test(flags) ? 1 : 0);
    const options = flags.includes('S') ? { options: this.options } : {};
    const ip = network(this.random, side, src, dst);
    return buildTcp({ ...ip, sport, dport, seq, ack, flags, window: 8192, payload, ...options });
  }
}

/** One packet that belongs to nothing. */
class Stray implements Flow {
  private step: Step | null;

  constructor(random: Prng, taste: Taste) {
    const { side, src, dst, sport, dport } = randomEnds(random, taste);
    const ip = network(random, side, src, dst);
    const frame = pick(random, [
      () => buildTcp({ ...ip, sport, dport, flags: pick(random, strayFlags), seq: random.next() }),
      () => buildIcmp({ ...ip, type: pick(random, [0, 13, 8, 17]), code: 0, id16: 7 }),
      () => otherProtocol(random, ip),
      () => buildUdp({ ...ip, sport, dport, payload: 'z'.repeat(random.below(1300)) }),
    ])();
    this.step = { side, frame };
  }

  next(): Step | null {
    return this.step;
  }

  arrived(): void {
    this.step = null;
  }
}

const strayFlags = ['A', 'R', 'RA', 'F', 'FA', 'SF', 'FPU', '', 'SA', 'S', 'PA'];

/** GRE without options, or ESP or AH with one of a few indexes. */
function otherProtocol(random: Prng, ip: NetworkOptions): Uint8Array {
  const protocol = pick(random, [47, 50, 51]);
  const body = new Uint8Array(24);
  const spi = pick(random, [1, 500, 0x1234]);
  if (protocol === 50) body.set([0, 0, spi >> 8, spi & 0xff]);
  // Next header TCP, length of an index, a sequence number and twelve bytes of proof.
  if (protocol === 51) body.set([6, 4, 0, 0, 0, 0, spi >> 8, spi & 0xff]);
  return buildIp(ip, protocol, body);
}

/** A new dialogue or stray packet; `serial` differs for each. */
export function randomFlow(random: Prng, taste: Taste, serial: number): Flow {
  const Kind = pick(random, [
    UdpDialogue,
    UdpDialogue,
    EchoDialogue,
    TcpDialogue,
    TcpDialogue,
    Stray,
  ]);
  return new Kind(random, taste, serial);
}

export const see = (frame: Uint8Array): SeenPacket => seen(frame);
export const across = (side: Side): Side => otherSide[side];
