import type { FtpRefusalAction } from '../../rules/index.ts';

/** Why an announcement opens nothing, or a line does not go on as it came. Stable: they are counted. */
export const FtpReason = {
  /** The address is neither the speaker's own nor a listed third party. */
  AddressMismatch: 'address-mismatch',
  PortBelowMinimum: 'port-below-minimum',
  PortOutsideRange: 'port-outside-range',
  PortZero: 'port-zero',
  NumberOutOfRange: 'number-out-of-range',
  /** Announcing verb or code whose numbers cannot be read. */
  Malformed: 'malformed',
  FamilyMismatch: 'family-mismatch',
  /** 227, 228 or 229 that answers no PASV, LPSV or EPSV. */
  NotAsked: 'not-asked',
  InsideMultilineReply: 'inside-multiline-reply',
  /** PORT from the server, 227 from the client. */
  WrongDirection: 'wrong-direction',
  /** The server has not greeted yet, as servers of FTP do. */
  BeforeGreeting: 'before-greeting',
  /** The client's first line is none of FTP: another protocol that is made to look like it. */
  NotFtp: 'not-ftp',
  Encrypted: 'encrypted',
  EpsvAll: 'epsv-all',
  /** Too many pinholes: of this client, or of all; or too many commands without an answer. */
  Limit: 'limit',
  DeniedCommand: 'denied-command',
  LineTooLong: 'line-too-long',
  /** A command hidden in another one: behind a bare CR, or a NUL. */
  HiddenCommand: 'hidden-command',
  /** Picked up in mid-stream, or behind lost segments: this may be the middle of a line. */
  LineStartUnknown: 'line-start-unknown',
  /** Only one direction of the control connection has been seen. */
  Unanswered: 'unanswered',
  /** Somebody else expects a connection to the same endpoint. */
  AlreadyExpected: 'already-expected',
  NoFreePort: 'no-free-port',
  /** Half of it had gone on before it was known what it is. */
  SplitLine: 'split-line',
  /** PORT 0,0,0,0 where the policy refuses it. */
  ZeroAddress: 'zero-address',
} as const;
export type FtpReasonName = (typeof FtpReason)[keyof typeof FtpReason];

/** One line that was refused, for events, logs and counters. */
export interface FtpRefusal {
  readonly row: number;
  /** The verb or reply code: `PORT`, `227`, `DELE`; `-` where there is none. */
  readonly kind: string;
  readonly reason: FtpReasonName;
  /** The line as servers read it, without its end and without credentials, escaped. */
  readonly line: string;
  /** What was done about it in the end. */
  readonly action: FtpRefusalAction;
}

/** A control connection that can no longer be read. */
export interface FtpEncrypted {
  readonly row: number;
  /** Ports of the server that must be open to the client; null where its passive range is not known. */
  readonly passiveRange: { readonly first: number; readonly last: number } | null;
}

export interface FtpListener {
  announcementRefused(refusal: FtpRefusal): void;
  controlEncrypted(event: FtpEncrypted): void;
}

/** What an operator may know of a control connection. Never a password. */
export interface FtpSessionView {
  readonly row: number;
  /** '' until it is known. */
  readonly user: string;
  readonly isLoggedIn: boolean;
  readonly isEncrypted: boolean;
  /** How the next data connection is opened. */
  readonly mode: '' | 'active' | 'passive';
  /** The verb being carried out, and the file or directory it names; '' between commands. */
  readonly command: string;
  readonly file: string;
  /** Transfers that the server has called done, and bytes of all ended and living data connections. */
  readonly transfers: number;
  readonly bytes: number;
  /** `226 Transfer complete.`; the text is left out where it might repeat a password. */
  readonly lastReply: string;
}

/** What the helper has counted since the start. */
export interface FtpCounters {
  announced: number;
  refused: number;
  rejected: number;
  rewritten: number;
}
