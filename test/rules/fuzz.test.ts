// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is the language of shells
/** Mutated rule text: errors are collected, never thrown, and reading always ends soon. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import {
  compileRuleSet,
  type LoadOptions,
  printList,
  printSave,
  printSpecs,
  type RuleSet,
} from '../../src/rules/index.ts';
import { mutate } from './fuzz-mutate.ts';
import { load, repositoryRoot, services } from './support.ts';

const INPUTS = 200_000;
/** How many of those that load are also compiled, printed and read again. */
const PRINT_EVERY = 10;
/** One input may take this long, on a machine that others keep busy. */
const MAX_MS = 5000;
const MAX_GROWTH_BYTES = 400 * 1024 * 1024;
/** A piece of a file is this many lines at most, so that one input costs little. */
const PIECE_LINES = 3;

interface Seed {
  readonly name: string;
  readonly text: string;
}

/** What stands around a piece so that it means something by itself. */
function framed(name: string, lines: readonly string[], table: string, chains: string): Seed {
  const text = `${lines.join('\n')}\n`;
  if (!name.endsWith('.save')) return { name, text };
  return { name, text: `*${table}\n${chains}${text}COMMIT\n` };
}

/** The rule lines of a save file in pieces, with the chains of their table that they name. */
function saveSeeds(text: string): Seed[] {
  const seeds: Seed[] = [];
  for (const block of text.matchAll(/^\*(\w+)\s*\n([\s\S]*?)^COMMIT/gm)) {
    const [, table = '', body = ''] = block;
    const declared = [...body.matchAll(/^:(\S+) -.*$/gm)].map((found) => found[1]!);
    const rules = body.split('\n').filter((line) => /^(\[|-)/.test(line));
    for (let i = 0; i < rules.length; i += PIECE_LINES) {
      const piece = rules.slice(i, i + PIECE_LINES);
      const named = declared.filter((name) => piece.join(' ').split(/\s+/).includes(name));
      const chains = named.map((name) => `:${name} - [0:0]\n`).join('');
      seeds.push(framed('piece.save', piece, table, chains));
    }
  }
  return seeds;
}

/** Scripts in pieces of some lines. */
function scriptSeeds(text: string): Seed[] {
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line));
  const seeds: Seed[] = [];
  const size = 2 * PIECE_LINES;
  for (let i = 0; i < lines.length; i += size) {
    seeds.push(framed('piece.sh', lines.slice(i, i + size), '', ''));
  }
  return seeds;
}

function seedsOf(text: string, name: string): Seed[] {
  const isSave = /^\*\w+\s*$/m.test(text) && !name.endsWith('.sh');
  return isSave ? saveSeeds(text) : scriptSeeds(text);
}

function readSeeds(folder: string): Seed[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .flatMap(({ name }) => seedsOf(readFileSync(join(folder, name), 'utf8'), name));
}

/**
 * Constructs that the files here have not. No `while` but one: most changes to it make it go on to
 * its bound, which the test of slow texts sees to.
 */
const ownSeeds: readonly Seed[] = [
  'for i in 1 2 3; do iptables -A INPUT -p tcp --dport 80$i -j ACCEPT; done',
  'f() { local x=$1; iptables -A INPUT -s ${x:-10.0.0.1}/$((8*2)) -j DROP; }; f; f 10.1.2.3',
  'iptables-restore <<EOF\n*filter\n:A - [0:0]\n-A INPUT -j A\n-A A -j DROP\nCOMMIT\nEOF',
  'case "$1" in start) iptables -P INPUT DROP;; stop|restart) iptables -F;; *) exit 1; esac',
  'while read p; do iptables -A INPUT -p tcp --dport $p; done <<EOF\n80\n443\nEOF',
  'if [ -z "$X" ] && [[ $Y != a* ]]; then iptables -N A || iptables -F A; fi',
  'P=(22 80 {100..103}); for p in "${P[@]}"; do iptables -I INPUT 1 -p udp --dport ${p%0}; done',
  'x=a-b; (( i = 3 , i++ )); for i in $((i-1)) $i; do y=${x/-/+}${x##*-}; done',
  'iptables -A INPUT -s localhost,10.0.0.0/8 -d ! 192.168.0.0/255.255.0.0 -j DROP 2>/dev/null || true',
  'ip6tables -A INPUT -p icmpv6 --icmpv6-type echo-request -s ::1/128,fe80::/10 -j ACCEPT',
  'ipset create bad hash:net timeout 300\nipset add bad 10.0.0.0/8\niptables -A INPUT -m set --match-set bad src -j DROP',
  'echo "$(printf "%s\\n" a b | sort -u | tr a-b x)" > /proc/sys/net/ipv4/ip_forward',
].map((text) => ({ name: 'own.sh', text: `${text}\n` }));

