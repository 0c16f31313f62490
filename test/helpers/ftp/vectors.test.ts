import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatAddress } from '../../../src/wire/index.ts';
import { addressWords } from '../../support/gateway.ts';
import { ftpSession, type NatKind } from './ftp-session.ts';
import { sharedFile } from './support.ts';
import { DIFFERENCES } from './vector-differences.ts';

interface Vector {
  readonly name: string;
  readonly steps: readonly (readonly ['C' | 'S', string])[];
  readonly ipv6: boolean;
  readonly warm: boolean;
  readonly nat: NatKind;
  readonly kernel: {
    readonly verdicts: readonly (string | { readonly rewritten: string })[];
    readonly expectations: readonly { src: string; dst: string; dport: number }[];
  };
}

const path = sharedFile('reference/ftp-helper-vectors.json');
const skip = path === null ? 'the shared reference is not beside the repository' : false;

function pinhole({ steps, ipv6, warm, nat }: Vector) {
  const session = ftpSession({ nat, ipv6 }, { warm });
  const verdicts = steps.map(([from, text]) => session.step(from, text));
  return { verdicts, expectations: session.expected() };
}

function kernel({ kernel: { verdicts, expectations } }: Vector) {
  const canonical = (text: string) => {
    const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(text);
    return formatAddress(text.includes(':') ? 6 : 4, w0, w1, w2, w3);
  };
  return {
    verdicts: verdicts.map((verdict) =>
      typeof verdict === 'string' ? verdict : verdict.rewritten,
    ),
    expectations: expectations.map((e) => `${canonical(e.src)}>${canonical(e.dst)}:${e.dport}`),
  };
}

test('the dialogues measured on a kernel, through a gateway in memory', { skip }, (context) => {
  const { vectors } = JSON.parse(readFileSync(path!, 'utf8')) as { vectors: Vector[] };
  const unmet = new Set(Object.keys(DIFFERENCES));
  for (const vector of vectors) {
    const ours = pinhole(vector);
    const { name } = vector;
    const listed = DIFFERENCES[name];
    if (listed === undefined) {
      assert.deepEqual(ours, kernel(vector), `${name}: not listed as a difference`);
      continue;
    }
    unmet.delete(name);
    assert.notDeepEqual(ours, kernel(vector), `${name}: listed, but does not differ`);
    const { verdicts, expectations } = listed;
    assert.deepEqual(ours, { verdicts, expectations }, `${name}: differs otherwise than listed`);
  }
  assert.deepEqual([...unmet], [], 'listed vectors that do not exist');
  const differing = Object.keys(DIFFERENCES).length;
  context.diagnostic(
    `${vectors.length} dialogues: ${vectors.length - differing} as the kernel, ${differing} listed`,
  );
});
