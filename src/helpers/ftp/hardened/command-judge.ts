import { Direction, type Expectation, ExpectResult } from '../../../conntrack/index.ts';
import {
  AnnouncementKind,
  FtpParse,
  type FtpParseCode,
  kindName,
  parseCommand,
  parseReply,
} from '../grammar/grammar.ts';
import { hidesCommand } from '../grammar/hidden.ts';
import { isPlainAnnouncement, mayBeReadElsewhere } from '../grammar/plain.ts';
import { reasonOf } from '../grammar/reason.ts';
import { mayBecome, readVerb, Verb, type VerbCode, verbName, verbSpan } from '../grammar/verbs.ts';
import { FtpReason } from '../report.ts';
import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../stream/line.ts';
import type { Bench, Refusing } from './bench.ts';
import type { Control } from './control.ts';
import { commandIsDenied, hidesDenied, verbIsOpen } from './denied.ts';
import {
  endedProperly,
  hidesAnnouncement,
  isRequestOfHttp,
  mayHide,
  RestGuard,
} from './disguised.ts';
import { Whose, type WhoseCode } from './endpoint.ts';
import { endpointHasPassed } from './passed.ts';
import { endOfBody } from './strike.ts';

/**
 * Judges the client's lines. To open something a line must be exactly right; to refuse it a
 * suspicion is enough.
 */
export class CommandJudge implements LineJudge {
  private readonly control: Control;
  private readonly bench: Bench;
  /** Of the line in hand: what it has opened, and whether it was kept from doing what it says. */
  private opened: Expectation | null = null;
  private isStruck = false;
  /** It may be part of a TLS handshake. */
  private mayBeTls = false;
  private readonly rest = new RestGuard();

  constructor(control: Control, bench: Bench) {
    this.control = control;
    this.bench = bench;
  }

  get maxLine(): number {
    return this.control.policy.maxLine;
  }

  mustHold(line: StreamLine): boolean {
    if (this.control.clientBegins(line)) return false;
    const { bytes, start, end } = line;
    return (
      mayBecome(bytes, start, end, this.control.verbs.isWatched) || mayHide(this.control, line)
    );
  }

  judge(line: StreamLine): LineVerdictCode {
    this.opened = null;
    this.isStruck = false;
    this.mayBeTls = this.control.clientBegins(line);
    const { bytes, start, end } = this.bench.body.of(line);
    const verb = readVerb(bytes, start, end);
    if (verb !== Verb.None) {
      const said = isRequestOfHttp(this.bench.body) ? Verb.Other : verb;
      this.control.clientSpoke(said, line.isCertain);
    }
    if (line.isTooLong) this.rest.begin(line);
    const decided = this.verdictOn(line, verb);
    const verdict = decided === LineVerdict.Pass ? this.ended(line) : decided;
    const isTakenOut =
      verdict === LineVerdict.Replace && line.passed + line.replacement.length === 0;
    if (verdict !== LineVerdict.Reset && !isTakenOut) this.note(line, verb);
    return verdict;
  }

  passesRest(bytes: Uint8Array, at: number, end: number): boolean {
    const { bench, control, rest } = this;
    if (control.policy.bounce === 'pass' || rest.passes(bytes, at, end)) return true;
    const reason = FtpReason.HiddenCommand;
    const kind = verbName(Verb.Other);
    const how = { direction: Direction.Original, kind, reason, wanted: 'reset' } as const;
    return bench.refuse(control, rest.line, how) !== LineVerdict.Reset;
  }

  encrypted(bytes: Uint8Array, start: number, end: number): number {
    return this.control.encryptedBytes(Direction.Original, bytes, start, end);
  }

