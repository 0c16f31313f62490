/**
 * Dialogues through a gateway in memory in hardened mode, as tables: who says what, what becomes of
 * it, what is expected at the end, and what was refused.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';

/** The speaker, the segment, and its fate: `pass` if left out, see `ControlSession.step`. */
export type Step = readonly [from: 'C' | 'S', text: string, fate?: string];

export interface Play {
  readonly nat?: NatKind;
  readonly ipv6?: boolean;
  /** Greeting and login come first. Default true. */
  readonly warm?: boolean;
  readonly policy?: Partial<FtpPolicy>;
  readonly steps: readonly Step[];
  /** `src>dst:port` of what is expected at the end. Default: nothing. */
  readonly expects?: readonly string[];
  /** `KIND reason action` of each refusal. Default: none. */
  readonly refuses?: readonly string[];
}

export const ENDS = { client: '10.0.1.2', server: '192.0.2.2', outside: '192.0.2.1' } as const;
/** What a PORT 10,0,1,2,200,10 without translation opens, and a 227 (192,0,2,2,200,10). */
export const TO_CLIENT = '192.0.2.2>10.0.1.2:51210';
export const TO_SERVER = '10.0.1.2>192.0.2.2:51210';
export const TO_OUTSIDE = '192.0.2.2>192.0.2.1:51210';
export const PORT = 'PORT 10,0,1,2,200,10\r\n';
export const PASV = 'PASV\r\n';
export const R227 = '227 Entering Passive Mode (192,0,2,2,200,10).\r\n';
export const R229 = '229 Entering Extended Passive Mode (|||51210|)\r\n';

export function play(name: string, dialogue: Play): void {
  test(name, () => {
    perform(dialogue);
  });
}

/** Plays a dialogue, checks it, and hands the session out for more. */
export function perform({
  steps,
  expects = [],
  refuses = [],
  policy = {},
  warm,
  ...gateway
}: Play): ControlSession {
  const session = ftpSession(
    { ...gateway, ftp: ftpPolicy(policy) },
    warm === undefined ? {} : { warm },
  );
  for (const [from, text, fate = 'pass'] of steps) {
    assert.equal(session.step(from, text), fate, JSON.stringify(text));
  }
  assert.deepEqual(session.expected(), expects);
  const refusals = session.around.refusals.map((r) => `${r.kind} ${r.reason} ${r.action}`);
  assert.deepEqual(refusals, refuses);
  return session;
}
