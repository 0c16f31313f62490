import { Direction, type DirectionCode, type Tuple } from '../../../conntrack/index.ts';
import { KernelAnnouncement, KernelKind, type KernelKindCode } from './announcement.ts';
import { Ipv6Text } from './ipv6-text.ts';
import {
  ANY_END,
  addressOf,
  digitsAt,
  isDelimiter,
  isDigit,
  readFields,
  readPort,
} from './numbers.ts';

const CR = 0x0d;
const SPACE = 0x20;
const COMMA = 0x2c;
const DOT = 0x2e;
const PARENTHESIS = 0x28;
const FAMILY_IPV4 = 0x31;
const FAMILY_IPV6 = 0x32;

/** What `Search.run` finds at the start of a segment. */
export const Found = {
  Nothing: 0,
  /** It begins like an announcement, but is none that can be read: the packet is dropped. */
  Partial: 1,
  Announcement: 2,
} as const;
export type FoundCode = (typeof Found)[keyof typeof Found];

interface Pattern {
  readonly kind: KernelKindCode;
  /** In lower case. */
  readonly text: Uint8Array;
  /** The numbers begin behind the first of these; 0 where they follow the text. */
  readonly skip: number;
}

function pattern(kind: KernelKindCode, text: string, skip: number): Pattern {
  return { kind, text: Uint8Array.from(Buffer.from(text, 'latin1')), skip };
}

/** By direction, in the order of trial. */
const patterns: readonly (readonly Pattern[])[] = [
  [pattern(KernelKind.Port, 'port', SPACE), pattern(KernelKind.Eprt, 'eprt', SPACE)],
  [pattern(KernelKind.Pasv, '227 ', 0), pattern(KernelKind.Epsv, '229 ', PARENTHESIS)],
];

/**
 * The search of nf_conntrack_ftp.c (find_pattern): one segment, from its first byte. What looks like
 * the beginning of an announcement is as bad as one with damaged numbers.
 */
export class Search {
  /** What was read, after `Found.Announcement`. */
  readonly out = new KernelAnnouncement();
  private readonly fields = new Int32Array(6);
  private readonly ipv6 = new Ipv6Text();
  private family = 0;

  /**
   * Looks at the segment [start, end), which is not empty. `own` is the tuple of its direction: what
   * the announcement does not say of the address is taken from its source.
   */
  run(
    bytes: Uint8Array,
    start: number,
    end: number,
    direction: DirectionCode,
    own: Tuple,
  ): FoundCode {
    const candidates = patterns[direction === Direction.Original ? 0 : 1]!;
    for (let i = 0; i < candidates.length; i++) {
      const { kind, text, skip } = candidates[i]!;
      if (!beginsAlike(bytes, start, end, text)) continue;
      if (end - start <= text.length) return Found.Partial;
      const at = behind(bytes, start + text.length, end, skip);
      if (at < 0) return Found.Partial;
      this.begin(kind, own);
      return this.readNumbers(bytes, at, end) ? Found.Announcement : Found.Partial;
    }
    return Found.Nothing;
  }

  private begin(kind: KernelKindCode, own: Tuple): void {
    const { out } = this;
    this.family = own.family;
    out.kind = kind;
    out.w0 = own.s0;
    out.w1 = own.s1;
    out.w2 = own.s2;
    out.w3 = own.s3;
  }

  private readNumbers(bytes: Uint8Array, at: number, end: number): boolean {
    switch (this.out.kind) {
      case KernelKind.Port:
        return this.readSix(bytes, at, end, CR);
      case KernelKind.Pasv:
        return this.readSix(bytes, firstDigit(bytes, at, end), end, ANY_END);
      case KernelKind.Eprt:
        return this.readEprt(bytes, at, end);
      case KernelKind.Epsv:
        return this.readEpsv(bytes, at, end);
    }
  }

  /** `10,0,1,2,200,10`. Over IPv6 it says the first word of the address, and leaves the others. */
  private readSix(bytes: Uint8Array, at: number, end: number, terminator: number): boolean {
    const { fields, out } = this;
    const length = readFields(bytes, at, end, COMMA, terminator, 6, fields);
    if (length === 0) return false;
    out.w0 = addressOf(fields);
    out.port = ((fields[4]! << 8) | fields[5]!) & 0xffff;
    out.numbersStart = at;
    out.numbersEnd = at + length;
    return true;
  }

  /** `|1|10.0.1.2|51210|`, or family 2 and an IPv6 address: that of the connection only. */
  private readEprt(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at <= 3) return false;
    const delimiter = bytes[at]!;
    if (!isDelimiter(delimiter) || bytes[at + 2] !== delimiter) return false;
    if (bytes[at + 1] !== (this.family === 4 ? FAMILY_IPV4 : FAMILY_IPV6)) return false;
    const length =
      this.family === 4
        ? this.readIpv4(bytes, at + 3, end, delimiter)
        : this.readIpv6(bytes, at + 3, end, delimiter);
    return length > 0 && this.readLastPort(bytes, at, at + 3 + length + 1, end, delimiter);
  }

  private readIpv4(bytes: Uint8Array, at: number, end: number, delimiter: number): number {
    const length = readFields(bytes, at, end, DOT, delimiter, 4, this.fields);
    if (length > 0) this.out.w0 = addressOf(this.fields);
    return length;
  }

  private readIpv6(bytes: Uint8Array, at: number, end: number, delimiter: number): number {
    const { out, ipv6 } = this;
    const length = ipv6.read(bytes, at, end, delimiter);
    if (length === 0) return 0;
    out.w0 = ipv6.words[0]!;
    out.w1 = ipv6.words[1]!;
    out.w2 = ipv6.words[2]!;
    out.w3 = ipv6.words[3]!;
    return length;
  }

  /** `|||51210|`: the address is the speaker's own. */
  private readEpsv(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at <= 3) return false;
    const delimiter = bytes[at]!;
    if (!isDelimiter(delimiter)) return false;
    if (bytes[at + 1] !== delimiter || bytes[at + 2] !== delimiter) return false;
    return this.readLastPort(bytes, at, at + 3, end, delimiter);
  }

  private readLastPort(
    bytes: Uint8Array,
    numbersStart: number,
    at: number,
    end: number,
    delimiter: number,
  ): boolean {
    const { out } = this;
    const port = readPort(bytes, at, end, delimiter);
    if (port < 0) return false;
    out.port = port;
    out.numbersStart = numbersStart;
    out.numbersEnd = at + digitsAt(bytes, at, end) + 1;
    return true;
  }
}

/** True where the segment and `text` are the same as far as both go, in any case of letters. */
function beginsAlike(bytes: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  const length = Math.min(end - start, text.length);
  for (let i = 0; i < length; i++) {
    if (lowerCase(bytes[start + i]!) !== text[i]) return false;
  }
  return true;
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** The place behind the next `skip` from `at`, -1 without one; `at` itself where none is asked for. */
function behind(bytes: Uint8Array, at: number, end: number, skip: number): number {
  if (skip === 0) return at;
  for (let i = at; i < end; i++) {
    if (bytes[i] === skip) return i + 1;
  }
  return -1;
}

/** RFC 1123 4.1.2.6: the text before the numbers of a 227 is free. `end` where there is no digit. */
function firstDigit(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && !isDigit(bytes[i]!)) i++;
  return i;
}