  private verdictOn(line: StreamLine, verb: VerbCode): LineVerdictCode {
    const { bench, control } = this;
    const { policy } = control;
    const { bytes, start, end } = bench.body;
    const kind = verbName(verb);
    if (line.isTooLong && verbIsOpen(control, line, bench.body)) {
      const wanted = policy.bounce === 'pass' ? policy.denied : policy.bounce;
      return this.refuse(line, { kind, reason: FtpReason.LineTooLong, wanted, wholly: true });
    }
    if (hidesCommand(line.bytes, line.start, line.end)) {
      const reason = FtpReason.HiddenCommand;
      return this.refuse(line, { kind, reason, wanted: policy.bounce, wholly: true });
    }
    if (isAnnouncingReply(bench)) {
      const reason = FtpReason.WrongDirection;
      const said = kindName(bench.announcement.kind);
      return this.refuse(line, { kind: said, reason, wanted: policy.bounce, wholly: true });
    }
    readVerb(bytes, start, end);
    if (commandIsDenied(control, bench.body, verb, line.isTooLong)) {
      // Directives that have come within the line, or bytes that look like TLS: its verb has gone.
      const isTooLate = line.passed > 0 && verbSpan.end - bench.body.start <= line.passed;
      const reason = FtpReason.DeniedCommand;
      const { isStripped: wholly } = bench.body;
      // A client that may not encrypt can go on in the clear, so it is told; see `authTls`.
      const isAuth = verb === Verb.Auth && control.verbs.isDenied[verb] === 0;
      const wanted = isAuth ? 'reject' : policy.denied;
      return this.refuse(line, { kind, reason, wanted, isTooLate, wholly });
    }
    if (hidesDenied(control, line)) {
      const reason = FtpReason.HiddenCommand;
      return this.refuse(line, { kind, reason, wanted: policy.denied, wholly: true });
    }
    const parsed = parseCommand(bytes, start, end, bench.announcement);
    if (hidesAnnouncement(bench, line, this.mayBeTls)) {
      const reason = FtpReason.HiddenCommand;
      return this.refuse(line, { kind, reason, wanted: policy.bounce, wholly: true });
    }
    if (bench.announcement.kind === AnnouncementKind.None) {
      if (line.isTooLong)
        this.refuse(line, { kind, reason: FtpReason.LineTooLong, wanted: 'pass' });
      return LineVerdict.Pass;
    }
    if (line.isTooLong) return this.suspect(line, FtpReason.LineTooLong);
    return this.announcement(line, parsed);
  }

  /** What the server is going to answer, in the order of the commands. */
  private note(line: StreamLine, verb: VerbCode): void {
    const { bench, control } = this;
    const { bytes, start, end } = bench.body;
    const said = this.isStruck ? Verb.Other : verb;
    if (!control.session.commandLine(said, bytes, start, end, line.seq)) {
      this.report(line, { kind: verbName(verb), reason: FtpReason.Limit, wanted: 'pass' });
    } else if (this.opened !== null) control.announcedByCommand(line.seq, this.opened);
  }

  private announcement(line: StreamLine, parsed: FtpParseCode): LineVerdictCode {
    const { bench, control } = this;
    const { announcement, maker } = bench;
    const isReadable = parsed === FtpParse.Ok || parsed === FtpParse.Lax;
    if (parsed === FtpParse.Incomplete) return this.suspect(line, FtpReason.SplitLine);
    if (!isReadable) {
      if (parsed === FtpParse.NumberOutOfRange) {
        return this.suspect(line, FtpReason.NumberOutOfRange);
      }
      const isOpen =
        parsed === FtpParse.Malformed ? this.mayBeRead() : this.isStrange() || !this.isPlain();
      return isOpen || bench.body.isStripped
        ? this.suspect(line, FtpReason.AddressMismatch)
        : this.letPass(line, reasonOf(parsed));
    }
    const { policy } = control;
    const whose = maker.look(control.row, Direction.Original, announcement, policy);
    if (whose === Whose.Stranger) return this.suspect(line, FtpReason.AddressMismatch);
    if (whose === Whose.OtherFamily) return this.suspect(line, FtpReason.FamilyMismatch);
    if (whose === Whose.Zero && policy.zeroAddress === 'refuse') {
      return this.suspect(line, FtpReason.ZeroAddress);
    }
    if (parsed === FtpParse.Lax) return this.letOwnPass(line, FtpReason.Malformed);
    return this.open(line, whose);
  }

