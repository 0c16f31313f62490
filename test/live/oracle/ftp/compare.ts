/** What counts of an outcome, on either side, and how much of it may be left to chance. */
import { isDeepStrictEqual } from 'node:util';
import { type SeenPacket, seen } from '../../../support/seen.ts';
import type { KernelExpectation } from './ends.ts';
import type { Outcome } from './kernel.ts';

export type Result = Omit<Outcome, 'atSec'>;

/** Without link headers and padding. */
export function comparable({ out, expectations }: Result): Result {
  const datagrams = (frames: readonly string[]) =>
    frames.map((frame) => datagramOf(frame.slice(28)));
  return { out: { lan: datagrams(out.lan), wan: datagrams(out.wan) }, expectations };
}

function datagramOf(hex: string): string {
  const [at, more] = hex.startsWith('4') ? ([4, 0] as const) : ([8, 40] as const);
  return hex.slice(0, 2 * (Number.parseInt(hex.slice(at, at + 4), 16) + more));
}

/** Seconds left may differ by the time between the packet and the question. */
export function isSame(ours: Result, theirs: Result): boolean {
  const near = theirs.expectations.map((list, i) =>
    list.map((each, k) => {
      const own = ours.expectations[i]?.[k]?.timeout ?? 0;
      return Math.abs(own - each.timeout) <= 1 ? { ...each, timeout: own } : each;
    }),
  );
  return isDeepStrictEqual(ours, { ...theirs, expectations: near });
}

/** Which numbers of a segment are not compared. */
export interface Excuse {
  readonly seq: boolean;
  readonly ack: boolean;
}

export const noExcuse: Excuse = { seq: false, ack: false };

/**
 * The same without numbers that are excused, and without the checksum then. A checksum of 0 is as good
 * as one of 0xffff, which is how the kernel sends it where a device sums up for it (skb_checksum_help).
 */
export function excused({ out, expectations }: Result, excuse: Excuse): Result {
  const masked = (hex: string) => {
    const bytes = Buffer.from(hex, 'hex');
    const at = packetOf(hex).l3HeaderLen;
    if (excuse.seq) bytes.fill(0, at + 4, at + 8);
    if (excuse.ack) bytes.fill(0, at + 8, at + 12);
    const isZero = bytes.readUInt16BE(at + 16) === 0xffff;
    if (isZero || excuse.seq || excuse.ack) bytes.fill(0, at + 16, at + 18);
    return bytes.toString('hex');
  };
  return { out: { lan: out.lan.map(masked), wan: out.wan.map(masked) }, expectations };
}

export function described({ out, expectations }: Result): string[] {
  const frames = [...out.lan, ...out.wan].map((hex) => packetText(packetOf(hex)));
  return [
    ...(frames.length === 0 ? ['  dropped'] : frames),
    ...expectations.flatMap((list, i) =>
      list.map((each) => `  ${i} expects ${expectationText(each)}`),
    ),
  ];
}

/** So near to the last port, the kernel may find no other one: it tries as often as there are any. */
const FIRST_SCARCE_PORT = 65_525;
const LAST_RANDOM_PORT = 65_534;

/**
 * True where the announced port was taken under NAT, and each side has chosen another one by chance,
 * or one of them found none among the last few. The text names the port that is expected.
 * The same of the port that a data connection comes from.
 */
export function isChance(sent: SeenPacket, ours: Result, theirs: Result): boolean {
  const differing = theirs.expectations.findIndex(
    (list, i) => !isDeepStrictEqual(list[0]?.tuple, ours.expectations[i]?.[0]?.tuple),
  );
  const [a, b] = [ours, theirs].map(({ expectations }) => expectations[differing]?.[0]);
  const [p, q] = [ours, theirs].map(({ out }) => [...out.lan, ...out.wan].map(packetOf)[0]);
  if (p === undefined || q === undefined) {
    // The one that found a port may have found that of its own expectation of before, and renewed it.
    const { expectations } = p === undefined ? theirs : ours;
    return expectations.flat().some((each) => isScarce(each));
  }
  if (differing < 0) return isOtherSource(sent, p, q);
  if (!isChosen(a) || !isChosen(b)) return false;
  const shape = (packet: SeenPacket, { tuple, ...rest }: KernelExpectation) => {
    const { src, dst, sport, dport, seq, ack, tcpFlags, text } = packet;
    const named = withoutPort(text, tuple[4]);
    return {
      ...rest,
      timeout: 0,
      tuple: tuple.slice(0, 4),
      src,
      dst,
      sport,
      dport,
      seq,
      ack,
      tcpFlags,
      named,
    };
  };
  const [one, other] = [shape(p, a), shape(q, b)];
  return one.named !== null && isDeepStrictEqual(one, other);
}

/** The port that a data connection comes from was taken, and each side has put another in its place. */
function isOtherSource(sent: SeenPacket, ours: SeenPacket, theirs: SeenPacket): boolean {
  const ends = ({ src, dst, dport, seq, tcpFlags }: SeenPacket) => [src, dst, dport, seq, tcpFlags];
  const ports = [ours.sport, theirs.sport];
  return isDeepStrictEqual(ends(ours), ends(theirs)) && !ports.includes(sent.sport);
}

function isChosen(expectation: KernelExpectation | undefined): expectation is KernelExpectation {
  if (expectation === undefined) return false;
  const port = expectation.tuple[4];
  return port > announcedPort(expectation) && port <= LAST_RANDOM_PORT;
}

const isScarce = (expectation: KernelExpectation) =>
  isChosen(expectation) && announcedPort(expectation) >= FIRST_SCARCE_PORT;

/** Nothing is told of port 0. */
const announcedPort = ({ nat }: KernelExpectation) => nat?.[1] ?? 0;

/** The text up to and behind the number of a port; null where it is not named. */
function withoutPort(text: string, port: number): string | null {
  const names = [`,${port >> 8},${port & 255}`, `|${port}|`];
  const name = names.find((each) => text.includes(each));
  return name === undefined ? null : text.replace(name, ' PORT ');
}

const packetOf = (hex: string) => seen(Buffer.from(hex, 'hex'), 'raw');

function packetText({ src, sport, dst, dport, seq, ack, text, datagram }: SeenPacket): string {
  const dscp = (((datagram[0]! << 8) | datagram[1]!) >> (datagram[0]! >> 4 === 4 ? 2 : 6)) & 63;
  const ends = `${src}:${sport} > ${dst}:${dport}`;
  return `  ${ends} dscp ${dscp} seq ${seq} ack ${ack} ${JSON.stringify(text)}`;
}

function expectationText({ tuple, timeout, nat, ...rest }: KernelExpectation): string {
  const [src, dst, protocol, sport, dport] = tuple;
  const more = `${rest.helper} flags ${rest.flags} class ${rest.class} protocol ${protocol}`;
  return `${src}:${sport} > ${dst}:${dport} ${timeout} s, nat ${JSON.stringify(nat)}, ${more}`;
}
