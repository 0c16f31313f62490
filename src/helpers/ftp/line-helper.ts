import type { Clock, Prng } from '../../base/index.ts';
import {
  type Conntrack,
  Direction,
  type DirectionCode,
  ExpectResult,
  Field,
  Status,
  TcpState,
  Tuple,
} from '../../conntrack/index.ts';
import type { SeqAdjustTable } from '../../nat/index.ts';
import { type Packet, Proto, TcpFlag } from '../../wire/index.ts';
import { HelperVerdict, type HelperVerdictCode } from '../helper.ts';
import { Dialogue } from './dialogue.ts';
import { EditOutcome, logOf } from './edits.ts';
import { ExpectationMaker } from './expect.ts';
import type { StreamFronts } from './fronts.ts';
import {
  AnnouncementKind,
  FtpAnnouncement,
  FtpParse,
  type FtpParseCode,
  ftpParseName,
  kindName,
  parseCommand,
  parseReply,
} from './grammar/grammar.ts';
import { MAX_ANNOUNCEMENT_BYTES, writeAnnouncement } from './grammar/write.ts';
import { LineInHand } from './line-in-hand.ts';
import { endOfLine, type LineSink } from './lines.ts';
import { endpointHasPassed, neutralised } from './neutralise.ts';
import type { FtpParts } from './parts.ts';
import type { FtpRefusalAction as BounceAction, FtpPolicy } from './policy.ts';
import { quoteLine } from './quote.ts';
import { type FtpCounters, type FtpListener, FtpReason, type FtpReasonName } from './report.ts';

const LETTER_P = 0x70;

/**
 * The FTP helper: reads PORT and EPRT of the client, 227 and 229 of the server, expects the data
 * connection that they announce, and rewrites them under NAT.
 *
 * It looks at lines, not at segments: a line may be split or share its segment with others. To open
 * something it must be sure where the line began; to refuse a bounce a suspicion is enough.
 */
export class LineHelper implements LineSink {
  readonly counters: FtpCounters;
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

  // The packet and the line in hand, for the line callbacks.
  private row = -1;
  private direction: DirectionCode = Direction.Original;
  private packet: Packet | null = null;
  private dialogue: Dialogue | null = null;
  private fronts: StreamFronts | null = null;
  private verdict: HelperVerdictCode = HelperVerdict.Accept;
  private readonly hand = new LineInHand();

  constructor(parts: FtpParts, policy: FtpPolicy, counters: FtpCounters) {
    this.counters = counters;
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
    this.row = row;
    this.direction = direction;
    this.packet = packet;
    this.dialogue = this.dialogueOf(row);
    this.verdict = HelperVerdict.Accept;
    this.read(packet, this.dialogue);
    if (this.verdict !== HelperVerdict.Accept) return this.verdict;
    const outcome = logOf(this.dialogue.edits, direction).apply(packet);
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
    this.dialogueOf(row).fronts[direction].startAt((packet.seq + 1) | 0);
  }

  private dialogueOf(row: number): Dialogue {
    let dialogue = this.dialogues.get(row);
    if (dialogue === undefined) {
      dialogue = new Dialogue(this);
      this.dialogues.set(row, dialogue);
    }
    return dialogue;
  }

  private read(packet: Packet, dialogue: Dialogue): void {
    const { bytes, payloadOffset: start, seq } = packet;
    const end = start + packet.payloadLen;
    const fronts = dialogue.fronts[this.direction];
    this.fronts = fronts;
    const isNew = fronts.take(bytes, start, end, seq);
    if (this.direction !== Direction.Original) return;
    if (fronts.isTorn) this.refuseTorn();
    if (fronts.givenUpSeq !== null && this.policy.bounce !== 'pass') {
      // What fills the hole now would not be joined with the line before it: it must not arrive.
      logOf(dialogue.edits, this.direction).block(fronts.givenUpSeq, 1);
    }
    if (!isNew) this.suspectCopy(bytes, start, end, seq);
  }

  /** The receiver may not have seen the first copy, and the two need not be the same. */
  private suspectCopy(bytes: Uint8Array, start: number, end: number, seq: number): void {
    for (let at = start; at < end; ) {
      const lineEnd = endOfLine(bytes, at, end);
      this.hand.set(bytes, at, lineEnd, seq + (at - start), 0);
      if (this.parseInHand() === FtpParse.Ok && !this.namesItsSender()) this.refuseBounce();
      at = lineEnd;
    }
  }

  line(bytes: Uint8Array, start: number, end: number, lineSeq: number, carried: number): void {
    this.hand.set(bytes, start, end, lineSeq, carried);
    const parsed = this.parseInHand();
    if (parsed === FtpParse.NotForUs) return;
    const { isUncertain } = this.fronts!;
    if (parsed !== FtpParse.Ok) {
      if (!isUncertain) this.refuse(ftpParseName(parsed), 'pass');
    } else if (!this.namesItsSender() && this.direction === Direction.Original) {
      this.refuseBounce();
    } else if (isUncertain) {
      this.refuse(FtpReason.LineStartUnknown, 'pass');
    } else if (this.namesItsSender()) {
      this.announce();
    } else {
      this.refuse(FtpReason.AddressMismatch, 'pass');
    }
  }

  /** The rest of the line decides; nothing is held back for it. */
  unfinished(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
    carried: number,
  ): void {
    this.hand.set(bytes, start, end, lineSeq, carried);
  }

