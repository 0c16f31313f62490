import { isHarmless, isPassive, isTransfer, Verb, type VerbCode } from '../grammar/verbs.ts';

/** Commands that may wait for their replies; clients that pipeline have a handful. */
export const MAX_PENDING = 32;

/**
 * The commands that wait for their final replies, in order. A reply answers the oldest, whatever it
 * says: a 227 that arrives where NOOP is to be answered is the answer to NOOP. The exceptions never
 * give a reply to a command that was not sent.
 */
export class PendingCommands {
  /** Sequence number of the command that `finalReply` has taken last. */
  answeredSeq = 0;
  /** In order of arrival from `head` on, round and round. */
  private readonly verbs = new Uint8Array(MAX_PENDING);
  private readonly seqs = new Int32Array(MAX_PENDING);
  private head = 0;
  private kept = 0;
  /** Commands behind those, for which there was no room: their replies are counted off as well. */
  private unkept = 0;

  /** How many wait, those without room included. */
  get count(): number {
    return this.kept + this.unkept;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** The command that the next reply answers, most likely; `None` where none waits. */
  get oldest(): VerbCode {
    if (this.kept > 0) return this.verbAt(0);
    return this.unkept > 0 ? Verb.Other : Verb.None;
  }

  /** No command waits whose argument is a secret, or may be one. */
  get areAllHarmless(): boolean {
    for (let index = 0; index < this.kept; index++) {
      if (!isHarmless(this.verbAt(index))) return false;
    }
    return this.unkept === 0;
  }

  /** The verb that stands at `index`, 0 the oldest, below `MAX_PENDING`; `None` beyond the last. */
  verbAt(index: number): VerbCode {
    if (index >= this.kept) return Verb.None;
    return this.verbs[(this.head + index) % MAX_PENDING]! as VerbCode;
  }

  /** Where in the client's stream the command at `index` began; 0 beyond the last. */
  seqOf(index: number): number {
    return index >= this.kept ? 0 : this.seqs[(this.head + index) % MAX_PENDING]!;
  }

  /** A command goes on. False where there are too many: its reply will be nobody's. */
  add(verb: VerbCode, lineSeq: number): boolean {
    if (this.kept === MAX_PENDING || this.unkept > 0) {
      this.unkept++;
      return false;
    }
    const at = (this.head + this.kept) % MAX_PENDING;
    this.verbs[at] = verb;
    this.seqs[at] = lineSeq;
    this.kept++;
    return true;
  }

  /**
   * A final reply has come. Takes the command that it answers, and returns its verb: `None` where
   * nothing waits or the reply is one too many, `Other` for a command without room.
   */
  finalReply(code: number): VerbCode {
    this.answeredSeq = 0;
    this.skipUnanswered(code);
    if (this.kept === 0) {
      if (this.unkept === 0) return Verb.None;
      this.unkept--;
      return Verb.Other;
    }
    if (isEndOfTransfer(code) && isPassive(this.verbAt(0))) return Verb.None;
    return this.take(this.indexAnswered(code));
  }

  clear(): void {
    this.head = 0;
    this.kept = 0;
    this.unkept = 0;
    this.answeredSeq = 0;
  }

  /** ABOR is answered once, twice or not at all, and an empty line by some servers only. */
  private skipUnanswered(code: number): void {
    while (this.kept > 1 && !mayAnswer(this.verbAt(0), code)) this.take(0);
  }

  /** During a transfer servers answer STAT (RFC 959 4.1.3), and many NOOP, before its end. */
  private indexAnswered(code: number): number {
    const isStat = code >= 211 && code <= 213;
    if (!isTransfer(this.verbAt(0)) || (!isStat && code !== 200)) return 0;
    const wanted = isStat ? Verb.Stat : Verb.Noop;
    for (let index = 1; index < this.kept; index++) if (this.verbAt(index) === wanted) return index;
    return 0;
  }

  private take(index: number): VerbCode {
    const verb = this.verbAt(index);
    this.answeredSeq = this.seqOf(index);
    for (let at = index; at > 0; at--) this.move(at - 1, at);
    this.head = (this.head + 1) % MAX_PENDING;
    this.kept--;
    return verb;
  }

  private move(from: number, to: number): void {
    const source = (this.head + from) % MAX_PENDING;
    const target = (this.head + to) % MAX_PENDING;
    this.verbs[target] = this.verbs[source]!;
    this.seqs[target] = this.seqs[source]!;
  }
}

/** Whether a reply with this code may be one to a command that some servers leave unanswered. */
function mayAnswer(verb: VerbCode, code: number): boolean {
  if (verb === Verb.None) return code >= 400;
  if (verb === Verb.Abor) return code >= 400 || isEndOfTransfer(code);
  return true;
}

/** What ends transfers and answers ABOR, but never PASV: one that comes late is nobody's answer. */
function isEndOfTransfer(code: number): boolean {
  return code === 225 || code === 226 || code === 426;
}
