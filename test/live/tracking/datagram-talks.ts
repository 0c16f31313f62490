/** Random talks of the protocols without windows: UDP, ICMP queries, GRE, SCTP, UDP-Lite, others. */
import type { Prng } from '../../../src/base/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { addressBytes, be16, be32, join } from '../../support/bytes.ts';
import { buildIcmp, buildIcmpv6, buildIp, buildUdp } from '../../support/packets.ts';
import { pseudoHeader, slowChecksum } from '../../support/slow-checksum.ts';
import type { EndNumber, Line, Message, Talk } from './talk.ts';

const pick = <T>(random: Prng, all: readonly T[]): T => all[random.below(all.length)]!;

/** Who speaks: usually the client first, sometimes only one of both. */
function* speakers(random: Prng): Generator<EndNumber> {
  const count = 1 + random.below(9);
  const first = random.below(100) < 8 ? 1 : 0;
  yield first;
  for (let i = 1; i < count; i++) yield (random.below(100) < 45 ? 1 : 0) as EndNumber;
}

function ports(sport: number, dport: number): readonly [number, number] {
  return [sport, dport];
}

export class UdpTalk implements Talk {
  readonly protocol = Proto.Udp;
  readonly tupleNumbers = ports;
  private readonly random: Prng;

  constructor(random: Prng) {
    this.random = random;
  }

  *messages(): Generator<Message> {
    const { random } = this;
    for (const from of speakers(random)) {
      const kind = random.below(100);
      const payload = 'u'.repeat(random.below(60));
      const noChecksum = kind < 6;
      const badChecksum = kind >= 6 && kind < 10;
      const wrongLength = kind >= 10 && kind < 14 ? random.below(80) : -1;
      yield {
        from,
        frame: (line) => {
          const frame = buildUdp({ ...line, payload, noChecksum, badChecksum });
          if (wrongLength >= 0) frame.set(be16(wrongLength), frame.length - payload.length - 4);
          return frame;
        },
      };
    }
  }
}

/** Requests with their answers, and types that are neither. */
const queries = {
  4: [
    [8, 0],
    [13, 14],
    [15, 16],
    [17, 18],
    [10, 9],
    [30, 42],
  ],
  6: [
    [128, 129],
    [139, 140],
    [144, 145],
    [200, 201],
  ],
} as const;

export class IcmpTalk implements Talk {
  readonly protocol: number;
  private readonly random: Prng;
  private readonly family: 4 | 6;
  private readonly types: readonly [number, number];

  constructor(random: Prng, family: 4 | 6) {
    this.random = random;
    this.family = family;
    this.protocol = family === 4 ? Proto.Icmp : Proto.Icmpv6;
    this.types =
      random.below(100) < 60
        ? queries[family][0]
        : pick<readonly [number, number]>(random, queries[family]);
  }

  tupleNumbers(sport: number): readonly [number, number] {
    return [sport, this.types[0] << 8];
  }

  *messages(): Generator<Message> {
    const { random, types, family } = this;
    const build = family === 4 ? buildIcmp : buildIcmpv6;
    for (const from of speakers(random)) {
      const kind = random.below(100);
      const code = kind < 5 ? 3 : 0;
      const badChecksum = kind >= 5 && kind < 9;
      const type = kind >= 9 && kind < 13 ? random.below(256) : types[from];
      // An error without a quote is another matter; redirects would teach the gateway routes.
      if (type === 5 || (family === 6 && (type < 128 || (type >= 130 && type <= 137)))) continue;
      const payload = 'p'.repeat(random.below(40));
      yield {
        from,
        frame: (line) => {
          const id16 = from === 0 ? line.sport : line.dport;
          return build({ ...line, type, code, id16, seq16: 1, payload, badChecksum });
        },
      };
    }
  }
}

/** Protocols whose packets are taken as they come. */
abstract class PlainTalk implements Talk {
  abstract readonly protocol: number;
  protected readonly random: Prng;

  constructor(random: Prng) {
    this.random = random;
  }

  tupleNumbers(sport: number, dport: number): readonly [number, number] {
    return [sport, dport];
  }

  protected abstract segment(from: EndNumber): (line: Line) => Uint8Array;

  *messages(): Generator<Message> {
    for (const from of speakers(this.random)) {
      const segment = this.segment(from);
      yield { from, frame: (line) => buildIp(line, this.protocol, segment(line)) };
    }
  }
}

/** Version 0, with or without a key: the tuple has no numbers. */
export class GreTalk extends PlainTalk {
  readonly protocol = Proto.Gre;

  override tupleNumbers(): readonly [number, number] {
    return [0, 0];
  }

  protected segment(): () => Uint8Array {
    const keyed = this.random.below(2) === 1;
    const head = keyed
      ? join(Uint8Array.of(0x20, 0, 8, 0), be32(this.random.below(9)))
      : Uint8Array.of(0, 0, 8, 0);
    // The kernel does not translate less than eight bytes of GRE.
    const payload = new Uint8Array(4 + this.random.below(30));
    return () => join(head, payload);
  }
}

/** A protocol number that has no tracker of its own. */
export class GenericTalk extends PlainTalk {
  readonly protocol: number;

  constructor(random: Prng) {
    super(random);
    this.protocol = pick(random, [4, 33, 89, 103, 112, 200, 253]);
  }

  override tupleNumbers(): readonly [number, number] {
    return [0, 0];
  }

  protected segment(): () => Uint8Array {
    const bytes = new Uint8Array(this.random.below(40)).fill(0x5a);
    return () => bytes;
  }
}

/** Checksum coverage in place of the length (RFC 3828); 0 covers everything. */
export class UdpLiteTalk extends PlainTalk {
  readonly protocol = Proto.UdpLite;

  protected segment(): (line: Line) => Uint8Array {
    const { random } = this;
    const payload = new Uint8Array(random.below(40)).fill(0x6c);
    const kind = random.below(100);
    const covered =
      kind < 40 ? 0 : kind < 80 ? 8 : kind < 90 ? 8 + payload.length : random.below(80);
    const wrong = random.below(100) < 8;
    return (line) => {
      const segment = join(be16(line.sport), be16(line.dport), be16(covered), be16(0), payload);
      const sum = liteChecksum(line, segment, covered === 0 ? segment.length : covered);
      segment.set(be16(wrong ? 0x1234 : sum), 6);
      return segment;
    };
  }
}

/** The pseudo header tells the whole length, the sum goes over what is covered. */
function liteChecksum(line: Line, segment: Uint8Array, covered: number): number {
  const [src, dst] = [addressBytes(line.src), addressBytes(line.dst)];
  const pseudo = pseudoHeader(src, dst, Proto.UdpLite, segment.length);
  return slowChecksum(join(pseudo, segment.subarray(0, covered))) || 0xffff;
}
