/** The rule files and extension tests that lie beside the checkout, where they are there. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { InterfaceTable } from '../../src/base/index.ts';
import { compileRuleSet, printSave, type RuleSet } from '../../src/rules/index.ts';
import { load, repositoryRoot, sharedFile } from './support.ts';

function listShared(folder: string): string[] {
  try {
    return readdirSync(join(repositoryRoot(), '..', 'shared', folder)).sort();
  } catch {
    return [];
  }
}

/** The lines of an iptables-save text without comments. */
const linesOf = (text: string) => text.split('\n').filter((line) => !/^(#|$)/.test(line));

const saved = (ruleSet: RuleSet) =>
  printSave(compileRuleSet(ruleSet, new InterfaceTable()), { family: 4, now: new Date(0) });

describe('real rule files', () => {
  const names = listShared('rulefiles').filter((name) => !/\.(sh|md)$|^golden$/.test(name));

  test('what real iptables saved after loading them is what we save', (t) => {
    if (names.length === 0) {
      t.skip('../shared/rulefiles is not there');
      return;
    }
    for (const name of names) {
      const golden = sharedFile(`rulefiles/golden/${name}.saved`);
      if (golden === null) continue;
      const { ruleSet, errors } = load(sharedFile(`rulefiles/${name}`)!, {}, name);
      assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
      assert.deepEqual(linesOf(saved(ruleSet)), linesOf(golden), name);
    }
  });

  test('files that real iptables refuses are refused', (t) => {
    const refused = names.filter((name) => sharedFile(`rulefiles/golden/${name}.err`) !== null);
    if (refused.length === 0) {
      t.skip('../shared/rulefiles/golden is not there');
      return;
    }
    for (const name of refused) {
      assert.equal(load(sharedFile(`rulefiles/${name}`)!, {}, name).ruleSet, null, name);
    }
  });
});

describe('the extension tests of iptables', () => {
  interface Tally {
    agreed: number;
    all: number;
  }

  /** One line of a .t file against one chain: true where we agree with the result it asks for. */
  function agrees(table: string, chain: string, line: string): boolean {
    const [rule = '', form = '', result = ''] = line.split(';');
    const { ruleSet } = load(`*${table}\n-A ${chain} ${rule}\nCOMMIT\n`);
    if (result === 'FAIL') return ruleSet === null;
    if (ruleSet === null) return false;
    const wanted = `-A ${chain} ${form === '=' ? rule : form}`;
    return saved(ruleSet).split('\n').includes(wanted);
  }

  function runFile(text: string, onMiss: (line: string) => void): Tally {
    const tally: Tally = { agreed: 0, all: 0 };
    let chains: string[] = [];
    let table = 'filter';
    for (const line of text.split('\n')) {
      if (line === '' || /^[#@%]/.test(line)) continue;
      if (line.startsWith(':')) chains = line.slice(1).split(',');
      else if (line.startsWith('*')) table = line.slice(1);
      else {
        tally.all++;
        if (chains.every((chain) => agrees(table, chain, line))) tally.agreed++;
        else onMiss(line);
      }
    }
    return tally;
  }

  test('the share that agrees', (t) => {
    const files = listShared('iptables-t').filter((name) => name.endsWith('.t'));
    if (files.length === 0) {
      t.skip('../shared/iptables-t is not there');
      return;
    }
    const total: Tally = { agreed: 0, all: 0 };
    for (const name of files) {
      const misses: string[] = [];
      const tally = runFile(sharedFile(`iptables-t/${name}`)!, (line) => misses.push(line));
      total.agreed += tally.agreed;
      total.all += tally.all;
      t.diagnostic(
        `${name}: ${tally.agreed} of ${tally.all}${misses.map((m) => `\n    ${m}`).join('')}`,
      );
    }
    const share = (100 * total.agreed) / total.all;
    t.diagnostic(`together ${total.agreed} of ${total.all}, ${share.toFixed(1)} %`);
    assert.ok(share >= 98, `${share} %`);
  });
});
