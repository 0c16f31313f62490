/** The rule files that are shipped: each loads, and real iptables takes them as we do. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { InterfaceTable } from '../../src/base/index.ts';
import {
  compileRuleSet,
  formatWarning,
  loadRuleFiles,
  printSave,
  type RuleSet,
  tableNames,
} from '../../src/rules/index.ts';
import { repositoryRoot } from './support.ts';

const folder = join(repositoryRoot(), 'rules');
const names = readdirSync(folder).sort();

function loadExample(name: string): RuleSet {
  const { ruleSet, errors, warnings } = loadRuleFiles([join(folder, name)], (path) =>
    readFileSync(path, 'utf8'),
  );
  assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
  assert.deepEqual(warnings.map(formatWarning), []);
  return ruleSet;
}

const compiledOf = (name: string) => compileRuleSet(loadExample(name), new InterfaceTable());

/** Without comments, and with the tables in our order: the kernel's depends on who came first. */
function comparable(text: string): string[] {
  const blocks = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .join('\n')
    .split(/^COMMIT$/m)
    .map((block) => block.trim())
    .filter((block) => block !== '');
  return blocks.sort();
}

test('every shipped file loads, without a warning', () => {
  assert.ok(names.length >= 4);
  for (const name of names) loadExample(name);
});

test('the classic script asks for the FTP helper, for NAT and for forwarding', () => {
  const { modules } = loadExample('classic-gateway.sh');
  assert.deepEqual(modules.ftpPorts, [21]);
  assert.equal(modules.natFtp, true);
  assert.equal(modules.ipForward, true);
});

test('what is saved loads again and saves the same', () => {
  for (const name of names) {
    const first = printSave(compiledOf(name), { family: 4, now: new Date(0) });
    const { ruleSet } = loadRuleFiles([name.replace(/\.sh$/, '.rules')], () => first);
    assert.ok(ruleSet);
    const again = printSave(compileRuleSet(ruleSet, new InterfaceTable()), {
      family: 4,
      now: new Date(0),
    });
    // The table named first is printed last, so loading turns their order round.
    assert.deepEqual(comparable(again), comparable(first), name);
  }
});

describe('in real iptables', () => {
  const space = `pinhole-rules-${process.pid}`;
  let ready = false;
  const run = (command: string[], input = '') =>
    spawnSync('ip', ['netns', 'exec', space, ...command], { input, encoding: 'utf8' });

  before(() => {
    if (process.getuid?.() !== 0 || !existsSync('/usr/sbin/iptables-legacy-restore')) return;
    ready = spawnSync('ip', ['netns', 'add', space]).status === 0;
  });
  after(() => {
    if (ready) spawnSync('ip', ['netns', 'del', space]);
  });

  test('the same rules come back', (t) => {
    if (!ready) {
      t.skip('needs root and iptables-legacy');
      return;
    }
    for (const name of names) {
      for (const table of tableNames.slice(0, 4)) {
        for (const flag of ['-F', '-X']) run(['iptables-legacy', '-t', table, flag]);
        for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) {
          run(['iptables-legacy', '-t', table, '-P', chain, 'ACCEPT']);
        }
      }
      const text = readFileSync(join(folder, name), 'utf8');
      const stubs = 'iptables() { iptables-legacy "$@"; }; modprobe() { :; };';
      const result = name.endsWith('.sh')
        ? run(['sh'], `${stubs}${text}`)
        : run(['iptables-legacy-restore'], text);
      assert.equal(result.status, 0, `${name}: ${result.stderr}`);
      const compiled = compiledOf(name);
      for (const { name: table } of compiled.ruleSet.familyTables(4)) {
        const real = run(['iptables-legacy-save', '-t', table]).stdout;
        const ours = printSave(compiled, { family: 4, table, now: new Date(0) });
        assert.deepEqual(comparable(ours), comparable(real), `${name} ${table}`);
      }
    }
  });
});
