import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/wire/index.ts';
import { sharedFile } from '../../../support/shared.ts';
import { parse } from '../support.ts';

interface Vector {
  name: string;
  steps: ['C' | 'S', string][];
  nat: string;
  kernel: { verdicts: unknown[]; expectations: { dport: number }[] };
}

/**
 * What the grammar says of every line of the measured dialogues, each taken for itself: neither the
 * address check nor what came before is the grammar's business. Where the kernel dropped or let a
 * number wrap, the answer differs from the kernel's on purpose.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  'PORT ok': 'ok',
  'port lower': 'ok',
  'PORT bounce other addr': 'ok',
  'PORT bounce server addr': 'ok',
  'PORT port 0': 'port-zero',
  'PORT 0,8080 overflow': 'number-out-of-range',
  'PORT addr bleed 10,0,0,258': 'number-out-of-range',
  'PORT empty nums 10,0,1,2,,5': 'lax',
  'PORT 5 nums': 'malformed',
  'PORT 7 nums': 'lax',
  'PORT trailing space CRLF': 'lax',
  'PORT double space': 'lax',
  'PORT TAB sep': 'lax',
  'PORT no arg': 'malformed',
  'P alone': 'incomplete',
  'PO split RT..': 'incomplete not-for-us',
  PASV: 'not-for-us',
  'PORT split mid number': 'incomplete not-for-us',
  'PORT without CRLF end': 'incomplete',
  'pipelined NOOP+PORT 1 seg': 'not-for-us ok',
  'pipelined PORT+LIST 1 seg': 'ok not-for-us',
  'PORT PORT 1 seg': 'ok ok',
  'PORT not after nl': 'not-for-us ok',
  'IAC DM + PORT': 'not-for-us',
  'IAC inside PO<IAC NOP>RT': 'not-for-us',
  'same PORT twice': 'ok ok',
  '227 from client dir': 'not-for-us',
  '227 std': 'not-for-us ok',
  '227 unsolicited': 'ok',
  '227 no parens': 'ok',
  '227 digit in text first': 'ok',
  '227 spaces after commas': 'ok',
  '227- multiline': 'not-for-us',
  '220- multi with 227 inside 1 seg': 'not-for-us ok not-for-us',
  'multi-line 2 segs inner 227': 'not-for-us ok',
  '500 echo of 227 same seg': 'not-for-us',
  '550 NL then 227 (echo at seg start)': 'not-for-us ok',
  '2 alone from server': 'incomplete',
  '227 priv port': 'ok',
  '227 port 0': 'port-zero',
  '229 std': 'ok',
  '229 ! delim': 'ok',
  '229 no close delim': 'malformed',
  '229 port overflow 65558': 'number-out-of-range',
  '229 port 0': 'port-zero',
  '229 with addr |1|addr|': 'malformed',
  '229 no paren': 'malformed',
  'EPRT ! delim': 'ok',
  'EPRT digit delim': 'malformed',
  'EPRT family 2 on v4': 'ok',
  'EPRT bounce': 'ok',
  'EPRT no trailing delim': 'lax',
  'EPRT port ovf 65558': 'number-out-of-range',
  'EPRT no CRLF after delim': 'incomplete',
  LPRT: 'ok',
  'EPSV ALL then PORT': 'not-for-us ok',
  'AUTH TLS then PORT': 'not-for-us not-for-us ok',
  'SNAT PORT': 'ok',
  'SNAT PORT then NOOP/200 seq': 'ok not-for-us not-for-us not-for-us ok not-for-us not-for-us',
  'SNAT PORT leading zeros': 'ok',
  'SNAT PORT already public': 'ok',
  'SNAT PORT priv 22': 'ok',
  'SNAT EPRT': 'ok',
  'SNAT EPRT ! delim': 'ok',
  'SNAT 227 (client behind NAT)': 'not-for-us ok',
  'SNAT 227 no parens + zero pad': 'ok',
  'SNAT 229': 'ok',
  'SNAT 229 ! delim': 'ok',
  'SNAT lowercase port': 'ok',
  'v6 SNAT EPRT': 'ok',
  'v6 SNAT EPRT full form addr': 'ok',
  'v6 SNAT EPSV': 'ok',
  'v6 EPRT bounce': 'ok',
  'v6 EPRT family1': 'ok',
  'v6 EPRT zone id': 'lax',
  'v6 229': 'ok',
  'v6 PORT quirk 32,1,13,184': 'ok',
  'v6 PORT other': 'ok',
  'v6 227 quirk': 'ok',
};

const path = sharedFile('reference/ftp-helper-vectors.json');

function vectors(): Vector[] {
  return (JSON.parse(readFileSync(path!, 'utf8')) as { vectors: Vector[] }).vectors;
}

/** The lines of a segment, each with its terminator, the last perhaps without. */
function linesOf(segment: string): string[] {
  return segment.split(/(?<=\n)/);
}

const absent = path === null ? 'the shared reference is not beside the repository' : false;

test('every line of the measured dialogues', { skip: absent }, () => {
  const names = new Set<string>();
  for (const { name, steps } of vectors()) {
    names.add(name);
    const codes = steps.flatMap(([from, text]) =>
      linesOf(text).map((line) => parse(from, line).code),
    );
    assert.equal(codes.join(' '), EXPECTED[name], name);
  }
  assert.deepEqual([...names].sort(), Object.keys(EXPECTED).sort());
});

test('where one well-formed line made a kernel expectation, the port is the same', {
  skip: absent,
}, () => {
  let compared = 0;
  for (const { name, steps, kernel } of vectors()) {
    const [from, text] = steps.at(-1)!;
    if (kernel.expectations.length !== 1 || linesOf(text).length !== 1) continue;
    const { code, out } = parse(from, text);
    if (code !== 'ok' && code !== 'port-zero') continue;
    assert.equal(out.port, kernel.expectations[0]!.dport, name);
    compared++;
  }
  assert.ok(compared > 25, `${compared} compared`);
});

test('replacing the numbers leaves the rest of the line as the kernel leaves it', {
  skip: absent,
}, () => {
  let compared = 0;
  for (const { name, steps, kernel } of vectors()) {
    for (const [index, [from, text]] of steps.entries()) {
      const verdict = kernel.verdicts[index] as { rewritten?: string } | string;
      if (typeof verdict === 'string' || verdict.rewritten === undefined) continue;
      const before = parse(from, text);
      const after = parse(from, verdict.rewritten);
      assert.equal(after.code, 'ok', name);
      assert.equal(
        text.replace(before.numbers, ''),
        verdict.rewritten.replace(after.numbers, ''),
        name,
      );
      const { family, a0, a1, a2, a3, hasAddress, port } = after.out;
      assert.equal(port, before.out.port, name);
      if (hasAddress && from === 'C') {
        const gateway = family === 4 ? '192.0.2.1' : '2001:db8:2::1';
        assert.equal(formatAddress(family, a0, a1, a2, a3), gateway, name);
      }
      compared++;
    }
  }
  assert.ok(compared > 8, `${compared} compared`);
});
