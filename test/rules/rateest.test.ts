import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatBitRate, parseBitRate } from '../../src/rules/ext/parts/rateest-rate.ts';
import { testForms, testRefusals } from './match-text.ts';
import { block, load } from './support.ts';

/** `-m rateest`: text forms and refusals, as the extension of iptables-legacy 1.8.9 gave them. */

describe('rateest', () => {
  testForms(`
@4 filter INPUT
-m rateest --rateest x --rateest-gt --rateest-bps 1mbit ;; -m rateest --rateest x --rateest-gt --rateest-bps 1000Kbit ;; rateest match x bps 1000Kbit gt ;; rateest match x bps 125000 gt
-m rateest --rateest x --rateest-bps 9 ! --rateest-eq ;; -m rateest --rateest x ! --rateest-eq --rateest-bps 8bit ;; rateest match x bps 8bit ! eq ;; rateest match x bps 1 ! eq
-m rateest --rateest1 x --rateest-gt --rateest-bps --rateest2 y ;; = ;; rateest match x bps gt y bps
-m rateest --rateest1 x --rateest-gt --rateest-pps --rateest2 y ;; = ;; rateest match x pps gt y pps
-m rateest --rateest1 x --rateest2 y --rateest-bps 7 --rateest-gt ;; -m rateest --rateest1 x --rateest-gt --rateest-bps --rateest2 y ;; rateest match x bps gt y bps
-m rateest --rateest-delta --rateest x --rateest-bps1 8bit --rateest-lt --rateest-bps2 16bit ;; = ;; rateest match x delta bps 8bit 16bit lt ;; rateest match x delta bps 1 2 lt
-m rateest --rateest-delta --rateest1 x --rateest-pps1 0 --rateest-lt --rateest-pps2 42 --rateest2 y ;; = ;; rateest match x delta pps 0 lt y pps 42
-m rateest --rateest-d --rateest x --rateest-bps1 8 --rateest-bps2 ! --rateest-lt ;; -m rateest --rateest-delta --rateest x --rateest-bps1 8bit ! --rateest-lt --rateest-bps2 0bit ;; rateest match x delta bps 8bit 0bit ! lt ;; rateest match x delta bps 1 0 ! lt
-m rateest --rateest aaaaaaaaaaaaaaaaaaaa --rateest-pps 5 --rateest-gt ;; -m rateest --rateest aaaaaaaaaaaaaaa --rateest-gt --rateest-pps 5 ;; rateest match aaaaaaaaaaaaaaa pps gt 5
-m rateest --rateest x --rateest-bps --rateest-gt ;; -m rateest --rateest x --rateest-gt --rateest-bps 0bit ;; rateest match x bps 0bit gt ;; rateest match x bps 0 gt
-m rateest --rateest x --rateest-pps 1 ! --rateest-lt --rateest-gt ;; -m rateest --rateest x ! --rateest-gt --rateest-pps 1 ;; rateest match x pps ! gt 1
`);

  testRefusals(`
@4 filter INPUT
-m rateest ;; 1 ;; EINVAL
-m rateest --rateest x --rateest-gt ;; 1 ;; EINVAL
-m rateest --rateest x --rateest-pps 1 ;; 1 ;; EINVAL
-m rateest --rateest-pps 1 --rateest-gt ;; 1 ;; No chain/target/match by that name.
-m rateest --rateest x --rateest1 y ;; 2 ;; rateest: can't specify --rateest1 twice
-m rateest --rateest x --rateest2 y --rateest2 z ;; 2 ;; rateest: can't specify --rateest2 twice
-m rateest --rateest x --rateest-bps 1 --rateest-bps2 2 ;; 2 ;; rateest: can't specify --rateest-bps2 twice
-m rateest --rateest x --rateest-pps1 --rateest-pps1 ;; 2 ;; rateest: can't specify --rateest-pps1 twice
-m rateest --rateest-delta --rateest-delta ;; 2 ;; rateest: can't specify --rateest-delta twice
-m rateest --rateest-lt --rateest-lt ;; 2 ;; rateest: can't specify lt/gt/eq twice
-m rateest ! --rateest x ;; 2 ;; rateest: rateest can't be inverted
-m rateest ! --rateest2 x ;; 2 ;; rateest: rateest can't be inverted
-m rateest ! --rateest-delta ;; 2 ;; rateest: rateest-delta can't be inverted
-m rateest ! --rateest-bps1 1 ;; 2 ;; rateest: rateest-bps can't be inverted
-m rateest ! --rateest-pps 1 ;; 2 ;; rateest: rateest-pps can't be inverted
-m rateest --rateest-bps foo ;; 2 ;; rateest: could not parse rate ^foo'
-m rateest --rateest-bps "" ;; 2 ;; rateest: could not parse rate ^'
-m rateest --rateest-pps 4294967296 ;; 2 ;; rateest: could not parse pps ^4294967296'
-m rateest --rateest-pps=5 ;; 2 ;; unknown option "--rateest-pps=5"
-m rateest --rateest-bp 5 ;; 2 ;; unknown option "--rateest-bp"
-m rateest --rateest-bps -1 ;; 2 ;; unknown option "-1"
`);

  test('rates are whole bytes, and those beyond 32 bits wrap round', () => {
    const read = [
      ['3bit', '0bit'],
      ['3Kibit', '3072bit'],
      ['3Mibit', '3146Kbit'],
      ['3gbit', '3000Mbit'],
      ['3Bps', '24bit'],
      ['3KBps', '24000bit'],
      ['3GiBps', '25770Mbit'],
      ['1.5Gbps', '12000Mbit'],
      ['40Gbit', '5640Mbit'],
      ['1Tibps', '0bit'],
      ['1e3', '1000bit'],
      ['0x10', '16bit'],
      ['999999992bit', '1000000Kbit'],
    ] as const;
    for (const [text, printed] of read) assert.equal(formatBitRate(parseBitRate(text)!), printed);
    assert.equal(formatBitRate(1_000_500_000 / 8), '1000Mbit', 'half goes to the even side');
    for (const text of ['', 'bit', '5kib', '1x', '1 bit']) assert.equal(parseBitRate(text), null);
  });

  test('says that it is not enforced', () => {
    const rule = '-A INPUT -m rateest --rateest x --rateest-pps 1 --rateest-gt -j DROP';
    const { warnings } = load(block('filter', rule));
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['not-enforced'],
    );
  });
});
