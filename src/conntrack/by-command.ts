import type { Clock } from '../base/index.ts';
import { icmpQueryReplyType, Proto } from '../wire/index.ts';
import { Direction, Status } from './constants.ts';
import { Field } from './fields.ts';
import { SctpWord } from './protocols/sctp-association.ts';
import { TcpState } from './tcp/states.ts';
import { LONGEST_TIMEOUT_SEC, SctpState } from './timeouts.ts';
import type { Conntrack } from './tracker.ts';
import { Tuple } from './tuple.ts';

/** What a command on an entry ends with; beside each, the errno of the kernel. */
export const CommandResult = {
  Ok: 0,
  /** One of its tuples is held (EEXIST). */
  Exists: 1,
  /** EINVAL */
  Invalid: 2,
  /** A status bit or a helper that cannot be changed any more (EBUSY). */
  Busy: 3,
  /** There is no such master (ENOENT). */
  NoMaster: 4,
  /** The table is full (ENOMEM). */
  Full: 5,
  /** EOPNOTSUPP */
  NotSupported: 6,
  /** The timeout is fixed (EPERM). */
  NotPermitted: 7,
} as const;
export type CommandResultCode = (typeof CommandResult)[keyof typeof CommandResult];

/** What is to be set of an entry; what is not given is left. */
export interface EntryChange {
  readonly timeoutSec?: number;
  /** Bits of `Status` to be set. Those that only the tracker itself may set are passed over. */
  readonly status?: number;
  /** Becomes `(mark & ~mask) ^ value`. */
  readonly mark?: { readonly value: number; readonly mask: number };
  /** Number of the protocol's state; of no meaning to protocols without states. */
  readonly state?: number;
  /** Verification tags of an SCTP association, as on the wire: of original packets, of replies. */
  readonly tags?: readonly [number, number];
  /** Number of a helper, 0 to take it away. */
  readonly helper?: number;
  readonly addLabels?: readonly number[];
  readonly removeLabels?: readonly number[];
}

/** A new entry. The zones stand in the tuples. */
export interface NewEntry extends EntryChange {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly timeoutSec: number;
  readonly master?: Tuple;
}

/** Bits that a command may set; the rest of what it names is passed over (IPS_UNCHANGEABLE_MASK). */
const SETTABLE = Status.SeenReply | Status.Assured | Status.FixedTimeout | Status.Helper;
/** Bits that a command may not even name, unless they are there (ctnetlink_change_status). */
const REFUSED = Status.Expected | Status.Dying;

/**
 * Entries made and changed by command, as nf_conntrack_netlink.c does it. Checks come in its order,
 * so that of several errors the same one is told. Cold. Events are told as for packets.
 */
export class EntryCommands {
  private readonly conntrack: Conntrack;
  private readonly clock: Clock;
  private readonly scratch = new Tuple();

  constructor(conntrack: Conntrack, clock: Clock) {
    this.conntrack = conntrack;
    this.clock = clock;
  }

  /** The row of the living connection with this tuple in either direction, or -1. It is up to date. */
  find(tuple: Tuple): number {
    const { conntrack } = this;
    const ref = conntrack.lookup(tuple);
    if (ref < 0) return -1;
    conntrack.carried.collect(ref >> 1);
    return ref >> 1;
  }

  /**
   * A row for a new entry that is in no index yet, or a negated `CommandResult`: to be translated
   * where that is asked for, then handed to `finish`.
   */
  begin(entry: NewEntry): number {
    if (this.find(entry.original) >= 0) return -CommandResult.Exists;
    if (entry.original.protocol !== entry.reply.protocol) return -CommandResult.Invalid;
    const row = this.conntrack.begin(entry.original, entry.reply);
    return row < 0 ? -CommandResult.Full : row;
  }

  /** Enters the row of `begin`, or gives it back where it cannot be. */
  finish(row: number, entry: NewEntry): CommandResultCode {
    const result = this.complete(row, entry);
    if (result !== CommandResult.Ok) this.conntrack.discard(row);
    return result;
  }

  private complete(row: number, entry: NewEntry): CommandResultCode {
    const { conntrack } = this;
    if (entry.helper !== undefined && entry.helper !== 0) {
      conntrack.table.setHelper(row, entry.helper);
      conntrack.table.addStatus(row, Status.Helper);
    }
    this.setTimeout(row, entry.timeoutSec);
    const refused = this.setStatus(row, entry) || this.setState(row, entry);
    if (refused) return refused;
    this.setMark(row, entry);
    if (entry.master !== undefined && !this.setMaster(row, entry.master)) {
      return CommandResult.NoMaster;
    }
    if (this.isHeld(row)) return CommandResult.Exists;
    this.setLabels(row, entry);
    if (!conntrack.enter(row)) return CommandResult.Exists;
    conntrack.stats.insert++;
    return CommandResult.Ok;
  }