const setSeeds: readonly Seed[] = [
  'create a hash:ip family inet hashsize 64 maxelem 100\nadd a 10.0.0.1\nadd a 10.0.0.4-10.0.0.9',
  'create n hash:net family inet6 timeout 60 counters comment\nadd n 2001:db8::/32 timeout 5',
  'create p bitmap:port range 0-1023\nadd p 80\nadd p 100-200\ncreate l list:set size 8\nadd l p',
  'create i hash:ip,port skbinfo\nadd i 10.0.0.1,tcp:80 skbmark 0x1/0xf\ndel i 10.0.0.1,tcp:80',
].map((text) => ({ name: 'sets.ipset', text: `${text}\n` }));

const root = repositoryRoot();
const seeds = [
  ...readSeeds(join(root, 'rules')),
  ...readSeeds(join(root, '..', 'shared', 'rulefiles')),
  ...ownSeeds,
  ...setSeeds,
];

/** What is true of every load, whatever the text. */
function checkResult(input: string, { name }: Seed, options: LoadOptions): RuleSet | null {
  const { ruleSet, errors, warnings } = load(input, options, name);
  const lines = input.split('\n').length;
  for (const { file, line, column, message } of [...errors, ...warnings]) {
    if (line >= 1 && line <= lines + 1 && column >= 1 && message !== '' && file !== '') continue;
    assert.fail(`${line}:${column} in ${lines} lines: ${message}\n<<<\n${input}`);
  }
  for (const error of errors) error.format();
  if ((ruleSet === null) !== errors.length > 0) assert.fail(`neither loaded nor refused\n${input}`);
  return ruleSet;
}

/** The tables of a save file by name: their order is that in which they came to be. */
const tablesOf = (saved: string) => (saved.match(/^\*[\s\S]*?^COMMIT$/gm) ?? []).sort();