  /** An exact announcement of somebody's own, or of a third party that the policy lists. */
  private open(line: StreamLine, whose: WhoseCode): LineVerdictCode {
    const { bench, control } = this;
    const { announcement, maker } = bench;
    const { policy, session } = control;
    if (!line.isCertain) return this.letOwnPass(line, FtpReason.LineStartUnknown);
    if (!control.isFtp) return this.letOwnPass(line, FtpReason.NotFtp);
    if (!control.isAnswered) return this.letOwnPass(line, FtpReason.Unanswered);
    if (!session.isGreeted) return this.letOwnPass(line, FtpReason.BeforeGreeting);
    if (session.epsvAll) {
      control.closeHoles();
      return this.reject(line, FtpReason.EpsvAll);
    }
    if (announcement.port < policy.minPort) return this.suspect(line, FtpReason.PortBelowMinimum);
    if (whose === Whose.Zero) maker.takeAsOwn();
    if (control.isFullOfHoles(maker.holesOfClient)) return this.reject(line, FtpReason.Limit);
    const isLate = bench.isTooLateToRewrite(line) || control.isObserved[Direction.Original];
    const isPlain = this.isPlain();
    const mustChange = maker.mustRewrite(announcement) || !isPlain;
    if (isLate && mustChange) return this.reject(line, FtpReason.SplitLine);
    const mayReplacePort = control.isTranslated && !isLate;
    const result = maker.open(announcement, policy, mayReplacePort);
    if (result !== ExpectResult.Ok)
      return this.reject(line, control.whyNot(result, mayReplacePort));
    this.opened = maker.opened;
    bench.counters.announced++;
    return isLate ? LineVerdict.Pass : bench.rewrite(line, isPlain);
  }

  /** It may well be meant for somebody else: refused as the policy wants bounces to be. */
  private suspect(line: StreamLine, reason: Refusing['reason']): LineVerdictCode {
    const { kind } = this.bench.announcement;
    const { bytes, start, passed } = line;
    const isTooLate = passed > 0 && endpointHasPassed(kind, bytes, start, passed);
    const wanted = this.control.policy.bounce;
    const wholly = this.bench.body.isStripped;
    return this.refuse(line, { kind: kindName(kind), reason, wanted, isTooLate, wholly });
  }

  /** It cannot work: better the server says so at once than that the client waits. */
  private reject(line: StreamLine, reason: Refusing['reason']): LineVerdictCode {
    const kind = kindName(this.bench.announcement.kind);
    const wholly = this.bench.body.isStripped;
    return this.refuse(line, { kind, reason, wanted: 'reject', wholly });
  }

  /** The same, for what names somebody's own address, as long as nobody can read another in it. */
  private letOwnPass(line: StreamLine, reason: Refusing['reason']): LineVerdictCode {
    const isSure = this.isPlain() && !this.bench.body.isStripped;
    return isSure ? this.letPass(line, reason) : this.suspect(line, FtpReason.AddressMismatch);
  }

  private isPlain(): boolean {
    return this.ofArgument(isPlainAnnouncement);
  }

  private isStrange(): boolean {
    const { announcement, maker } = this.bench;
    const { row, policy } = this.control;
    const whose = maker.look(row, Direction.Original, announcement, policy);
    return whose === Whose.Stranger || whose === Whose.OtherFamily;
  }

  private mayBeRead(): boolean {
    return this.ofArgument(mayBeReadElsewhere);
  }

  private ofArgument(tells: typeof isPlainAnnouncement): boolean {
    const { announcement, body } = this.bench;
    const { bytes, start, end } = body;
    readVerb(bytes, start, end);
    return tells(announcement.kind, bytes, verbSpan.end, endOfBody(bytes, start, end));
  }

  /** An LF alone is no line end to some servers. */
  private ended(line: StreamLine): LineVerdictCode {
    if (this.control.isObserved[Direction.Original] || this.mayBeTls) return LineVerdict.Pass;
    return endedProperly(line, this.bench.announcement.hasAddress);
  }

  /** Opens nothing, and is the server's business. */
  private letPass(line: StreamLine, reason: Refusing['reason']): LineVerdictCode {
    const kind = kindName(this.bench.announcement.kind);
    return this.refuse(line, { kind, reason, wanted: 'pass' });
  }

  private refuse(line: StreamLine, refusing: CommandRefusing): LineVerdictCode {
    const verdict = this.report(line, refusing);
    this.isStruck = verdict === LineVerdict.Replace;
    return verdict;
  }

  private report(line: StreamLine, refusing: CommandRefusing): LineVerdictCode {
    return this.bench.refuse(this.control, line, { ...refusing, direction: Direction.Original });
  }
}

type CommandRefusing = Omit<Refusing, 'direction'>;

/** A reply that only servers give. */
function isAnnouncingReply({ body, announcement }: Bench): boolean {
  parseReply(body.bytes, body.start, body.end, announcement);
  return announcement.kind !== AnnouncementKind.None;
}