  /**
   * Changes an entry and tells of an UPDATE. What comes before the part that is refused stays
   * changed, as in the kernel.
   */
  change(row: number, change: EntryChange): CommandResultCode {
    // Rules may decide by what is changed.
    this.conntrack.carried.withdraw(row);
    const refused =
      this.changeHelper(row, change) ||
      this.changeTimeout(row, change) ||
      this.setStatus(row, change) ||
      this.setState(row, change);
    if (refused) return refused;
    this.setMark(row, change);
    this.setLabels(row, change);
    this.conntrack.listener?.connectionUpdate(row);
    return CommandResult.Ok;
  }

  /** Only what an entry began with can be confirmed or taken away (ctnetlink_change_helper). */
  private changeHelper(row: number, { helper }: EntryChange): CommandResultCode {
    const { table, expectations } = this.conntrack;
    const present = table.helper(row);
    if (helper === undefined || helper === present) return CommandResult.Ok;
    if (this.conntrack.masterOf(row) >= 0) return CommandResult.Busy;
    if (helper === 0) {
      expectations.removeOfMaster(row);
      table.setHelper(row, 0);
      return CommandResult.Ok;
    }
    return present === 0 ? CommandResult.NotSupported : CommandResult.Busy;
  }

  private changeTimeout(row: number, { timeoutSec }: EntryChange): CommandResultCode {
    if (timeoutSec === undefined) return CommandResult.Ok;
    if (this.conntrack.table.hasStatus(row, Status.FixedTimeout)) return CommandResult.NotPermitted;
    this.setTimeout(row, timeoutSec);
    return CommandResult.Ok;
  }

  private setTimeout(row: number, seconds: number): void {
    const ms = Math.min(seconds, LONGEST_TIMEOUT_SEC) * 1000;
    this.conntrack.table.set(row, Field.ExpiresAt, (this.clock.ms + ms) | 0);
  }

  private setStatus(row: number, { status = 0 }: EntryChange): CommandResultCode {
    const { table } = this.conntrack;
    if ((status & REFUSED & ~table.get(row, Field.Status)) !== 0) return CommandResult.Busy;
    table.addStatus(row, status & SETTABLE);
    return CommandResult.Ok;
  }

  private setState(row: number, { state, tags }: EntryChange): CommandResultCode {
    const { table, trackers } = this.conntrack;
    if (state === undefined) return CommandResult.Ok;
    const protocol = table.protocol(row);
    if (protocol === Proto.Tcp) {
      if (state < 0 || state > TcpState.SynSent2) return CommandResult.Invalid;
      trackers.tcp.setState(row, state);
    } else if (protocol === Proto.Sctp) {
      if (state < 0 || state > SctpState.HeartbeatSent) return CommandResult.Invalid;
      // The state of an association is worth nothing without its tags (nlattr_to_sctp).
      if (tags === undefined) return CommandResult.Invalid;
      table.set(row, Field.State, state);
      table.set(row, SctpWord.TagOriginal, tags[0]);
      table.set(row, SctpWord.TagReply, tags[1]);
    }
    return CommandResult.Ok;
  }

  private setMark(row: number, { mark }: EntryChange): void {
    if (mark === undefined) return;
    const { table } = this.conntrack;
    table.set(row, Field.Mark, (table.get(row, Field.Mark) & ~mark.mask) ^ mark.value);
  }

  /** Labels to be taken away go first: one that is named in both is there afterwards. */
  private setLabels(row: number, change: EntryChange): void {
    const { labels } = this.conntrack;
    for (const label of change.removeLabels ?? []) labels.remove(row, label);
    for (const label of change.addLabels ?? []) labels.add(row, label);
  }

  private setMaster(row: number, tuple: Tuple): boolean {
    const { table } = this.conntrack;
    const master = this.find(tuple);
    if (master < 0) return false;
    table.addStatus(row, Status.Expected);
    table.set(row, Field.MasterRow, master);
    table.set(row, Field.MasterId, table.get(master, Field.Id));
    table.setMasterHelper(row, table.helper(master));
    return true;
  }

  /** Whether another connection holds a tuple of the row; one whose time is over does not. */
  private isHeld(row: number): boolean {
    for (const direction of [Direction.Original, Direction.Reply]) {
      this.conntrack.table.readTuple(row, direction, this.scratch);
      if (this.find(this.scratch) >= 0) return true;
    }
    return false;
  }
}

/** Whether a tuple can be that of a connection: of ICMP, only queries and their answers. */
export function isPossibleTuple(tuple: Tuple): boolean {
  const { protocol } = tuple;
  if (protocol !== Proto.Icmp && protocol !== Proto.Icmpv6) return true;
  return icmpQueryReplyType(tuple.family, tuple.dstPort >> 8) >= 0;
}
