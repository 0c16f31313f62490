import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/wire/index.ts';
import { addressWords } from '../../../support/gateway.ts';
import { sharedFile } from '../../../support/shared.ts';
import type { NatKind } from '../ftp-session.ts';
import { talk } from './talk.ts';

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

function canonical(text: string): string {
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = addressWords(text);
  return formatAddress(text.includes(':') ? 6 : 4, w0, w1, w2, w3);
}

function ofKernel({ kernel }: Vector) {
  return {
    verdicts: kernel.verdicts.map((verdict) =>
      typeof verdict === 'string' ? verdict : verdict.rewritten,
    ),
    expectations: kernel.expectations.map(
      ({ src, dst, dport }) => `${canonical(src)}>${canonical(dst)}:${dport}`,
    ),
  };
}

/**
 * What was measured is what the other program was given: behind a segment that never arrives, it is
 * given nothing any more.
 */
function ofTwin({ steps, ipv6, warm, nat }: Vector) {
  const session = talk({ nat, ipv6 }, { warm });
  const stalled = { C: false, S: false };
  const verdicts = steps.map(([from, text]) => {
    const verdict = session.step(from, text);
    stalled[from] ||= verdict === 'drop';
    return stalled[from] ? 'drop' : verdict;
  });
  return { verdicts, expectations: session.expected() };
}

test('every dialogue measured on a kernel ends alike', { skip }, () => {
  const { vectors } = JSON.parse(readFileSync(path!, 'utf8')) as { vectors: Vector[] };
  assert.equal(vectors.length, 79);
  for (const vector of vectors) {
    assert.deepEqual(ofTwin(vector), ofKernel(vector), vector.name);
  }
});
