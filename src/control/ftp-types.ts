import type { CountedTupleDto, TupleDto } from './entry-types.ts';

/** What the FTP helper knows and counts, as it travels over the control socket. */

export interface EndDto {
  address: string;
  port: number;
}

/** An announced data connection that has not come yet. */
export interface FtpHoleDto {
  /** Of the expectation. */
  id: number;
  /** What announced it: `PORT`, `227`; '' where nothing did. */
  kind: string;
  /** Who may connect, and to what as seen from there. */
  src: string;
  dst: EndDto;
  /** Last port, where there is more than one. */
  lastPort: number;
  /** Where it leads in the end, behind any translation. */
  leadsTo: EndDto;
  /** Seconds left. */
  timeout: number;
}

/** A data connection. */
export interface FtpDataDto {
  /** Of the connection entry. */
  id: number;
  state: string;
  timeout: number;
  orig: CountedTupleDto;
  reply: CountedTupleDto;
  /** Of both directions, headers included; null where connections are not counted. */
  bytes: number | null;
}

/** What has been said on a control connection, as far as anybody may know it. */
export interface FtpDialogueDto {
  /** '' until it is known. */
  user: string;
  loggedIn: boolean;
  encrypted: boolean;
  /** How the next data connection is opened; '' until that is known. */
  mode: '' | 'active' | 'passive';
  /** The command being carried out, and the file or directory it names; '' between commands. */
  command: string;
  file: string;
  /** Transfers done, and bytes of all data connections. */
  transfers: number;
  bytes: number;
  lastReply: string;
}

/** A control connection that the FTP helper watches. */
export interface FtpSessionDto {
  /** Of the connection entry. */
  id: number;
  family: 4 | 6;
  state: string;
  /** Seconds left, unless a packet comes. */
  timeout: number;
  /** Both ends as the client knows them. */
  client: EndDto;
  server: EndDto;
  /** Both ends as the server knows them: other ones under NAT. */
  realServer: EndDto;
  seenClient: EndDto;
  /** null where the helper keeps nothing, as the kernel's twin. */
  dialogue: FtpDialogueDto | null;
  holes: FtpHoleDto[];
  data: FtpDataDto[];
}

/** Which sessions are meant: by an address, under any name it has there, and by user. */
export interface FtpSessionsArgs {
  client?: string;
  server?: string;
  user?: string;
}

/** Refusals of one server (its real address, or `other`), by reason. */
export interface FtpServerCountsDto {
  server: string;
  reasons: Record<string, number>;
}

/** What the helper has counted since the start. */
export interface FtpCountersDto {
  mode: string;
  /** Control connections at present. */
  sessions: number;
  /** Announcements that were followed, and lines refused; of these, not let through as they came. */
  announced: number;
  refused: number;
  rejected: number;
  rewritten: number;
  reasons: Record<string, number>;
}

/** A control connection can no longer be read. */
export interface EncryptedEventDto {
  event: 'ENCRYPTED';
  time: number;
  helper: string;
  /** Original tuple of the control connection. */
  master: TupleDto;
  /** Where its server really is. */
  server: string;
  /** The server's ports that clients must reach; null where nobody has said which. */
  passiveRange: { first: number; last: number } | null;
}
