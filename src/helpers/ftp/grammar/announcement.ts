/** What an FTP line announces, and the codes with which the grammar answers. Numbers only: hot. */

/** The six lines that announce a data endpoint (RFC 959 4.1.2, RFC 2428 and RFC 1639). */
export const AnnouncementKind = {
  None: 0,
  /** Client: `PORT 10,0,1,2,200,10` */
  Port: 1,
  /** Client: `EPRT |1|10.0.1.2|51210|` */
  Eprt: 2,
  /** Server: `227 Entering Passive Mode (192,0,2,2,200,10).` */
  Pasv: 3,
  /** Server: `229 Entering Extended Passive Mode (|||51210|)` */
  Epsv: 4,
  /** Client: `LPRT 4,4,10,0,1,2,2,200,10` */
  Lprt: 5,
  /** Server: `228 Entering Long Passive Mode (4,4,192,0,2,2,2,200,10)` */
  Lpsv: 6,
} as const;
export type AnnouncementKindCode = (typeof AnnouncementKind)[keyof typeof AnnouncementKind];

const KIND_NAMES = ['none', 'PORT', 'EPRT', '227', '229', 'LPRT', '228'] as const;

/** The verb or reply code of a kind, as it stands on the wire; for logs and counters. */
export function kindName(kind: AnnouncementKindCode): string {
  return KIND_NAMES[kind];
}

/**
 * The answer of `parseCommand` and `parseReply`. The numbers may change, the names may not.
 *
 * To open something, a command must be exactly right; to refuse it, a suspicion is enough. So there
 * are two codes for a command that names an endpoint, and replies never get the second.
 */
export const FtpParse = {
  /** Another verb or reply, or a continuation line (`227-`): none of the helper's business. */
  NotForUs: 0,
  Ok: 1,
  /** An announcing verb or reply in which nobody can read an endpoint. */
  Malformed: 2,
  /** A field above 255 or a port above 65535. */
  NumberOutOfRange: 3,
  /** Well formed, but nobody can connect to port 0. */
  PortZero: 4,
  /** No line end yet, and what is there may still become, or already is, an announcing line. */
  Incomplete: 5,
  /** Not as the RFC has it, but a lenient server may read this endpoint in it. Opens nothing. */
  Lax: 6,
} as const;
export type FtpParseCode = (typeof FtpParse)[keyof typeof FtpParse];

const PARSE_NAMES = [
  'not-for-us',
  'ok',
  'malformed',
  'number-out-of-range',
  'port-zero',
  'incomplete',
  'lax',
] as const;

/** The stable kebab-case name of a parse code. */
export function ftpParseName(code: FtpParseCode): string {
  return PARSE_NAMES[code];
}

/**
 * One announced endpoint. One object is made per helper and reused for every line.
 *
 * `kind` is set as soon as the verb or reply code is recognised, whatever the answer. Everything
 * else is meaningful after `Ok`, `Lax` and `PortZero` only; after any other answer the address and port
 * are 0 and the number range is empty and stands at the start of the line.
 */
export class FtpAnnouncement {
  kind: AnnouncementKindCode = AnnouncementKind.None;
  /** 0 for a 229, which carries no address. */
  family: 0 | 4 | 6 = 0;
  /** Signed 32-bit words, most significant first; an IPv4 address is in `a0` alone. */
  a0 = 0;
  a1 = 0;
  a2 = 0;
  a3 = 0;
  hasAddress = false;
  port = 0;
  /** The bytes that NAT replaces, as absolute offsets: `10,0,1,2,200,10`, `|1|10.0.1.2|51210|`. */
  numbersStart = 0;
  numbersEnd = 0;
  /** The byte between the fields of EPRT and 229; 0 for the others. */
  delimiter = 0;

  /** Forgets the last line; the number range becomes empty at `at`. */
  reset(at: number): void {
    this.kind = AnnouncementKind.None;
    this.family = 0;
    this.a0 = 0;
    this.a1 = 0;
    this.a2 = 0;
    this.a3 = 0;
    this.hasAddress = false;
    this.port = 0;
    this.numbersStart = at;
    this.numbersEnd = at;
    this.delimiter = 0;
  }

  /** Sets what every well-formed announcement has, and answers `Ok` or `PortZero`. */
  settle(port: number, numbersStart: number, numbersEnd: number): FtpParseCode {
    this.port = port;
    this.numbersStart = numbersStart;
    this.numbersEnd = numbersEnd;
    return port === 0 ? FtpParse.PortZero : FtpParse.Ok;
  }
}
