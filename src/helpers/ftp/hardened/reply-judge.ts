import { Direction, ExpectResult } from '../../../conntrack/index.ts';
import { ReplyLine } from '../dialogue/replies.ts';
import { Tls } from '../dialogue/session.ts';
import {
  AnnouncementKind,
  FtpParse,
  type FtpParseCode,
  kindName,
  parseCommand,
  parseReply,
} from '../grammar/grammar.ts';
import { reasonOf } from '../grammar/reason.ts';
import { isAnnouncing, Verb, type VerbCode } from '../grammar/verbs.ts';
import { FtpReason, type FtpReasonName } from '../report.ts';
import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../stream/line.ts';
import type { Bench } from './bench.ts';
import type { Control } from './control.ts';
import { Whose, type WhoseCode } from './endpoint.ts';
import { maskedReply, mayBecomeMasked, PASV_NOT_HERE, PASV_NOT_HERE_CODE } from './masks.ts';

const DIGIT_2 = 0x32;

/** Judges the server's lines: a reply opens only what was asked for. */
export class ReplyJudge implements LineJudge {
  private readonly control: Control;
  private readonly bench: Bench;

  constructor(control: Control, bench: Bench) {
    this.control = control;
    this.bench = bench;
  }

  get maxLine(): number {
    return this.control.policy.maxLine;
  }

  /** Replies are only ever rewritten: nothing is held where nothing will be. */
  mustHold(line: StreamLine): boolean {
    const { control } = this;
    if (control.serverBegins(line)) return false;
    const { policy, session } = control;
    const { bytes, start, end } = line;
    if (mayBecomeMasked(policy, session)) return true;
    if (!control.isTranslated && !policy.repair) return false;
    const length = Math.min(end - start, 2);
    for (let i = 0; i < length; i++) if (bytes[start + i] !== DIGIT_2) return false;
    return end - start < 3 || isPassiveDigit(bytes[start + 2]!);
  }

  judge(line: StreamLine): LineVerdictCode {
    const { bench, control } = this;
    if (control.serverBegins(line)) return LineVerdict.Pass;
    const { session } = control;
    const { bytes, start, end } = bench.body.of(line);
    if (!session.isInsideReply && isAnnouncingCommand(bench)) return this.fromWrongSide(line);
    if (!line.isCertain) session.pickUp();
    const wasGreeted = session.isGreeted;
    const wasInside = session.isInsideReply;
    const kind = session.replyLine(bytes, start, end);
    this.settle(kind);
    const masked = maskedReply(control.policy, session, kind, wasGreeted);
    if (masked !== null && !control.isObserved[Direction.Reply]) {
      line.replacement = masked.subarray(0, masked.length);
      return line.passed === 0 ? LineVerdict.Replace : LineVerdict.Pass;
    }
    const parsed = parseReply(bytes, start, end, bench.announcement);
    // Its beginning is all that the dialogue needs of a line; an endpoint may stand anywhere in it.
    if (line.isTooLong) return this.letPass(line, FtpReason.LineTooLong);
    if (bench.announcement.kind === AnnouncementKind.None) return LineVerdict.Pass;
    const isWithin = kind === ReplyLine.Inside || wasInside;
    return this.announcement(line, parsed, isWithin);
  }

  encrypted(bytes: Uint8Array, start: number, end: number): number {
    return this.control.encryptedBytes(Direction.Reply, bytes, start, end);
  }

  /** What the last line of a reply says about the command that it answers. */
  private settle(kind: number): void {
    const { control } = this;
    const { session } = control;
    if (kind !== ReplyLine.Final) return;
    const { answered, replyCode } = session;
    if (isAnnouncing(answered)) {
      control.announcementAnswered(session.answeredSeq, replyCode >= 400);
    }
    if (answered === Verb.Auth && session.tls === Tls.Encrypted) control.becomeEncrypted();
  }

  private fromWrongSide(line: StreamLine): LineVerdictCode {
    const { bench, control } = this;
    return bench.refuse(control, line, {
      direction: Direction.Reply,
      kind: kindName(bench.announcement.kind),
      reason: FtpReason.WrongDirection,
      wanted: control.policy.bounce,
      wholly: true,
    });
  }