  /** The unfinished line in hand will not be seen whole: if it may become a bounce it is struck. */
  private refuseTorn(): void {
    const { bytes, start } = this.hand;
    if (this.policy.bounce === 'pass' || this.parseInHand() !== FtpParse.Incomplete) return;
    const isPort = (bytes[start]! | 0x20) === LETTER_P;
    this.announcement.kind = isPort ? AnnouncementKind.Port : AnnouncementKind.Eprt;
    this.refuse(FtpReason.SplitLine, 'reject', true);
  }

  /** No honest announcement is this long. What such a command names cannot be told: it is struck. */
  overLong(
    lineSeq: number,
    head: Uint8Array,
    headStart: number,
    headEnd: number,
    carried: number,
  ): void {
    this.hand.set(head, headStart, headEnd, lineSeq, carried);
    this.parseInHand();
    if (this.announcement.kind === AnnouncementKind.None) return;
    const isPassed = this.direction !== Direction.Original || this.policy.bounce === 'pass';
    this.refuse(FtpReason.LineTooLong, isPassed ? 'pass' : 'reject');
  }

  private parseInHand(): FtpParseCode {
    const { bytes, start, end } = this.hand;
    return this.direction === Direction.Original
      ? parseCommand(bytes, start, end, this.announcement)
      : parseReply(bytes, start, end, this.announcement);
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

  private announce(): void {
    const { announcement, expect, hand, row, direction } = this;
    const { table } = this.conntrack;
    const announced = this.dialogue!.announced[direction];
    if (announced.has(hand.seq)) return;
    // nf_conntrack_ftp.c looks at established connections only.
    if (!table.hasStatus(row, Status.SeenReply)) {
      this.refuse(FtpReason.Unanswered, 'pass');
      return;
    }
    const translated = table.hasStatus(row, Status.SrcNat | Status.DstNat);
    const mayRewrite = announcement.numbersStart - hand.start >= hand.carried;
    if (translated && !mayRewrite && expect.mustRewrite(row, direction, announcement)) {
      this.refuse(FtpReason.SplitLine, this.strikeOrPass());
      return;
    }
    const mayReplacePort = translated && mayRewrite;
    const result = expect.add(row, direction, announcement, translated, mayReplacePort);
    if (result !== ExpectResult.Ok) {
      const busy = mayReplacePort ? FtpReason.NoFreePort : FtpReason.AlreadyExpected;
      const full = FtpReason.Limit;
      this.refuse(result === ExpectResult.Busy ? busy : full, this.strikeOrPass());
      return;
    }
    announced.add(hand.seq);
    this.counters.announced++;
    if (mayReplacePort) this.rewrite();
  }

  /** Puts the address and port under which the other side must connect into the line. */
  private rewrite(): void {
    const { announcement, expect, text, hand } = this;
    if (!expect.differs(announcement)) return;
    const { w0, w1, w2, w3 } = expect;
    const { kind, delimiter, family } = announcement;
    const numbersSeq = (hand.seq + (announcement.numbersStart - hand.start)) | 0;
    const oldLen = announcement.numbersEnd - announcement.numbersStart;
    const newLen = writeAnnouncement(kind, family, w0, w1, w2, w3, expect.port, delimiter, text, 0);
    const { edits } = this.dialogue!;
    logOf(edits, this.direction).replace(numbersSeq, oldLen, text.slice(0, newLen));
    this.seqAdjust.ensure(this.row).record(this.direction, numbersSeq, oldLen, newLen);
    this.counters.rewritten++;
  }

  private refuseBounce(): void {
    const { bounces } = this.dialogue!;
    if (bounces.has(this.hand.seq)) return;
    bounces.add(this.hand.seq);
    this.refuse(FtpReason.AddressMismatch, this.policy.bounce);
  }

  /** A command that cannot work is better refused by the server; a reply is the client's business. */
  private strikeOrPass(): BounceAction {
    return this.direction === Direction.Original ? 'reject' : 'pass';
  }

  /** Reports and counts the line in hand, after doing about it what is `wanted`. */
  private refuse(reason: string, wanted: BounceAction, mayBounce = namesThirdParty(reason)): void {
    const action = this.strike(wanted, mayBounce);
    this.counters.refused++;
    if (action !== 'pass') this.counters.rejected++;
    const { bytes, start, end } = this.hand;
    this.listener?.announcementRefused({
      row: this.row,
      kind: kindName(this.announcement.kind),
      reason: reason as FtpReasonName,
      line: quoteLine(bytes, start, end),
      action,
    });
  }

  /** Acts on the bytes of the line that have not gone on yet. Returns what was done in the end. */
  private strike(wanted: BounceAction, mayBounce: boolean): BounceAction {
    const { bytes, start, end, seq, carried } = this.hand;
    const edits = logOf(this.dialogue!.edits, this.direction);
    if (wanted === 'drop') {
      edits.block(this.packet!.seq, this.packet!.payloadLen);
      this.verdict = HelperVerdict.Drop;
    } else if (wanted === 'reset') {
      this.verdict = HelperVerdict.Reset;
    } else if (wanted === 'reject') {
      const harmless = neutralised(bytes, start, end, carried);
      const isTooLate =
        harmless === null ||
        (mayBounce && endpointHasPassed(this.announcement.kind, bytes, start, carried));
      if (!isTooLate) {
        edits.replace((seq + harmless.offset) | 0, harmless.bytes.length, harmless.bytes);
      } else if (mayBounce) {
        this.verdict = HelperVerdict.Reset;
        return 'reset';
      } else return 'pass';
    }
    return wanted;
  }
}

/** True where the command names, or for all that is known may name, a third party. */
function namesThirdParty(reason: string): boolean {
  return reason === FtpReason.AddressMismatch || reason === FtpReason.LineTooLong;
}
