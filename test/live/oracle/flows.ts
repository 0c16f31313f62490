/** Traffic for the oracle: small dialogues of UDP, TCP and ICMP, and packets that belong to nothing. */
import type { Prng } from '../../../src/base/index.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  type NetworkOptions,
  tcpSegment,
  udpSegment,
} from '../../support/packets.ts';
import type { SeenPacket } from '../../support/seen.ts';
import { GenericTalk, GreTalk, IcmpTalk, UdpTalk } from '../tracking/datagram-talks.ts';
import { SctpTalk } from '../tracking/sctp-talk.ts';
import type { Talk } from '../tracking/talk.ts';
import { TcpTalk } from '../tracking/tcp-talk.ts';
import {
  Dialogue,
  type Ends,
  type Flow,
  type Maker,
  network,
  pick,
  randomEnds,
  type Step,
} from './dialogue.ts';
import { Disturbed } from './disturbed.ts';
import { FtpSession } from './ftp-session.ts';
import { rarePacket } from './rare-protocols.ts';
import { TalkFlow } from './talk-flow.ts';

const turnsOfTwo = [
  ['>'],
  ['>', '<'],
  ['>', '>', '<', '<', '>'],
  ['>', '<', '>', '<', '>', '<', '>'],
];

class UdpDialogue extends Dialogue {
  constructor(maker: Maker) {
    super(maker, pick(maker.random, turnsOfTwo), randomEnds(maker));
  }

  protected build(_turn: string, { side, src, dst, sport, dport }: Ends): Uint8Array {
    const payload = this.payload();
    return buildUdp({ ...network(this.maker, side, src, dst), sport, dport, payload });
  }
}

class EchoDialogue extends Dialogue {
  private readonly id16: number;

  constructor(maker: Maker) {
    super(maker, pick(maker.random, turnsOfTwo), randomEnds(maker));
    this.id16 = 1 + maker.random.below(500);
  }

  protected build(turn: string, { side, src, dst, sport }: Ends): Uint8Array {
    const isReply = turn.startsWith('<');
    const options = {
      ...network(this.maker, side, src, dst),
      id16: isReply ? sport || this.id16 : this.id16,
      payload: 'echo',
    };
    return this.maker.words.family === 4
      ? buildIcmp({ ...options, type: isReply ? 0 : 8 })
      : buildIcmpv6({ ...options, type: isReply ? 129 : 128 });
  }

  override arrived(packet: SeenPacket | null): void {
    super.arrived(packet);
    // For ICMP queries `sport` is the identifier, which the answer repeats.
    if (packet !== null && this.second !== null) {
      this.second = { ...this.second, sport: packet.sport };
    }
  }
}

/** Often the ends of an earlier connection, which may be over or not. */
function usedOrNew(maker: Maker): Ends {
  const { random, used } = maker;
  const ends = used.length > 0 && random.below(3) === 0 ? pick(random, used) : randomEnds(maker);
  used.push(ends);
  return ends;
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

  constructor(maker: Maker) {
    const { random } = maker;
    super(maker, pick(random, tcpTurns), usedOrNew(maker));
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
    const ip = network(this.maker, side, src, dst);
    return buildTcp({ ...ip, sport, dport, seq, ack, flags, window: 8192, payload, ...options });
  }
}

/** One packet that nothing follows. */
class Single implements Flow {
  private step: Step | null;

  constructor(step: Step) {
    this.step = step;
  }

  next(): Step | null {
    return this.step;
  }

  arrived(): void {
    this.step = null;
  }
}

const strayFlags = ['A', 'R', 'RA', 'F', 'FA', 'SF', 'FPU', '', 'SA', 'S', 'PA'];
const strayIcmp = [0, 13, 8, 17];
/** Echo, node information, multicast listeners. Neighbour discovery is none of Pinhole's business. */
const strayIcmpv6 = [129, 128, 139, 140, 130, 131, 132, 143, 200];

