import { skipBlanks } from '../grammar/scan.ts';
import { hasTelnet } from '../grammar/telnet.ts';
import {
  isAnnouncing,
  mayBecome,
  nameStart,
  readVerb,
  Verb,
  type VerbCode,
  verbName,
  verbOfName,
  verbSpan,
} from '../grammar/verbs.ts';
import type { FtpPolicy } from '../policy.ts';
import type { StreamLine } from '../stream/line.ts';
import {
  fileAllowed,
  userAllowed,
  type VerbTables,
  verbDenied,
  verbNamesFile,
} from '../verdicts.ts';
import type { LineBody } from './body.ts';
import type { Control } from './control.ts';
import { endOfBody } from './strike.ts';

/** A line as some server reads it. */
type Body = Pick<LineBody, 'bytes' | 'start' | 'end'>;

const NUL = 0;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** The lowest Telnet command (RFC 854); options are below it. */
const LOWEST_TELNET = 0xf0;

/**
 * Whether the policy forbids the command in `body`, whose verb has just been read (`verbSpan`). One
 * that is too long is forbidden where its argument would decide, for it is not known whole.
 */
export function commandIsDenied(
  { policy, verbs }: Control,
  body: Body,
  verb: VerbCode,
  isTooLong: boolean,
): boolean {
  if (verbs.isDenied[verb] === 1) return true;
  if (verb === Verb.Other && verbs.deniesAny && readsAsDenied(policy, verbs, body)) return true;
  if (verbs.isWatched[verb] === 0) return false;
  if (verb === Verb.Other) return verbDenied(policy, verbText(body.bytes));
  if (verb === Verb.Auth) return policy.authTls === 'reject';
  const isUser = verb === Verb.User;
  if (!isUser && !verbNamesFile(verbName(verb))) return false;
  if (isTooLong) return true;
  const argument = argumentOf(body, verb);
  // Where a name ends that has a NUL or a bare CR in it differs from server to server.
  if (/[\0\r]/.test(argument)) return true;
  return isUser ? !userAllowed(policy, argument) : !fileAllowed(policy, argument);
}

/**
 * Whether the line ends, as far as it is read, before it is known what its verb is, and it may be
 * one of those that matter. Servers that skip what stands before a verb skip any number of it.
 */
export function verbIsOpen({ verbs }: Control, line: StreamLine, body: Body): boolean {
  readVerb(body.bytes, body.start, body.end);
  if (verbSpan.start < verbSpan.end && verbSpan.end < body.end) return false;
  return mayBecome(line.bytes, line.start, line.end, verbs.isWatched);
}

/**
 * Whether a command that the policy may forbid begins where some servers see one and others do not:
 * behind a bare CR or a NUL, or where fewer Telnet sequences are removed than RFC 854 has.
 */
export function hidesDenied(control: Control, line: StreamLine): boolean {
  const { bytes, start, end } = line;
  for (let pos = start; pos + 1 < end; pos++) {
    const byte = bytes[pos]!;
    const isBreak = byte === NUL || (byte === CR && bytes[pos + 1] !== LF);
    if (isBreak && begins(control, bytes, pos + 1, end)) return true;
  }
  if (!hasTelnet(bytes, start, end)) return false;
  const bare = bytes.slice(start, end).filter((byte) => byte < LOWEST_TELNET && byte !== NUL);
  const body = { bytes: bare, start: 0, end: bare.length };
  const verb = readVerb(bare, 0, bare.length);
  // What is left of an option is no verb.
  if (verb === Verb.Other && verbSpan.start === verbSpan.end) return false;
  return commandIsDenied(control, body, verb, line.isTooLong);
}

/** A verb at `at` that is forbidden, or whose argument would decide. */
function begins({ policy, verbs }: Control, bytes: Uint8Array, at: number, end: number): boolean {
  const verb = readVerb(bytes, at, end);
  if (verbs.isWatched[verb] === 0 || isAnnouncing(verb)) return verbs.isDenied[verb] === 1;
  if (verb !== Verb.Other) return true;
  return verbSpan.end > verbSpan.start && verbDenied(policy, verbText(bytes));
}

/**
 * Servers that put verbs into capitals as text of all scripts (Python) read STOR where a long s
 * (U+017F) or a ligature begins the word, and LIST with a dotless i; those of seven bits read yet
 * other letters.
 */
function readsAsDenied(policy: FtpPolicy, { isWatched }: VerbTables, body: Body): boolean {
  const { bytes, start, end } = body;
  if (!mayReadAsDenied(bytes, start, end)) return false;
  const from = skipBlanks(bytes, start, end);
  const word = Buffer.from(bytes.subarray(from, endOfWord(bytes, from, end)));
  const inSevenBits = Buffer.from(word.map((byte) => byte & 0x7f)).toString('latin1');
  const names = [word.toString('utf8'), word.toString('latin1'), inSevenBits];
  return names.some((name) => {
    const code = verbOfName(name);
    return (code !== Verb.Other && isWatched[code] === 1) || verbDenied(policy, name.toUpperCase());
  });
}

/** Whether the first word has letters that are none of ASCII. */
export function mayReadAsDenied(bytes: Uint8Array, start: number, end: number): boolean {
  const from = skipBlanks(bytes, start, end);
  const to = endOfWord(bytes, from, end);
  for (let pos = from; pos < to; pos++) if (bytes[pos]! >= 0x80) return true;
  return false;
}

function endOfWord(bytes: Uint8Array, from: number, end: number): number {
  let pos = from;
  while (pos < end && bytes[pos]! > SPACE) pos++;
  return pos;
}

/** The verb that has just been read, in capitals. */
function verbText(bytes: Uint8Array): string {
  return textOf(bytes, verbSpan.start, verbSpan.end).toUpperCase();
}

/** The name of a user, or of a file: what stands behind the verb and one blank. */
function argumentOf(body: Body, verb: VerbCode): string {
  const { bytes } = body;
  const end = endOfBody(bytes, body.start, body.end);
  // Behind MFMT and its like the name is the second word.
  if (isFacts(verb)) return textOf(bytes, nameStart(verb, bytes, verbSpan.end, end), end);
  const at = verbSpan.end;
  return textOf(bytes, at < end && bytes[at] === SPACE ? at + 1 : at, end);
}

function isFacts(verb: VerbCode): boolean {
  return verb === Verb.Mfmt || verb === Verb.Mfct || verb === Verb.Mff;
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.max(0, to - from)).toString(
    'latin1',
  );
}
