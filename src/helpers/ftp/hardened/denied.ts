import { Verb, type VerbCode, verbName, verbSpan } from '../grammar/verbs.ts';
import { fileAllowed, userAllowed, verbDenied, verbNamesFile } from '../verdicts.ts';
import type { LineBody } from './body.ts';
import type { Control } from './control.ts';
import { endOfBody } from './strike.ts';

const SPACE = 0x20;

/**
 * Whether the policy forbids the command in `body`, whose verb has just been read (`verbSpan`). One
 * that is too long is forbidden where its argument would decide, for it is not known whole.
 */
export function commandIsDenied(
  { policy, verbs }: Control,
  body: LineBody,
  verb: VerbCode,
  isTooLong: boolean,
): boolean {
  if (verbs.isDenied[verb] === 1) return true;
  if (verbs.isWatched[verb] === 0) return false;
  if (verb === Verb.Other)
    return verbDenied(policy, textOf(body.bytes, verbSpan.start, verbSpan.end).toUpperCase());
  if (verb === Verb.Auth) return policy.authTls === 'reject';
  const isUser = verb === Verb.User;
  if (!isUser && !verbNamesFile(verbName(verb))) return false;
  if (isTooLong) return true;
  const argument = argumentOf(body);
  return isUser ? !userAllowed(policy, argument) : !fileAllowed(policy, argument);
}

/** What stands behind the verb and one blank. */
function argumentOf(body: LineBody): string {
  const { bytes } = body;
  const end = endOfBody(bytes, body.start, body.end);
  let at = verbSpan.end;
  if (at < end && bytes[at] === SPACE) at++;
  return textOf(bytes, at, end);
}

function textOf(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, Math.max(0, to - from)).toString(
    'latin1',
  );
}
