import type {
  CausedArgs,
  ChangedEntryDto,
  ConntrackChangeDto,
  ConntrackCreateDto,
  ConntrackDto,
  ConntrackEventDto,
  ConntrackFilterDto,
  ConntrackGetArgs,
  ConntrackListArgs,
  EventName,
  ExpectCreateDto,
  ExpectDto,
  ExpectEventDto,
  HelperEventDto,
  StatsDto,
} from './entry-types.ts';
import type {
  EncryptedEventDto,
  FtpCountersDto,
  FtpServerCountsDto,
  FtpSessionDto,
  FtpSessionsArgs,
} from './ftp-types.ts';

/**
 * What daemon and command line say to each other: newline-delimited JSON objects over a unix
 * stream socket. Every type here survives JSON: no bigint, no Map, no undefined in an array.
 *
 *   -> {"id":1,"cmd":"conntrack.list","args":{"table":"conntrack"}}
 *   <- {"id":1,"item":{…}}          any number of times
 *   <- {"id":1,"done":{…}}          or {"id":1,"error":{"code":"…","message":"…"}}
 */

/** A command of iptables: its words without the program's name. */
export interface IptablesCommandArgs {
  family?: 4 | 6;
  argv: string[];
}

/** A text to be restored, and the options of iptables-restore. */
export interface RestoreArgs {
  family?: 4 | 6;
  text: string;
  /** -n */
  keepRules?: boolean;
  /** -c */
  counters?: boolean;
  /** -t */
  test?: boolean;
  /** -T */
  table?: string;
  /** -v */
  verbose?: boolean;
}

export interface SaveArgs {
  family?: 4 | 6;
  table?: string;
  counters?: boolean;
}

/** A piece of what a command prints, on standard output or standard error. */
export interface PrintedDto {
  out?: string;
  err?: string;
}

/** A rule file: the path is that of whoever asks, for messages; nothing is read under it. */
export interface FileDto {
  path: string;
  text: string;
}

export interface ApplyArgs {
  files: FileDto[];
  /** Files that scripts among `files` include. */
  included?: FileDto[];
  /** Take over `[packets:bytes]`. */
  counters?: boolean;
  dryRun?: boolean;
  diff?: boolean;
  /** What is read and not carried out is an error. */
  strict?: boolean;
  /** Bring the rules before back after so many seconds unless `rules.confirm` comes. */
  confirmSec?: number;
}

/** A message about the files; or a piece of the rules before and after, for a comparison. */
export interface ApplyItemDto {
  message?: string;
  before?: string;
  after?: string;
}

/** A setting: `nf_conntrack_max`, without `net.netfilter.`, and its value as text. */
export interface SysctlDto {
  name: string;
  value: string;
}

type Exchange<Args, Item, Done> = { args: Args; item: Item; done: Done };
type None = Record<string, never>;
type AnyObject = Record<string, unknown>;