/** Interfaces with blanks in their names, which iptables takes, and prints so that it cannot read them. */
function hasOddInterface(ruleSet: RuleSet): boolean {
  const odd = (name: string | undefined) => /[\s"'\\]/.test(name ?? '');
  return ruleSet
    .allTables()
    .some((table) =>
      [...table.chains.values()].some((chain) =>
        chain.rules.some(
          (rule) => odd(rule.inInterface?.name) || odd(rule.outInterface?.name) || odd(chain.name),
        ),
      ),
    );
}

/** What loads also compiles and prints, and what is saved loads again and saves the same. */
function checkPrinting(ruleSet: RuleSet, input: string): void {
  const compiled = compileRuleSet(ruleSet, new InterfaceTable(), { seed: 1 });
  printSpecs(compiled, { family: 4, verbose: true });
  printList(compiled, { family: 4, verbose: true, services });
  if (hasOddInterface(ruleSet)) return;
  for (const family of [4, 6] as const) {
    const saved = printSave(compiled, { family, now: new Date(0) });
    // Rules that name sets can be read again only where the sets are.
    if (/--match-set|-j SET|--timeout/.test(saved)) continue;
    const again = load(saved, { family, format: 'save' }, 'again');
    if (again.ruleSet === null) {
      assert.fail(`${saved}\n${again.errors[0]?.format()}\n<<<\n${input}`);
    }
    const twice = compileRuleSet(again.ruleSet, new InterfaceTable(), { seed: 1 });
    assert.deepEqual(
      tablesOf(printSave(twice, { family, now: new Date(0) })),
      tablesOf(saved),
      input,
    );
  }
}

describe('mutated rule files', () => {
  test(`${INPUTS} inputs`, () => {
    const random = new Prng(0x5eed);
    const before = process.memoryUsage().heapUsed;
    let slowest = { ms: 0, input: '' };
    let loaded = 0;
    let highest = 0;
    for (let n = 0; n < INPUTS; n++) {
      const seed = seeds[n % seeds.length]!;
      const input = mutate(seed.text, random);
      const options: LoadOptions = random.below(10) === 0 ? { family: 6 } : {};
      const start = performance.now();
      const ruleSet = checkResult(input, seed, options);
      if (ruleSet !== null && loaded++ % PRINT_EVERY === 0) checkPrinting(ruleSet, input);
      const ms = performance.now() - start;
      if (ms > slowest.ms) slowest = { ms, input };
      if (n % 1000 === 0) highest = Math.max(highest, process.memoryUsage().heapUsed - before);
    }
    assert.ok(loaded > INPUTS / 50, `${loaded} of them load`);
    assert.ok(slowest.ms < MAX_MS, `${slowest.ms} ms for one input:\n${slowest.input}`);
    assert.ok(highest < MAX_GROWTH_BYTES, `the heap grew by ${highest} bytes`);
  });

  test('texts made to be slow or large end soon, with an error or without', () => {
    const deep = (open: string, close: string, n = 5000) => open.repeat(n) + close.repeat(n);
    const texts = [
      'while true; do :; done',
      'while true; do iptables -A INPUT -j DROP; done',
      'x=a; while :; do x=$x$x; done',
      'f() { f; f; }; f',
      'f() { g; }; g() { f; }; f',
      '. ./again.sh',
      './again.sh',
      'eval "$(cat again.sh)"',
      'for i in {1..99999999}; do :; done',
      'echo {a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}',
      'seq 1 999999999 | while read x; do :; done',
      'for ((;;)); do for ((;;)); do :; done; done',
      `x=${'a'.repeat(4000)}; y=\${x//*a*a*a*a*b}; z=\${x%%*a*a*b}`,
      `case ${'a'.repeat(20_000)} in *a*a*a*a*a*a*b) ;; esac`,
      deep('$(', ')'),
      deep('$((', '))'),
      deep('((', '))'),
      deep('(', ')'),
      deep('{ ', '; }'),
      deep('if ', 'fi'),
      deep('${x:-', '}'),
      deep('"$(echo ', ')"'),
      deep('[[ ( ', ')'),
      `echo $((${'('.repeat(5000)}1${')'.repeat(5000)}))`,
      `echo $((${'-'.repeat(5000)}1)) $((${'1?'.repeat(5000)}1)) $((2**9999999999999))`,
      `[ ${'! '.repeat(5000)} a ]; [ ${'( '.repeat(5000)} a`,
      'i=i; echo $((i)); a=b; b=a; echo $((a))',
      'cat <<A <<B <<C',
      `iptables -A INPUT -m comment --comment ${'x'.repeat(100_000)}`,
      `${'iptables -N A && '.repeat(5000)} :`,
      `${'x=$(('.repeat(2000)}`,
    ];
    for (const [n, text] of texts.entries()) {
      const start = performance.now();
      const { errors } = load(`${text}\n`, {}, 'again.sh');
      const ms = performance.now() - start;
      assert.ok(ms < MAX_MS, `${ms} ms: ${text.slice(0, 80)} (${n})`);
      for (const error of errors) assert.ok(error.line >= 1, error.format());
    }
  });
});
