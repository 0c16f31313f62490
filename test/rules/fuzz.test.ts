/** Mutated rule text: errors are collected, never thrown, and reading always ends. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { compileRuleSet, printList, printSave, printSpecs } from '../../src/rules/index.ts';
import { load, repositoryRoot, services } from './support.ts';

const INPUTS = 5000;
const seeds = readdirSync(join(repositoryRoot(), 'rules')).map((name) => ({
  name,
  text: readFileSync(join(repositoryRoot(), 'rules', name), 'utf8').replace(/^#(?!!).*\n/gm, ''),
}));

/** What mutation puts in: words of the language, separators, and bytes that are none. */
const scraps = [
  '!',
  ' ! ',
  '-',
  '--',
  '"',
  "'",
  '\\',
  '\n',
  '\r',
  '\t',
  '#',
  ';',
  '&&',
  '||',
  '|',
  '$',
  '$(',
  '`',
  '$' + '{',
  ',',
  ':',
  '/',
  '+',
  '=',
  '>',
  '<',
  '\0',
  'é',
  '0',
  '65536',
  '4294967296',
  '-1',
  '99999999999999999999',
  '*filter\n',
  'COMMIT\n',
  ':A - [0:0]\n',
  '-A INPUT',
  '-j',
  '-g A',
  '-m',
  '-m limit',
  '-m multiport',
  '--dports 1,2',
  '--to',
  '-s 1.2.3.4/',
  '-d ::1',
  '-p',
  '-p tcp',
  '-f',
  '-i',
  '-i +',
  '-t nat',
  '-D INPUT 1',
  '-R INPUT 1',
  '-X',
  '-F',
  '-E A B',
  '-N A',
  '-P INPUT DROP',
  '-c 1',
  '[1:',
  ']',
  '-6',
  '-4 ',
  'modprobe ',
  'exit',
] as const;

function mutate(text: string, random: Prng): string {
  let result = text;
  for (let n = 1 + random.below(2); n > 0; n--) {
    const at = random.below(result.length + 1);
    const length = random.below(12);
    switch (random.below(4)) {
      case 0:
        result = result.slice(0, at) + scraps[random.below(scraps.length)]! + result.slice(at);
        break;
      case 1:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 2: {
        const from = random.below(result.length + 1);
        result = result.slice(0, at) + result.slice(from, from + 40) + result.slice(at);
        break;
      }
      default:
        result =
          result.slice(0, at) + String.fromCharCode(random.below(256)) + result.slice(at + 1);
    }
  }
  return result;
}

test(`${INPUTS} mutated files`, () => {
  const random = new Prng(0x5eed);
  let loaded = 0;
  for (let n = 0; n < INPUTS; n++) {
    const { name, text } = seeds[n % seeds.length]!;
    const input = mutate(text, random);
    const { ruleSet, errors, warnings } = load(
      input,
      {},
      random.below(10) === 0 ? 'rules.v6' : name,
    );
    const lines = input.split('\n').length;
    for (const { line, column, message } of [...errors, ...warnings]) {
      assert.ok(
        line >= 1 && line <= lines + 1 && column >= 1,
        `${line}:${column} in ${lines} lines`,
      );
      assert.notEqual(message, '');
    }
    for (const error of errors) error.format();
    assert.equal(ruleSet === null, errors.length > 0);
    if (ruleSet === null) continue;
    loaded++;
    // What loads also compiles and prints, and what is saved loads again.
    const compiled = compileRuleSet(ruleSet, new InterfaceTable());
    printSpecs(compiled, { family: 4, verbose: true });
    printList(compiled, { family: 4, verbose: true, services });
    for (const family of [4, 6] as const) {
      const saved = printSave(compiled, { family, now: new Date(0) });
      const again = load(saved, { family, format: 'save' }, 'again');
      assert.ok(again.ruleSet, `${saved}\n${again.errors[0]?.format()}\n<<<\n${input}`);
    }
  }
  assert.ok(loaded > 100, `${loaded} of them load`);
});
