import type { Clock, Prng } from '../../base/index.ts';
import {
  type Conntrack,
  Direction,
  type DirectionCode,
  ExpectResult,
  type ExpectResultCode,
  Field,
  Status,
  TcpState,
  Tuple,
} from '../../conntrack/index.ts';
import type { SeqAdjustTable } from '../../nat/index.ts';
import { type Packet, Proto, TcpFlag } from '../../wire/index.ts';
import { type Helper, HelperId, HelperVerdict, type HelperVerdictCode } from '../helper.ts';
import { EditLog, type EditLogs, EditOutcome, logOf } from './edits.ts';
import { ExpectationMaker } from './expect.ts';
import {
  FtpAnnouncement,
  FtpParse,
  type FtpParseCode,
  ftpParseName,
  kindName,
  parseCommand,
  parseReply,
} from './grammar.ts';
import { type LineSink, LineTracker, SegmentOrder } from './lines.ts';
import { neutralised } from './neutralise.ts';
import { type FtpListener, type FtpPolicy, RefusalReason } from './policy.ts';
import { quoteLine } from './quote.ts';
import { MAX_ANNOUNCEMENT_BYTES, writeAnnouncement } from './write.ts';

/** What is remembered of one control connection. */
interface Dialogue {
  readonly lines: readonly [LineTracker, LineTracker];
  readonly edits: EditLogs;
}

export interface FtpCounters {
  announced: number;
  refused: number;
  rejected: number;
  rewritten: number;
}

interface FtpParts {
  readonly conntrack: Conntrack;
  readonly seqAdjust: SeqAdjustTable;
  readonly clock: Clock;
  readonly random: Prng;
}

/**
 * The FTP helper: reads PORT and EPRT of the client, 227 and 229 of the server, expects the data
 * connection that they announce, and rewrites them under NAT.
 *
 * It looks at lines, not at segments: a line may be split or share its segment with others. To open
 * something it must be sure where the line began; to refuse a bounce a suspicion is enough.
 */
export class FtpHelper implements Helper, LineSink {
  readonly id = HelperId.Ftp;
  readonly counters: FtpCounters = { announced: 0, refused: 0, rejected: 0, rewritten: 0 };
  policy: FtpPolicy;
  /** Segments whose payload was changed, retransmissions included. */
  edited = 0;
  listener: FtpListener | null = null;

  private readonly conntrack: Conntrack;
  private readonly seqAdjust: SeqAdjustTable;
  private readonly expect: ExpectationMaker;
  private readonly dialogues = new Map<number, Dialogue>();
  private readonly announcement = new FtpAnnouncement();
  private readonly text = new Uint8Array(MAX_ANNOUNCEMENT_BYTES);
  private readonly own = new Tuple();

  // The packet in hand, for the line callbacks.
  private row = -1;
  private direction: DirectionCode = Direction.Original;
  private packet: Packet | null = null;
  private verdict: HelperVerdictCode = HelperVerdict.Accept;