/** Every command: its arguments, the items of its answer, and the object that ends it. */
export interface ControlCommands {
  'conntrack.list': Exchange<ConntrackListArgs, ConntrackDto, AnyObject>;
  'conntrack.count': Exchange<None, never, { count: number }>;
  'conntrack.flush': Exchange<{ family?: 4 | 6 } & CausedArgs, never, AnyObject>;
  /**
   * By their ids, or all that a filter holds for. Items are the entries that were there and are gone
   * now, as they were.
   */
  'conntrack.delete': Exchange<
    { ids?: number[]; filter?: ConntrackFilterDto } & CausedArgs,
    ConntrackDto,
    AnyObject
  >;
  /** The entry, or the error NOT_FOUND. */
  'conntrack.get': Exchange<ConntrackGetArgs, ConntrackDto, AnyObject>;
  /**
   * Errors: EXISTS (the entry is changed instead where `orChange`), INVALID, NOT_SUPPORTED (no such
   * helper), BUSY, NO_MASTER, FULL.
   */
  'conntrack.create': Exchange<
    { entry: ConntrackCreateDto; orChange?: boolean } & CausedArgs,
    ConntrackDto,
    AnyObject
  >;
  /**
   * Items are the entries that are still there, as they are now. One that refuses says so in
   * `failure` and keeps nobody else from being changed; the answer then ends with the first failure:
   * INVALID, BUSY, NOT_SUPPORTED, NOT_PERMITTED (its timeout is fixed).
   */
  'conntrack.update': Exchange<
    { ids: number[]; change: ConntrackChangeDto } & CausedArgs,
    ChangedEntryDto,
    AnyObject
  >;
  /** One item for each CPU (or engine). */
  'conntrack.stats': Exchange<None, StatsDto, AnyObject>;
  /** Without an end, until the client closes the connection. `events`: which ones; all if absent. */
  'conntrack.events': Exchange<{ events?: EventName[] }, ConntrackEventDto, AnyObject>;
  'expect.list': Exchange<{ family?: 4 | 6 }, ExpectDto, AnyObject>;
  'expect.count': Exchange<None, never, { count: number }>;
  'expect.flush': Exchange<None, never, AnyObject>;
  /** Errors: EXISTS, INVALID, NO_MASTER, NOT_SUPPORTED (the master has no helper), BUSY, FULL. */
  'expect.create': Exchange<{ expect: ExpectCreateDto }, ExpectDto, AnyObject>;
  /** Items are the expectations that are gone now. */
  'expect.delete': Exchange<{ ids: number[] }, ExpectDto, AnyObject>;
  /** What `net.netfilter.nf_conntrack_NAME` says, one item each; all where no names are given. */
  'sysctl.get': Exchange<{ names?: string[] }, SysctlDto, AnyObject>;
  /** All or nothing. Errors: UNKNOWN_SYSCTL, READ_ONLY, INVALID (the message names it). */
  'sysctl.set': Exchange<{ settings: SysctlDto[] }, SysctlDto, AnyObject>;
  'expect.events': Exchange<None, ExpectEventDto | HelperEventDto | EncryptedEventDto, AnyObject>;
  /** Control connections with the FTP helper. Errors: INVALID (no address). */
  'ftp.sessions': Exchange<FtpSessionsArgs, FtpSessionDto, AnyObject>;
  /** Items are what was refused of each server. */
  'ftp.counters': Exchange<None, FtpServerCountsDto, FtpCountersDto>;
  'iptables.command': Exchange<IptablesCommandArgs, PrintedDto, { exitCode: number }>;
  'iptables.restore': Exchange<RestoreArgs, PrintedDto, { exitCode: number }>;
  /** Items are pieces of the text. */
  'iptables.save': Exchange<SaveArgs, string, AnyObject>;
  /** With `errors` 0 also how many rules and `# pinhole: ftp` lines the files hold. */
  'rules.apply': Exchange<
    ApplyArgs,
    ApplyItemDto,
    { applied: boolean; errors: number; rules?: number; directives?: number }
  >;
  'rules.confirm': Exchange<None, never, AnyObject>;
  'rules.revert': Exchange<None, never, AnyObject>;
  /** Ends when the rules on trial are kept, turned down, or not confirmed in time. */
  'rules.trial': Exchange<None, never, { end: string }>;
  status: Exchange<None, AnyObject, AnyObject>;
  reload: Exchange<AnyObject, AnyObject, AnyObject>;
}

export type ControlCommand = keyof ControlCommands;

const commandNames: Record<ControlCommand, true> = {
  'conntrack.list': true,
  'conntrack.count': true,
  'conntrack.flush': true,
  'conntrack.delete': true,
  'conntrack.get': true,
  'conntrack.create': true,
  'conntrack.update': true,
  'conntrack.stats': true,
  'conntrack.events': true,
  'expect.list': true,
  'expect.count': true,
  'expect.flush': true,
  'expect.create': true,
  'expect.delete': true,
  'sysctl.get': true,
  'sysctl.set': true,
  'expect.events': true,
  'ftp.sessions': true,
  'ftp.counters': true,
  'iptables.command': true,
  'iptables.restore': true,
  'iptables.save': true,
  'rules.apply': true,
  'rules.confirm': true,
  'rules.revert': true,
  'rules.trial': true,
  status: true,
  reload: true,
};

/** Whether `name` is a command of this protocol. */
export function isControlCommand(name: string): name is ControlCommand {
  return Object.hasOwn(commandNames, name);
}

/** A request as it arrives: the arguments are checked by whoever carries the command out. */
export interface ControlRequest {
  id: number;
  cmd: ControlCommand;
  args: Record<string, unknown>;
}
