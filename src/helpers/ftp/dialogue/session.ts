import { escaped, shownEnd } from '../grammar/quote.ts';
import {
  argumentEnd,
  argumentOf,
  isAnnouncing,
  isHarmless,
  isPassive,
  isTransfer,
  nameStart,
  namesPath,
  readVerb,
  Verb,
  type VerbCode,
  verbName,
  verbSpan,
} from '../grammar/verbs.ts';
import type { FtpSessionView } from '../report.ts';
import { Login } from './login.ts';
import { PendingCommands } from './pending.ts';
import { ReplyLine, type ReplyLineCode, ReplyReader } from './replies.ts';

/** Whether the control connection can be read. */
export const Tls = {
  Clear: 0,
  /** AUTH was sent, and is not answered yet. */
  Asked: 1,
  /** The server has agreed (RFC 4217 section 4): what follows is no text. */
  Encrypted: 2,
} as const;
export type TlsCode = (typeof Tls)[keyof typeof Tls];

/** A command that names something, from its line to its final reply. */
interface Doing {
  readonly seq: number;
  readonly verb: VerbCode;
  readonly file: string;
}

/**
 * The state of one dialogue, fed with every line that goes on, in order. Arguments are looked at
 * only where they are no secrets, and replies are kept only where they cannot repeat one: there is
 * no field in which a password could stand.
 */
export class FtpSession {
  /** The server has greeted: before that nothing it says answers a command. */
  isGreeted = false;
  /** EPSV ALL was sent (RFC 2428 section 4), and not refused. */
  epsvAll = false;
  mode: '' | 'active' | 'passive' = '';
  tls: TlsCode = Tls.Clear;
  /** Transfers that the server has called done. */
  transfers = 0;
  /** Bytes of the data connections; counted elsewhere. */
  bytes = 0;
  lastReply = '';
  /** Of the reply that the last line of the server belongs to; 0 where it belongs to none. */
  replyCode = 0;
  /** What the last line, if it was preliminary or final, answers; else `None`. */
  answered: VerbCode = Verb.None;
  /** Where in the client's stream that command began, after a final reply; 0 after any other. */
  answeredSeq = 0;

  private readonly login = new Login();
  private readonly pending = new PendingCommands();
  private readonly replies = new ReplyReader();
  private readonly doing: Doing[] = [];
  private isPickedUp = false;
  private epsvAllSeq = 0;
  private userSeq = 0;

  get user(): string {
    return this.login.user;
  }

  get isLoggedIn(): boolean {
    return this.login.isLoggedIn;
  }

  /** The next line of the server belongs to a multi-line reply. */
  get isInsideReply(): boolean {
    return this.replies.isInside;
  }

  /** What the next reply answers, most likely. */
  get oldestCommand(): VerbCode {
    return this.pending.oldest;
  }

  /** How many commands wait for their replies. */
  get pendingCount(): number {
    return this.pending.count;
  }

  /** Seen from the middle on: the greeting has passed unseen, if there was one. */
  pickUp(): void {
    this.isPickedUp = true;
  }

  /** Behind CCC: what was said before has been answered where nobody could read it. */
  becameReadable(): void {
    this.tls = Tls.Clear;
    this.forgetPending();
  }

  /**
   * A line of the client goes on to the server, Telnet sequences removed; `verb` is what the server
   * will read in it, and `lineSeq` where it begins in the stream. False where more commands wait
   * for replies than are kept in mind: a reply to this one will be nobody's.
   */
  commandLine(
    verb: VerbCode,
    bytes: Uint8Array,
    start: number,
    end: number,
    lineSeq: number,
  ): boolean {
    if (verb === Verb.User) {
      this.login.name(nameIn(verb, bytes, start, end));
      this.userSeq = lineSeq;
    } else if (verb === Verb.Rein) {
      this.login.end();
    } else if (verb === Verb.Auth) {
      this.tls = Tls.Asked;
    } else if (verb === Verb.Epsv && /^all$/i.test(argumentOf(bytes, start, end).trim())) {
      this.epsvAll = true;
      this.epsvAllSeq = lineSeq;
    }
    if (!this.pending.add(verb, lineSeq)) return false;
    if (namesPath(verb)) {
      this.doing.push({ seq: lineSeq, verb, file: nameIn(verb, bytes, start, end) });
    }
    return true;
  }