  private announcement(line: StreamLine, parsed: FtpParseCode, isWithin: boolean): LineVerdictCode {
    const { bench, control } = this;
    const { session } = control;
    const { kind } = bench.announcement;
    if (isWithin) return this.letPass(line, FtpReason.InsideMultilineReply);
    if (!asksFor(session.answered, kind)) return this.letPass(line, FtpReason.NotAsked);
    if (!line.isCertain) return this.letPass(line, FtpReason.LineStartUnknown);
    if (!line.isWhole) return this.letPass(line, FtpReason.SplitLine);
    if (parsed !== FtpParse.Ok) {
      const reason = parsed === FtpParse.Lax ? FtpReason.Malformed : reasonOf(parsed);
      return this.letPass(line, reason);
    }
    if (!control.isFtp) return this.letPass(line, FtpReason.NotFtp);
    if (!control.isAnswered) return this.letPass(line, FtpReason.Unanswered);
    if (session.epsvAll && kind !== AnnouncementKind.Epsv) {
      control.closeHoles();
      return this.letPass(line, FtpReason.EpsvAll);
    }
    const { maker } = bench;
    const whose = maker.look(control.row, Direction.Reply, bench.announcement, control.policy);
    return this.open(line, whose);
  }

  private open(line: StreamLine, whose: WhoseCode): LineVerdictCode {
    const { bench, control } = this;
    const { announcement, maker } = bench;
    const { policy } = control;
    if (whose === Whose.OtherFamily && policy.repair && !control.isObserved[Direction.Reply]) {
      this.letPass(line, FtpReason.FamilyMismatch);
      return this.offerEpsv(line);
    }
    const isForeign =
      whose === Whose.Stranger || whose === Whose.Zero || whose === Whose.OtherFamily;
    if (isForeign && !policy.repair) {
      const isFamily = whose === Whose.OtherFamily;
      return this.letPass(line, isFamily ? FtpReason.FamilyMismatch : FtpReason.AddressMismatch);
    }
    if (isForeign) maker.takeAsOwn();
    const reason = this.wrongPort(announcement.port);
    if (reason !== null) return this.letPass(line, reason);
    if (control.isFullOfHoles(maker.holesOfClient)) return this.letPass(line, FtpReason.Limit);
    const isLate = bench.isTooLateToRewrite(line) || control.isObserved[Direction.Reply];
    if (isLate && maker.mustRewrite(announcement)) return this.letPass(line, FtpReason.SplitLine);
    const mayReplacePort = control.isTranslated && !isLate;
    const result = maker.open(announcement, policy, mayReplacePort);
    if (result !== ExpectResult.Ok) {
      return this.letPass(line, control.whyNot(result, mayReplacePort));
    }
    bench.counters.announced++;
    return isLate ? LineVerdict.Pass : bench.rewrite(line);
  }

  private wrongPort(port: number): FtpReasonName | null {
    const { minPort, passiveRange } = this.control.policy;
    if (port < minPort) return FtpReason.PortBelowMinimum;
    if (passiveRange === null) return null;
    const { first, last } = passiveRange;
    return port < first || port > last ? FtpReason.PortOutsideRange : null;
  }

  /** PASV has no addresses but those of IPv4 (RFC 2428 section 3): the client may ask better. */
  private offerEpsv(line: StreamLine): LineVerdictCode {
    if (line.passed > 0) return LineVerdict.Pass;
    line.replacement = PASV_NOT_HERE;
    this.control.session.passiveReplaced(PASV_NOT_HERE_CODE);
    return LineVerdict.Replace;
  }

  /** Opens nothing, and is the client's business. */
  private letPass(line: StreamLine, reason: FtpReasonName): LineVerdictCode {
    const kind = kindName(this.bench.announcement.kind);
    const direction = Direction.Reply;
    return this.bench.refuse(this.control, line, { direction, kind, reason, wanted: 'pass' });
  }
}

function isPassiveDigit(byte: number): boolean {
  return byte >= 0x37 && byte <= 0x39;
}

/** A command that only clients give; its verb alone may well stand in a list of verbs. */
function isAnnouncingCommand({ body, announcement }: Bench): boolean {
  const parsed = parseCommand(body.bytes, body.start, body.end, announcement);
  return parsed === FtpParse.Ok || parsed === FtpParse.Lax || parsed === FtpParse.NumberOutOfRange;
}

/** Whether a reply of this kind answers such a command (RFC 959, 1639, 2428; SPSV of pure-ftpd). */
function asksFor(verb: VerbCode, kind: number): boolean {
  if (kind === AnnouncementKind.Pasv) return verb === Verb.Pasv || verb === Verb.Spsv;
  if (kind === AnnouncementKind.Epsv) return verb === Verb.Epsv || verb === Verb.Spsv;
  return verb === Verb.Lpsv;
}
