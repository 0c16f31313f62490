import { Prng } from '../base/index.ts';
import {
  Conntrack,
  CtStateBit,
  Direction,
  Status,
  TrackReason,
  type TrackReasonCode,
  Tuple,
} from '../conntrack/index.ts';
import {
  FtpHelper,
  HelperId,
  type HelperPromise,
  HelperVerdict,
  helperName,
} from '../helpers/index.ts';
import { ErrorNat, IcmpErrorNat, type ManipCode, Nat, SeqAdjustTable } from '../nat/index.ts';
import type { RuleContext } from '../rules/index.ts';
import { type Packet, Proto, quotesDatagram } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import { InvalidLog } from './invalid-log.ts';
import type { EngineParts } from './parts.ts';
import { DropReason } from './reasons.ts';

/** Answers towards the ends of a connection; implemented by the engine's actions. */
export interface ConnectionAnswers {
  resetConnection(packet: Packet): void;
  acknowledge(packet: Packet, promise: HelperPromise): void;
}

/** The connection side of the pipeline: tracker, translations, helper, sequence adjustment. */
export class Tracking {
  readonly conntrack: Conntrack;
  readonly nat: Nat;
  readonly icmpErrors: IcmpErrorNat;
  readonly seqAdjust: SeqAdjustTable;
  readonly ftp: FtpHelper;
  readonly invalidLog: InvalidLog;

  private readonly flight: Flight;
  /** Ports whose new connections get the FTP helper without a rule. */
  ftpPorts: readonly number[];
  private readonly tuple = new Tuple();

  constructor(parts: EngineParts, flight: Flight) {
    const { clock, settings, seed } = parts;
    const random = new Prng(seed);
    this.flight = flight;
    this.ftpPorts = settings.ftpPorts;
    this.conntrack = new Conntrack(clock, settings.conntrack, seed);
    this.invalidLog = new InvalidLog(settings.conntrack, parts.interfaces);
    this.nat = new Nat(this.conntrack, random);
    this.icmpErrors = new IcmpErrorNat(this.conntrack.table);
    this.seqAdjust = new SeqAdjustTable(this.conntrack.table);
    const { conntrack, seqAdjust } = this;
    conntrack.trackers.tcp.offsets = seqAdjust;
    this.ftp = new FtpHelper({ conntrack, seqAdjust, clock, random }, settings.ftp);
    conntrack.carried.settlement.onClosed = (row) => {
      if (conntrack.table.helper(row) === HelperId.Ftp) this.ftp.closed(row);
    };
  }

  /** Classifies the packet. False where it must be dropped and no rule asked. */
  track(packet: Packet, context: RuleContext, fault: TrackReasonCode): boolean {
    const { conntrack, flight } = this;
    // What the raw table took out of tracking is not looked at, sound or not (nf_conntrack_in).
    if (flight.untracked) conntrack.untrack();
    else if (fault !== TrackReason.None) conntrack.invalidate(fault, packet);
    else conntrack.track(packet, flight.template);
    flight.row = conntrack.row;
    flight.direction = conntrack.direction;
    flight.ctState = conntrack.state;
    flight.trackReason = conntrack.reason;
    this.fillContext(context);
    if (conntrack.state === CtStateBit.Invalid && this.invalidLog.wants(packet.protocol)) {
      this.invalidLog.write(conntrack.reason, context);
    }
    if (!conntrack.mustDrop) return true;
    const isFull = conntrack.reason === TrackReason.TableFull;
    flight.reason = isFull ? DropReason.TableFull : DropReason.Tracker;
    return false;
  }

  /** Tells the rules what the tracker and the translations so far say. */
  fillContext(context: RuleContext): void {
    const { row, ctState } = this.flight;
    context.ctState = ctState;
    if (row < 0) return;
    const { table } = this.conntrack;
    if (table.hasStatus(row, Status.SrcNat)) context.ctState |= CtStateBit.Snat;
    if (table.hasStatus(row, Status.DstNat)) context.ctState |= CtStateBit.Dnat;
    context.masterHelper = helperName(table.masterHelper(row));
  }