  constructor(parts: FtpParts, policy: FtpPolicy) {
    this.conntrack = parts.conntrack;
    this.seqAdjust = parts.seqAdjust;
    this.expect = new ExpectationMaker(parts.conntrack, parts.clock, parts.random);
    this.policy = policy;
  }

  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    if (packet.protocol !== Proto.Tcp) return HelperVerdict.Accept;
    if (packet.tcpFlags & TcpFlag.Syn) {
      this.learnStart(packet, row, direction);
      return HelperVerdict.Accept;
    }
    if (packet.payloadLen === 0) return HelperVerdict.Accept;
    const dialogue = this.dialogue(row);
    this.row = row;
    this.direction = direction;
    this.packet = packet;
    this.verdict = HelperVerdict.Accept;
    this.read(packet, direction === Direction.Original ? dialogue.lines[0] : dialogue.lines[1]);
    if (this.verdict !== HelperVerdict.Accept) return this.verdict;
    const outcome = logOf(dialogue.edits, direction).apply(packet);
    if (outcome === EditOutcome.Changed) this.edited++;
    return outcome === EditOutcome.MustNotPass ? HelperVerdict.Drop : HelperVerdict.Accept;
  }

  forget(row: number): void {
    this.dialogues.delete(row);
  }

  /** The handshake says where the first line begins. Later SYNs are ignored, as the tracker does. */
  private learnStart(packet: Packet, row: number, direction: DirectionCode): void {
    const state = this.conntrack.table.get(row, Field.State);
    if (state !== TcpState.SynSent && state !== TcpState.SynRecv && state !== TcpState.SynSent2) {
      return;
    }
    const { lines } = this.dialogue(row);
    (direction === Direction.Original ? lines[0] : lines[1]).startAt(packet.seq + 1);
  }

  private dialogue(row: number): Dialogue {
    let dialogue = this.dialogues.get(row);
    if (dialogue === undefined) {
      dialogue = {
        lines: [new LineTracker(), new LineTracker()],
        edits: [new EditLog(), new EditLog()],
      };
      this.dialogues.set(row, dialogue);
    }
    return dialogue;
  }

  private read(packet: Packet, lines: LineTracker): void {
    const { bytes, payloadOffset: start, seq } = packet;
    const end = start + packet.payloadLen;
    const order = lines.classify(seq, packet.payloadLen);
    const astray = order === SegmentOrder.Unknown || order === SegmentOrder.Gap;
    if (this.direction === Direction.Original && (astray || !lines.lineStartKnown)) {
      this.suspect(bytes, start, end, seq);
    }
    lines.feed(bytes, start, end, seq, this);
  }

  /** A segment whose place in its line is unknown: it can open nothing, but it can be a bounce. */
  private suspect(bytes: Uint8Array, start: number, end: number, seq: number): void {
    let lineEnd = start;
    while (lineEnd < end && bytes[lineEnd++] !== 0x0a);
    if (parseCommand(bytes, start, lineEnd, this.announcement) !== FtpParse.Ok) return;
    if (!this.namesItsSender()) this.refuseBounce(bytes, start, lineEnd, seq, 0);
  }

  line(bytes: Uint8Array, start: number, end: number, lineSeq: number, carried: number): void {
    const { announcement } = this;
    const parsed: FtpParseCode =
      this.direction === Direction.Original
        ? parseCommand(bytes, start, end, announcement)
        : parseReply(bytes, start, end, announcement);
    if (parsed === FtpParse.NotForUs) return;
    if (parsed !== FtpParse.Ok) {
      this.refuse(ftpParseName(parsed), bytes, start, end);
    } else if (this.namesItsSender()) {
      this.announce(bytes, start, end, lineSeq, carried);
    } else if (this.direction === Direction.Original) {
      this.refuseBounce(bytes, start, end, lineSeq, carried);
    } else {
      this.refuse(RefusalReason.AddressMismatch, bytes, start, end);
    }
  }

  unfinished(): void {
    // The rest of the line decides; nothing is held back for it.
  }

  overLong(): void {
    this.counters.refused++;
  }

  /** RFC 2577: the address must be the one the announcing end itself uses. A 229 names none. */
  private namesItsSender(): boolean {
    const { announcement, own } = this;
    this.conntrack.table.readTuple(this.row, this.direction, own);
    if (!announcement.hasAddress) return true;
    return (
      announcement.family === own.family &&
      announcement.a0 === own.s0 &&
      announcement.a1 === own.s1 &&
      announcement.a2 === own.s2 &&
      announcement.a3 === own.s3
    );
  }

  private announce(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    const { announcement, expect } = this;
    const translated = this.conntrack.table.hasStatus(this.row, Status.SrcNat | Status.DstNat);
    const numbersAt = announcement.numbersStart - start;
    if (
      translated &&
      numbersAt < carried &&
      expect.mustRewrite(this.row, this.direction, announcement)
    ) {
      this.refuseSplit(bytes, start, end, lineSeq, carried);
      return;
    }
    const result = expect.add(this.row, this.direction, announcement, translated);
    if (result !== ExpectResult.Ok) {
      this.refuseUnexpected(result, translated, bytes, start, end, lineSeq, carried);
      return;
    }
    this.counters.announced++;
    if (translated) this.rewrite((lineSeq + numbersAt) | 0);
  }

  /** Puts the address and port under which the other side must connect into the line. */
  private rewrite(numbersSeq: number): void {
    const { announcement, expect, text } = this;
    if (!expect.differs(announcement)) return;
    const { w0, w1, w2, w3 } = expect;
    const { kind, delimiter, family } = announcement;
    const oldLen = announcement.numbersEnd - announcement.numbersStart;
    const newLen = writeAnnouncement(kind, family, w0, w1, w2, w3, expect.port, delimiter, text, 0);
    logOf(this.dialogue(this.row).edits, this.direction).replace(
      numbersSeq,
      oldLen,
      text.slice(0, newLen),
    );
    this.seqAdjust.ensure(this.row).record(this.direction, numbersSeq, oldLen, newLen);
    this.counters.rewritten++;
  }

  private refuse(
    reason: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    action: FtpPolicy['bounce'] = 'pass',
  ): void {
    this.counters.refused++;
    if (action !== 'pass') this.counters.rejected++;
    this.listener?.announcementRefused({
      row: this.row,
      kind: kindName(this.announcement.kind),
      reason,
      line: quoteLine(bytes, start, end),
      action,
    });
  }

  private refuseBounce(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    const { bounce } = this.policy;
    this.refuse(RefusalReason.AddressMismatch, bytes, start, end, bounce);
    this.strike(bounce, bytes, start, end, lineSeq, carried);
  }

  /** The numbers to be replaced have gone on already: the server must not see the rest as PORT. */
  private refuseSplit(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    const action = this.direction === Direction.Original ? 'reject' : 'pass';
    this.refuse(RefusalReason.SplitLine, bytes, start, end, action);
    this.strike(action, bytes, start, end, lineSeq, carried);
  }

  private refuseUnexpected(
    result: ExpectResultCode,
    translated: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    const busy = translated ? RefusalReason.NoFreePort : RefusalReason.AlreadyExpected;
    const reason = result === ExpectResult.Busy ? busy : RefusalReason.ExpectationTableFull;
    const action = this.direction === Direction.Original ? 'reject' : 'pass';
    this.refuse(reason, bytes, start, end, action);
    this.strike(action, bytes, start, end, lineSeq, carried);
  }

  /** Carries a refusal out on the bytes of the line that have not gone on yet. */
  private strike(
    action: FtpPolicy['bounce'],
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    if (action === 'pass') return;
    const edits = logOf(this.dialogue(this.row).edits, this.direction);
    if (action === 'drop') {
      const { seq, payloadLen } = this.packet!;
      edits.block(seq, payloadLen);
      this.verdict = HelperVerdict.Drop;
      return;
    }
    const harmless = action === 'reject' ? neutralised(bytes, start, end, carried) : null;
    if (harmless === null) {
      this.verdict = HelperVerdict.Reset;
      return;
    }
    edits.replace((lineSeq + harmless.offset) | 0, harmless.bytes.length, harmless.bytes);
  }
}
