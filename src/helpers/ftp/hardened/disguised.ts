import {
  Disguise,
  endsInTelnet,
  isOdd,
  lookBack,
  SMALLEST_BUFFER,
  Sure,
} from '../grammar/disguise.ts';
import { AnnouncementKind } from '../grammar/grammar.ts';
import { IAC } from '../grammar/telnet.ts';
import { mayBecome, VERB_COUNT, Verb } from '../grammar/verbs.ts';
import { LineVerdict, type LineVerdictCode, StreamLine } from '../stream/line.ts';
import type { Bench } from './bench.ts';
import type { LineBody } from './body.ts';
import type { Control } from './control.ts';
import { mayReadAsDenied } from './denied.ts';
import { endOfBody } from './strike.ts';

/** What is kept of a line that is too long, to be looked at with what follows. */
const TAIL_BYTES = 600;
const ANY_DIGIT = 0x23;
const HTTP_AND_VERSION = Uint8Array.from(Buffer.from(' HTTP/#.#'));
const LOWEST_TELNET = 0xf0;
const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;

const NOTHING: Uint8Array = new Uint8Array(0);

const disguise = new Disguise();
const announcing = new Uint8Array(VERB_COUNT);
for (const verb of [Verb.Port, Verb.Eprt, Verb.Lprt]) announcing[verb] = 1;

/** Whether an unfinished line may come to hide a command from here on: it is kept back then. */
export function mayHide(control: Control, { bytes, start, end, passed }: StreamLine): boolean {
  const from = lookBack(bytes, start, passed);
  if (from < 0) return true;
  const unpassed = start + passed;
  for (let pos = unpassed; pos < end; pos++) if (bytes[pos] === IAC) return true;
  if (control.verbs.deniesAny && mayHideDenied(bytes, start, unpassed, end)) return true;
  disguise.begin(bytes, from, end, from - start);
  return disguise.next(Sure.Perhaps);
}

/** Behind a bare CR or a NUL, or within letters that are none of ASCII. */
function mayHideDenied(bytes: Uint8Array, start: number, unpassed: number, end: number): boolean {
  for (let pos = Math.max(start, unpassed - 1); pos < end; pos++) {
    if (bytes[pos] === NUL || (bytes[pos] === CR && pos + 1 < end && bytes[pos + 1] !== LF))
      return true;
  }
  return mayReadAsDenied(bytes, start, end);
}

/**
 * Whether some server sees an announcement in the line that is not the one that `announcement`
 * has been set to: the line itself is judged elsewhere.
 */
export function hidesAnnouncement(
  bench: Bench,
  { bytes, start, end, isWhole }: StreamLine,
  mayBeTls: boolean,
): boolean {
  if (endsInTelnet(bytes, start, end) && !(mayBeTls && endsAtRandom(bytes, start, end)))
    return true;
  const isItself = bench.announcement.kind !== AnnouncementKind.None;
  disguise.begin(bytes, start, end, 0);
  while (disguise.next(isWhole ? Sure.Whole : Sure.Perhaps)) {
    if (!disguise.isFirst || !isItself) return true;
  }
  return false;
}

/** Whether what looks like Telnet follows nothing that an announcement consists of. */
function endsAtRandom(bytes: Uint8Array, start: number, end: number): boolean {
  let at = end - 1;
  while (at > start && bytes[at - 1]! >= LOWEST_TELNET) at--;
  return at === start || !/[\deprotl,|.:]/i.test(String.fromCharCode(bytes[at - 1]!));
}

/**
 * Servers that end lines at CR pass over an LF alone, and read the next line as the rest of this one:
 * a line that may be the beginning of an announcement gets the end that it should have.
 */
export function endedProperly(line: StreamLine, isRead: boolean): LineVerdictCode {
  const { bytes, start, end, passed, isWhole } = line;
  if (!isWhole || end - start < 2 || bytes[end - 2] === CR) return LineVerdict.Pass;
  const body = endOfBody(bytes, start, end);
  const isPart = !isRead && mayBecome(bytes, start, body, announcing);
  const mayHideOne = body - start >= SMALLEST_BUFFER || isOdd(bytes, start, body);
  if (!isPart && !mayHideOne) return LineVerdict.Pass;
  line.replacement = Uint8Array.of(...bytes.subarray(start + passed, body), CR, LF);
  return LineVerdict.Replace;
}

/** A browser's request may begin with any verb, as scripts want it: its end tells what it is. */
export function isRequestOfHttp({ bytes, start, end }: LineBody): boolean {
  // GET / HTTP/1.1
  const at = endOfBody(bytes, start, end) - HTTP_AND_VERSION.length;
  if (at < start) return false;
  for (let i = 0; i < HTTP_AND_VERSION.length; i++) {
    const wanted = HTTP_AND_VERSION[i]!;
    if (wanted !== ANY_DIGIT && bytes[at + i] !== wanted) return false;
  }
  return true;
}

/** Looks for announcements in what passes of lines that are too long to be read. */
export class RestGuard {
  /** For the report: nothing, since the line may be a password. */
  readonly line = new StreamLine();
  /** Few connections ever have such a line. */
  private window = NOTHING;
  private length = 0;

  /** The line has been read up to here. */
  begin({ bytes, start, end }: StreamLine): void {
    this.length = 0;
    this.add(bytes, start, end);
  }

  /** False where an announcement has begun: no whole endpoint has passed yet. */
  passes(bytes: Uint8Array, at: number, end: number): boolean {
    this.add(bytes, at, end);
    disguise.begin(this.window, 0, this.length, TAIL_BYTES);
    return !disguise.next(Sure.Begun);
  }

  private add(bytes: Uint8Array, at: number, end: number): void {
    const kept = Math.min(this.length, TAIL_BYTES);
    this.window.copyWithin(0, this.length - kept, this.length);
    const length = kept + (end - at);
    if (length > this.window.length) {
      const larger = new Uint8Array(Math.max(length * 2, TAIL_BYTES * 4));
      larger.set(this.window.subarray(0, kept));
      this.window = larger;
    }
    this.window.set(bytes.subarray(at, end), kept);
    this.length = length;
  }
}
