import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Outcome } from '../../../../src/engine/index.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';

const LINES = [
  'NOOP\r\n',
  'PORT 6,6,6,6,0,80\r\n',
  'eprt |1|6.6.6.6|80|\r\n',
  'PORT 10,0,1,2,200,10\r\n',
  'STOR PORT 6,6,6,6\r\n',
  'PASS secret\r\n',
];
/** A whole line from which a server, however lenient, takes an endpoint. */
const BOUNCE = /^(PORT 6,6,6,6,0,\d|EPRT \|1\|6\.6\.6\.6\|\d)[^\n]*\n/im;

interface Piece {
  readonly from: number;
  readonly to: number;
}

/** Pieces that cover the text, some of them twice, in an order that is mostly that of the text. */
function pieces(length: number, random: () => number): Piece[] {
  const cuts = [0];
  while (cuts.at(-1)! < length) {
    cuts.push(Math.min(length, cuts.at(-1)! + 1 + Math.floor(random() ** 2 * 30)));
  }
  const all = cuts.slice(1).map((to, i) => ({ from: cuts[i]!, to }));
  for (let i = 0; i < all.length; i++) {
    const other = Math.min(all.length - 1, i + Math.floor(random() ** 3 * 4));
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  const again = all.filter(() => random() < 0.2);
  return [...all, ...again, { from: 0, to: length }];
}

/** What the server reads in the end, from pieces that arrive in any order; the first copy counts. */
function play(session: ControlSession, text: string, parts: readonly Piece[]): string {
  const { client, server } = session;
  const bytes: string[] = [];
  for (const { from, to } of parts) {
    const seq = (client.next + from) >>> 0;
    const left = session.inject(client, { seq, payload: text.slice(from, to), flags: 'PA' });
    if (left.reason === 'ftp-reset') return '';
    if (left.outcome !== Outcome.Forward) continue;
    const at = (left.seen!.seq - server.expected) | 0;
    [...left.seen!.text].forEach((char, i) => {
      bytes[at + i] ??= char;
    });
  }
  let stream = '';
  for (let i = 0; bytes[i] !== undefined; i++) stream += bytes[i];
  return stream;
}

const dialogue = fc.record({
  lines: fc.array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 6 }),
  seed: fc.integer(),
});

function randomOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

for (const nat of ['plain', 'snat'] as const satisfies readonly NatKind[]) {
  test(`${nat}: no cutting, reordering and repeating carries a bounce to the server`, () => {
    fc.assert(
      fc.property(dialogue, ({ lines, seed }) => {
        const text = lines.join('');
        const session = ftpSession({ nat });
        const stream = play(session, text, pieces(text.length, randomOf(seed)));
        assert.doesNotMatch(stream, BOUNCE);
        assert.ok(!JSON.stringify(session.around.refusals).includes('secret'));
        for (const expected of session.expected()) assert.match(expected, /:51210$/);
      }),
      { seed: 20_261_121, numRuns: 300 },
    );
  });
}