  /**
   * Ends a masqueraded connection that would leave by another interface than it began with: its next
   * packet begins one with that interface's address (nf_nat_oif_changed). True where it did.
   */
  endsMoved(): boolean {
    const { conntrack, flight } = this;
    const { row, direction, outIf } = flight;
    if (direction !== Direction.Original) return false;
    const by = conntrack.table.masqueradedBy(row);
    if (by < 0 || by === outIf) return false;
    flight.reason = DropReason.MasqueradeMoved;
    if (this.isConfirmed()) {
      conntrack.destroy(row);
      flight.row = -1;
    }
    return true;
  }

  isConfirmed(): boolean {
    return this.conntrack.table.hasStatus(this.flight.row, Status.Confirmed);
  }

  /**
   * Translates one side of an ICMP error of the packet's connection. False where it must be dropped.
   * `underNat` says whether anything is translated here at all.
   */
  translateError(packet: Packet, manip: ManipCode, underNat: boolean): boolean {
    const { flight, icmpErrors } = this;
    const { row } = flight;
    if (!underNat && !this.conntrack.table.hasStatus(row, Status.SrcNat | Status.DstNat))
      return true;
    const done = icmpErrors.translate(packet, row, flight.direction, manip);
    if (done === ErrorNat.Refused) flight.reason = DropReason.IcmpErrorUnderNat;
    if (done === ErrorNat.Changed) flight.rewritten = true;
    return done !== ErrorNat.Refused;
  }

  /** The last steps before a packet goes: helper, sequence adjustment, confirmation. */
  leave(packet: Packet, answers: ConnectionAnswers): boolean {
    const { row, direction } = this.flight;
    // An error is followed by no helper, and its numbers are no sequence numbers.
    if (row < 0 || quotesDatagram(packet)) return true;
    const isNew = !this.isConfirmed();
    if (isNew) this.attachHelper(packet);
    const { table } = this.conntrack;
    const isHelped = table.helper(row) === HelperId.Ftp;
    if (isHelped && !this.help(packet, answers)) return false;
    if (table.hasStatus(row, Status.SeqAdjust) && !this.adjust(packet)) return false;
    if (isHelped) this.ftp.lift(packet, row, direction);
    return !isNew || this.confirm();
  }

  /** What remains of `leave` for a packet that has gone already: it is followed, not changed. */
  observe(packet: Packet): void {
    const { row, direction } = this.flight;
    if (row < 0 || quotesDatagram(packet)) return;
    if (!this.isConfirmed()) {
      this.attachHelper(packet);
      if (!this.confirm()) {
        this.discardUnconfirmed();
        return;
      }
    }
    const { table } = this.conntrack;
    // Under translation its lines would have to be rewritten, and they are on the wire.
    if (table.hasStatus(row, Status.SrcNat | Status.DstNat)) return;
    if (table.helper(row) === HelperId.Ftp) this.ftp.observe(packet, row, direction);
  }

  /** A rule's `CT --helper`, else the helper of the port, on either side of a translation. */
  private attachHelper(packet: Packet): void {
    const { table } = this.conntrack;
    const { row } = this.flight;
    if (table.hasStatus(row, Status.Expected)) return;
    let helper = this.flight.helperOfRule;
    if (helper === 0 && packet.protocol === Proto.Tcp && this.isFtpPort()) helper = HelperId.Ftp;
    if (helper === 0) return;
    if (helper === HelperId.Ftp) this.followAsFtp(row, this.flight.helperComment);
    else this.setHelper(row, helper);
  }

  /** Gives a connection to the FTP helper; `comment` is that of the rule that says so. */
  followAsFtp(row: number, comment: string): void {
    this.setHelper(row, HelperId.Ftp);
    this.ftp.attach(row, comment);
  }

