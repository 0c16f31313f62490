/** Random commands: rules in force are never changed under a packet, and what is saved loads again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { printSave } from '../../src/rules/index.ts';
import { RuleGateway } from './rule-gateway.ts';
import { shellWords } from './transcripts.ts';

const random = new Prng(20_261_121);
const pick = <T>(of: readonly T[]): T => of[random.below(of.length)]!;

const chain = () => pick(['INPUT', 'FORWARD', 'OUTPUT', 'A', 'B', 'C']);
const matches = ['', '-p tcp', '-p udp --dport 53', '-i lo', '! -p icmp', '-s 1.1.1.1,2.2.2.2'];
const rule = () => {
  const jump = pick([
    '',
    '-j ACCEPT',
    '-j DROP',
    '-j RETURN',
    `-j ${chain()}`,
    `-g ${chain()}`,
    '-j LOG',
  ]);
  return `${pick(matches)} ${jump} ${pick(['', '', '-c 3 4'])}`;
};

function command(): string {
  const place = pick([1, 2, 5]);
  return pick([
    () => `-A ${chain()} ${rule()}`,
    () => `-A ${chain()} ${rule()}`,
    () => `-I ${chain()} ${place} ${rule()}`,
    () => `-D ${chain()} ${place}`,
    () => `-D ${chain()} ${rule()}`,
    () => `-R ${chain()} ${place} ${rule()}`,
    () => `-N ${chain()}`,
    () => `-N ${chain()}`,
    () => pick(['-X', `-X ${chain()}`]),
    () => `-E ${chain()} ${chain()}`,
    () => `-P ${chain()} ${pick(['ACCEPT', 'DROP'])}`,
    () => `-F ${chain()}`,
    () => `-t nat -A POSTROUTING -s 10.0.${random.below(9)}.0/24 -j MASQUERADE`,
  ])();
}

const now = new Date(0);

test('random edits', async () => {
  const gateway = new RuleGateway({ rules: '*filter\nCOMMIT\n' });
  let carriedOut = 0;
  for (let i = 0; i < 400; i++) {
    const before = gateway.changes.rules;
    const text = printSave(before, { family: 4, counters: true, now });
    const line = command();
    const { code, stderr } = await gateway.run('iptables', shellWords(line));
    assert.equal(printSave(before, { family: 4, counters: true, now }), text, line);
    assert.equal(stderr === '', code === 0, `${line}: ${stderr}`);
    if (code === 0) carriedOut++;
    else assert.equal(gateway.changes.rules, before, `${line}: nothing is swapped`);
  }
  assert.ok(carriedOut > 150, `${carriedOut} commands were carried out`);

  const saved = await gateway.saved('-c');
  const again = new RuleGateway({ rules: '*filter\nCOMMIT\n' });
  const { code, stderr } = await again.run('iptables-restore', ['-c'], saved);
  assert.deepEqual([stderr, code], ['', 0]);
  const tables = (text: string) => text.split('COMMIT\n').sort();
  assert.deepEqual(tables(await again.saved('-c')), tables(saved));
});
