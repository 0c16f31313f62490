/**
 * What the FTP helper does about a control connection, as far as rule files may say it: the keys of
 * `# pinhole: ftp` directives, docs/ftp.md. Plain data; every setting has a default in the helper.
 */

/** What happens to a command that is not let through. */
export const ftpRefusals = ['reject', 'drop', 'reset', 'pass'] as const;
/**
 * `reject`: the command is overwritten, so that the server itself answers with an error and the
 * session goes on. `drop`: the line is taken out of the stream, and never answered. `reset`: both
 * ends get a reset. `pass`: it goes on untouched; no pinhole is opened all the same.
 */
export type FtpRefusalAction = (typeof ftpRefusals)[number];

/** A network: its first address as words (IPv4 in `words[0]`), and the bits that count. */
export interface FtpNetwork {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
  readonly prefixLen: number;
}

export interface FtpPortRange {
  readonly first: number;
  readonly last: number;
}

export interface FtpSettings {
  /** Verbs that may be used, in capitals; null for all. */
  readonly allow: readonly string[] | null;
  /** Verbs that may not be used, in capitals. */
  readonly deny: readonly string[];
  /** What happens to them, and to whatever else these settings forbid; `pass` is not possible. */
  readonly denied: Exclude<FtpRefusalAction, 'pass'>;
  /** STOR, STOU, APPE. */
  readonly upload: boolean;
  /** RETR. */
  readonly download: boolean;
  /** LIST, NLST, MLSD. */
  readonly list: boolean;
  /** Nobody but `anonymous` and `ftp` may log in. */
  readonly anonymousOnly: boolean;
  /** Shell patterns (* ? [...]): of these files only, if there are any, and never of those. */
  readonly files: readonly string[];
  readonly denyFiles: readonly string[];
  /** Longest line that is read, in bytes with its end. */
  readonly maxLine: number;
  /** Where announcements may lead besides to the ends of the control connection (FXP). */
  readonly thirdParties: readonly FtpNetwork[];
  /** Lowest port that may be announced (RFC 2577 section 3). */
  readonly minPort: number;
  /** The ports that the server's passive mode uses; null where it is not known. */
  readonly passiveRange: FtpPortRange | null;
  /** Pinholes at once: of one control connection, and of all of one client address. */
  readonly maxHoles: number;
  readonly maxHolesPerClient: number;
  /** How long a pinhole stays open unused, in seconds. */
  readonly holeLifetime: number;
  /** The text of the server's greeting; null leaves it as it is. */
  readonly banner: string | null;
  /** SYST is answered with nothing but `UNIX Type: L8`. */
  readonly maskSyst: boolean;
  /** What happens to an announcement of the client that names somebody else. */
  readonly bounce: FtpRefusalAction;
  /** PORT 0,0,0,0,p,p: the client's own address, or refused. */
  readonly zeroAddress: 'own' | 'refuse';
  /** AUTH TLS and AUTH SSL: let through, or refused. */
  readonly authTls: 'pass' | 'reject';
  /** A 227 with a wrong address gets the server's own. */
  readonly repair: boolean;
}

/** What a directive holds for. */
export type FtpScope =
  | { readonly kind: 'all' }
  /** Control connections to this server, under its real or its public address. */
  | { readonly kind: 'server'; readonly network: FtpNetwork }
  /** Control connections that got their helper from the rule with this `--comment`. */
  | { readonly kind: 'rule'; readonly comment: string };

/** One `# pinhole: ftp` line. */
export interface FtpDirective {
  readonly scope: FtpScope;
  /** What the line sets; the rest is left to wider scopes. */
  readonly settings: Partial<FtpSettings>;
  /** Where it stands, for messages. */
  readonly file: string;
  readonly line: number;
  /** The line as it stands in the file, for rules that are saved. */
  readonly text: string;
}