  private setHelper(row: number, helper: number): void {
    const { table } = this.conntrack;
    table.setHelper(row, helper);
    table.addStatus(row, Status.Helper);
  }

  private isFtpPort(): boolean {
    const { tuple, ftpPorts } = this;
    const { table } = this.conntrack;
    table.readTuple(this.flight.row, Direction.Original, tuple);
    const asked = tuple.dstPort;
    table.readTuple(this.flight.row, Direction.Reply, tuple);
    return ftpPorts.includes(asked) || ftpPorts.includes(tuple.srcPort);
  }

  private help(packet: Packet, answers: ConnectionAnswers): boolean {
    const { flight, ftp } = this;
    const edited = ftp.edited;
    const verdict = ftp.handle(packet, flight.row, flight.direction);
    if (ftp.edited !== edited) flight.rewritten = true;
    this.keepInSight(flight.row);
    if (verdict === HelperVerdict.Accept) return true;
    if (verdict === HelperVerdict.Hold) return this.hold(packet, answers);
    else if (verdict === HelperVerdict.Reset) {
      answers.resetConnection(packet);
      flight.reason = DropReason.HelperReset;
    } else flight.reason = DropReason.HelperDrop;
    return false;
  }

  /** As soon as acknowledgements matter to the helper, or must be changed, all of them come here. */
  private keepInSight(row: number): void {
    const { carried, table } = this.conntrack;
    if (!table.hasStatus(row, Status.Carried)) return;
    if (table.hasStatus(row, Status.SeqAdjust) || !this.ftp.isQuiet(row)) carried.withdraw(row);
  }

  /**
   * The packet ends here as one that was let through: its connection is known from now on. True
   * where what is left of it goes on.
   */
  private hold(packet: Packet, answers: ConnectionAnswers): boolean {
    const { flight } = this;
    const { promise } = this.ftp;
    if (!promise.leavesPacket && !this.isConfirmed() && !this.confirm()) return false;
    if (promise.isDue) answers.acknowledge(packet, promise);
    flight.rewritten = true;
    flight.withheld = !promise.leavesPacket;
    return promise.leavesPacket;
  }

  private adjust(packet: Packet): boolean {
    if (packet.protocol !== Proto.Tcp) return true;
    const { row, direction } = this.flight;
    if (this.seqAdjust.get(row)?.apply(packet, direction) !== false) return true;
    this.flight.reason = DropReason.DamagedOptions;
    return false;
  }

  /** Enters the new connection. False where its tuple has been taken meanwhile. */
  confirm(): boolean {
    const { conntrack, flight } = this;
    if (conntrack.confirm(flight.row)) return true;
    // A translation always ends with a tuple: one that is taken means that none was free.
    const underNat = conntrack.table.hasStatus(flight.row, Status.SrcNatDone);
    flight.reason = underNat ? DropReason.NatExhausted : DropReason.TupleClash;
    return false;
  }

  /** Gives back the row of a connection whose first packet is dropped. */
  discardUnconfirmed(): void {
    const { row } = this.flight;
    if (row < 0 || this.isConfirmed()) return;
    this.forgetSideTables(row);
    this.conntrack.discard(row);
    this.flight.row = -1;
  }

  /** The connection in `row` is about to be forgotten; its row can still be read. */
  connectionEnded(row: number): void {
    const { conntrack, ftp } = this;
    const { table } = conntrack;
    const master = conntrack.masterOf(row);
    if (master >= 0 && table.helper(master) === HelperId.Ftp) {
      ftp.dataEnded(
        master,
        table.bytes(row, Direction.Original) + table.bytes(row, Direction.Reply),
      );
    }
    this.forgetSideTables(row);
  }

  private forgetSideTables(row: number): void {
    const { table } = this.conntrack;
    if (table.hasStatus(row, Status.SeqAdjust)) this.seqAdjust.forget(row);
    if (table.helper(row) === HelperId.Ftp) this.ftp.forget(row);
  }
}