  /** The passive reply that was just read goes on as a refusal: the client must ask otherwise. */
  passiveReplaced(code: number): void {
    this.mode = '';
    this.lastReply = String(code);
  }

  /** One line of the server. What it is; what it answers is in `answered` and `replyCode`. */
  replyLine(bytes: Uint8Array, start: number, end: number): ReplyLineCode {
    const kind = this.replies.read(bytes, start, end);
    const { code } = this.replies;
    this.replyCode = code;
    this.answered = Verb.None;
    this.answeredSeq = 0;
    if (this.isPickedUp && kind !== ReplyLine.None) this.isGreeted = true;
    if (kind === ReplyLine.Preliminary) this.preliminary();
    else if (kind === ReplyLine.Final) this.final(code);
    else return kind;
    this.lastReply = this.mayShowReply(code)
      ? escaped(bytes, start, shownEnd(bytes, start, end))
      : String(code);
    return kind;
  }

  view(row: number): FtpSessionView {
    const current = this.doing[0];
    return {
      row,
      user: this.user,
      isLoggedIn: this.isLoggedIn,
      isEncrypted: this.tls === Tls.Encrypted,
      mode: this.mode,
      command: current === undefined ? '' : verbName(current.verb),
      file: current?.file ?? '',
      transfers: this.transfers,
      bytes: this.bytes,
      lastReply: this.lastReply,
    };
  }

  private preliminary(): void {
    if (this.isGreeted) this.answered = this.pending.oldest;
  }

  private final(code: number): void {
    if (!this.isGreeted) {
      // RFC 959 5.4: 220; some servers log in at once. A 227 is nobody's greeting.
      this.isGreeted = code < 300 && !(code >= 227 && code <= 229);
      return;
    }
    this.answered = this.pending.finalReply(code);
    this.answeredSeq = this.pending.answeredSeq;
    if (this.answered !== Verb.None) this.settle(this.answered, code);
  }

  /** What a final reply changes; a refused command has changed nothing. */
  private settle(verb: VerbCode, code: number): void {
    const seq = this.answeredSeq;
    const isRefused = code >= 400;
    if (verb === Verb.User || verb === Verb.Pass || verb === Verb.Acct) {
      if (isRefused && verb === Verb.User && seq === this.userSeq) this.login.nameRefused();
      else this.login.answered(code);
    } else if (verb === Verb.Auth) {
      this.settleAuth(code);
    } else if (verb === Verb.Epsv && isRefused && seq === this.epsvAllSeq) {
      this.epsvAll = false;
    } else if (isTransfer(verb) && (code === 226 || code === 250)) {
      this.transfers++;
    }
    if (code < 300 && isAnnouncing(verb)) this.mode = 'active';
    if (isPassive(verb) && code >= 227 && code <= 229) this.mode = 'passive';
    const at = this.doing.findIndex((doing) => doing.seq === seq && doing.verb === verb);
    if (at >= 0) this.doing.splice(at, 1);
  }

  private settleAuth(code: number): void {
    if (code === 234) {
      this.tls = Tls.Encrypted;
      this.forgetPending();
    } else if (this.tls === Tls.Asked && code >= 400) {
      this.tls = Tls.Clear;
    }
  }

  private forgetPending(): void {
    this.pending.clear();
    this.replies.reset();
    this.doing.length = 0;
  }

  /**
   * A server may repeat a password in what it says of it, also late or out of turn: nothing is
   * shown of authentication (x3x, RFC 959 4.2.1), and nothing while a secret waits for its reply.
   */
  private mayShowReply(code: number): boolean {
    if (this.answered === Verb.Auth || !isHarmless(this.answered)) return false;
    if (Math.trunc(code / 10) % 10 === 3) return false;
    return this.pending.areAllHarmless;
  }
}

/** The name in the argument as it may be shown, up to where another command may be hidden in it. */
function nameIn(verb: VerbCode, bytes: Uint8Array, start: number, end: number): string {
  readVerb(bytes, start, end);
  const to = Math.min(shownEnd(bytes, start, end), argumentEnd(bytes, start, end));
  return escaped(bytes, nameStart(verb, bytes, verbSpan.end, to), to);
}