/** One packet that belongs to nothing. */
function stray(maker: Maker): Flow {
  const { random, words } = maker;
  const { side, src, dst, sport, dport } = randomEnds(maker);
  const ip = network(maker, side, src, dst);
  const icmp = () =>
    words.family === 4
      ? buildIcmp({ ...ip, type: pick(random, strayIcmp), code: 0, id16: 7 })
      : buildIcmpv6({ ...ip, type: pick(random, strayIcmpv6), code: 0, id16: 7 });
  const frame = pick(random, [
    () => buildTcp({ ...ip, sport, dport, flags: pick(random, strayFlags), seq: random.next() }),
    icmp,
    () => otherProtocol(random, ip, words.family === 4 ? [47, 50, 51] : [47, 50, 50]),
    () => buildUdp({ ...ip, sport, dport, payload: 'z'.repeat(random.below(1200)) }),
    () => misshapen(random, ip, sport, dport),
  ])();
  return new Single({ side, frame });
}

/** A transport header that is cut off, or that says it is longer or shorter than it can be. */
function misshapen(random: Prng, ip: NetworkOptions, sport: number, dport: number): Uint8Array {
  const isTcp = random.below(2) === 0;
  const options = Uint8Array.of(2, 4, 5, 180);
  const segment = isTcp
    ? tcpSegment({ ...ip, sport, dport, flags: 'S', options })
    : udpSegment({ ...ip, sport, dport, payload: 'abc' });
  const cut = random.below(2) === 0;
  if (!cut) segment[isTcp ? 12 : 5] = random.below(16) << (isTcp ? 4 : 1);
  const length = cut ? random.below(isTcp ? 24 : 9) : segment.length;
  return buildIp(ip, isTcp ? 6 : 17, segment.slice(0, length));
}

/** GRE without options, or ESP or AH with one of a few indexes. */
function otherProtocol(random: Prng, ip: NetworkOptions, protocols: readonly number[]): Uint8Array {
  const protocol = pick(random, protocols);
  const body = new Uint8Array(24);
  const spi = pick(random, [1, 500, 0x1234]);
  if (protocol === 50) body.set([0, 0, spi >> 8, spi & 0xff]);
  // Next header TCP, length of an index, a sequence number and twelve bytes of proof.
  if (protocol === 51) body.set([6, 4, 0, 0, 0, 0, spi >> 8, spi & 0xff]);
  return buildIp(ip, protocol, body);
}

/** A datagram for the gateway itself, where somebody listens and says nothing. */
function toGateway(maker: Maker): Flow {
  const { random, taste, words } = maker;
  const { side, src, sport } = randomEnds(maker);
  const dst = random.below(4) === 0 ? words.gateway.wan : words.gateway[side];
  // What a host makes of AH or routing headers meant for itself is another matter.
  const ip = { ...network(maker, side, src, dst), ttl: 64, extensions: [] };
  const dport = pick(random, taste.ports);
  const payload = pick(random, taste.words);
  return new Single({ side, frame: buildUdp({ ...ip, sport, dport, payload }) });
}

/** Stacks with windows, retransmissions and accidents, and protocols that few use. */
function talk(maker: Maker): Flow {
  const { random, words, taste } = maker;
  const kind = random.below(10);
  if (kind < 6) return new TalkFlow(maker, new TcpTalk(random), usedOrNew(maker));
  const other = pick<() => Talk>(random, [
    () => new SctpTalk(random),
    () => new SctpTalk(random),
    () => new GreTalk(random),
    () => (taste.onlyKnown === true ? new GreTalk(random) : new GenericTalk(random)),
    () => new UdpTalk(random),
    () => new IcmpTalk(random, words.family),
  ]);
  return new TalkFlow(maker, other(), randomEnds(maker));
}

/** A new dialogue or stray packet and what befalls it; `serial` differs for each. */
export function randomFlow(maker: Maker, serial: number): Flow {
  const { random, taste } = maker;
  if (taste.ftp === true && random.below(2) === 0) {
    // The kernel takes errors about connections with changed lengths for segments, and spoils them.
    return new Disturbed(new FtpSession(maker, serial), maker, { errors: false });
  }
  return new Disturbed(undisturbed(maker), maker);
}

function undisturbed(maker: Maker): Flow {
  const { random, taste } = maker;
  if (taste.toGateway === true && random.below(2) === 0) return toGateway(maker);
  if (taste.rareProtocols === true && random.below(4) > 0) return new Single(rarePacket(maker));
  switch (random.below(7)) {
    case 0:
    case 1:
      return new UdpDialogue(maker);
    case 2:
      return new EchoDialogue(maker);
    case 3:
    case 4:
      return new TcpDialogue(maker);
    case 5:
      // Talks are long, and each packet but the first is an answer.
      return taste.singles === true ? stray(maker) : talk(maker);
    default:
      return stray(maker);
  }
}
