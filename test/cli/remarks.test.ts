import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remarksOn } from '../../src/cli/run/remarks.ts';
import { defaultFtpOptions } from '../../src/helpers/index.ts';
import { ruleSetOf } from '../rules/support.ts';

const options = { ftp: defaultFtpOptions, nflog: [] };
const gate = { name: 'gate', holdsOutput: true } as const;
const capture = { name: 'capture', holdsOutput: false } as const;

function remarks(lines: readonly string[], datapath: typeof gate | typeof capture): string[] {
  const ruleSet = ruleSetOf(['*filter', ...lines, 'COMMIT', ''].join('\n'));
  return remarksOn(ruleSet, options, datapath).filter((remark) => !/^no rules for/.test(remark));
}

test('OUTPUT rules: named where they are not enforced', () => {
  const lines = ['-A OUTPUT -p tcp --dport 25 -j DROP'];
  assert.match(remarks(lines, capture)[0]!, /:2: .*cannot hold back the host's own packets$/);
  assert.deepEqual(remarks(lines, gate), []);
});

test('rules that look at single packets: named to the gate', () => {
  const lines = ['-A FORWARD -m limit --limit 5/s -j LOG', '-A FORWARD -j ACCEPT'];
  const [remark, ...others] = remarks(lines, gate);
  assert.match(remark!, /:2: -m limit, -j LOG: connections that come to this rule stay in the eng/);
  assert.deepEqual(others, []);
  assert.deepEqual(remarks(lines, capture), []);
  const fine = ['-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT', ...lines];
  assert.deepEqual(remarks(fine, gate), [], 'they never come to it');
});

test('no more than five of a kind', () => {
  const many = Array.from({ length: 9 }, (_, i) => `-A FORWARD -s 10.0.0.${i} -j LOG`);
  const named = remarks(many, gate);
  assert.equal(named.length, 6);
  assert.equal(named[5], 'and 4 more rules that keep connections in the engine');
});
