/**
 * Rule texts against the real iptables: lines of the whole language, changed at random, must be
 * taken or refused alike, with the same exit code, and what is taken must be saved in the same words.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { compileRuleSet, loadRuleFiles, printSave } from '../../src/rules/index.ts';
import { requireLive } from './harness.ts';
import { type RuleLine, ruleLines } from './oracle/rule-lines.ts';

const LINES = Number(process.env.PINHOLE_TEXT_LINES ?? 600);
const SEED = Number(process.env.PINHOLE_TEXT_SEED ?? 20_261_121);

interface Answer {
  readonly code: number;
  /** The saved rule, or the message. */
  readonly text: string;
}

const numbers =
  '0 1 2 -1 16 31 33 63 65 127 256 65535 65536 4294967295 4294967296 0x10 010 1x'.split(' ');
const values = [
  ...numbers,
  '',
  '1:',
  '1:2',
  ':1',
  '1,2',
  '1,',
  '1/2',
  '1-2',
  'any',
  'none',
  'tcp',
  'http',
  '1.2.3.4',
  '::1',
  '10.1',
];
const inserted = [
  '-p',
  'tcp',
  'udp',
  '-j',
  'ACCEPT',
  '-m',
  '-s',
  '-f',
  '-i',
  'eth0',
  'lo',
  '0',
  '--syn',
  '--dport',
  '-c',
  '--',
];

function mutate(line: RuleLine, random: Prng): RuleLine {
  const pick = <T>(all: readonly T[]): T => all[random.below(all.length)]!;
  const words = [...line.words];
  const at = random.below(words.length);
  switch (random.below(7)) {
    case 0:
      words.splice(at, 1);
      break;
    case 1:
      words.splice(at, 0, pick(inserted));
      break;
    case 2:
      words[at] = words[at]!.replace(/\d+/, () => pick(numbers));
      break;
    case 3:
      if (!words[at]!.startsWith('-')) words[at] = pick(values);
      break;
    case 4:
      // An abbreviation, or a word cut short.
      words[at] = words[at]!.slice(0, 3 + random.below(words[at]!.length));
      break;
    case 5:
      words.push(...words.slice(at, at + 2));
      break;
    default: {
      const { words: other } = pick(ruleLines);
      const from = random.below(other.length);
      words.push(...other.slice(from, from + 2 + random.below(3)));
    }
  }
  return { ...line, words };
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

function ours({ table, chain, words }: RuleLine): Answer {
  const text = `set -e; iptables -t ${table} -A ${chain} ${words.map(quoted).join(' ')}\n`;
  const { ruleSet, errors } = loadRuleFiles(['line'], () => text, { format: 'script' });
  if (ruleSet === null) return { code: errors[0]!.exitCode, text: errors[0]!.message };
  const compiled = compileRuleSet(ruleSet, new InterfaceTable());
  return { code: 0, text: rulesOf(printSave(compiled, { family: 4, now: new Date(0) })) };
}

const rulesOf = (saved: string) =>
  saved
    .split('\n')
    .filter((line) => line.startsWith('-A'))
    .join('\n');

class RealIptables {
  private readonly space = `pinhole-text-${process.pid}`;

  constructor() {
    assert.equal(spawnSync('ip', ['netns', 'add', this.space]).status, 0);
  }

  ask({ table, chain, words }: RuleLine): Answer {
    const added = this.run('iptables-legacy', '-t', table, '-A', chain, ...words);
    const saved = this.run('iptables-legacy-save', '-t', table).stdout;
    this.run('iptables-legacy', '-t', table, '-F');
    if (added.status === 0) return { code: 0, text: rulesOf(saved) };
    return { code: added.status ?? -1, text: added.stderr };
  }

  close(): void {
    spawnSync('ip', ['netns', 'del', this.space]);
  }

  private run(...argv: string[]) {
    const inside = ['netns', 'exec', this.space, ...argv];
    return spawnSync('ip', inside, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  }
}

/** What is deliberately not as in 1.8.9, and what depends on the host. */
function isKnownDifference(line: RuleLine, real: Answer, own: Answer): boolean {
  const text = line.words.join(' ');
  return (
    // The form of iptables 1.3, which Pinhole takes with a warning.
    /(^| )-\S+ ! [^-]/.test(text) ||
    // Ranges the wrong way round are refused, and full ones kept under `!`, as by newer versions.
    /min > max|portrange|should be less than/.test(own.text) ||
    /! --\S+ (:|0:)( |$)|! --\S+ (0x0|0):/.test(text) ||
    /icmp-type (255|any)|--ctproto 0/.test(text) ||
    // Ports that only fit after being cut to 16 bits.
    (own.code === 2 && /^Port "\d+" does not resolve/.test(own.text)) ||
    // Parts the kernel lacks, and objects that would have to be there first.
    /missing kernel module|nfacct|ipvs|SECMARK|LED/.test(`${real.text} ${text}`)
  );
}

/** Long options of iptables itself that do not describe a rule. */
const commands =
  'append check delete rename-chain flush insert list list-rules new-chain policy replace delete-chain zero table wait wait-interval verbose numeric exact line-numbers modprobe ipv4 ipv6 help version'.split(
    ' ',
  );

/** Commands are not what is compared here, spelled out or shortened. */
const isComparable = ({ words }: RuleLine) =>
  !words.some(
    (word) =>
      word === '' ||
      /^-[ADFthMVXNPELSZCIRW46]/.test(word) ||
      (/^--./.test(word) && commands.some((name) => name.startsWith(word.slice(2)))),
  );

describe('rule texts against iptables', () => {
  test(`${LINES} lines`, async (t) => {
    if (!requireLive(t, ['iptables-legacy', 'iptables-legacy-save'])) return;
    const random = new Prng(SEED);
    const real = new RealIptables();
    let accepted = 0;
    let compared = 0;
    try {
      for (let n = 0; n < LINES; n++) {
        const seed = ruleLines[n % ruleLines.length]!;
        const line = n < ruleLines.length ? seed : mutate(seed, random);
        if (!isComparable(line)) continue;
        const own = ours(line);
        const theirs = real.ask(line);
        if (isKnownDifference(line, theirs, own)) continue;
        const about = `-t ${line.table} -A ${line.chain} ${line.words.join(' ')}\nours: ${own.text}\ntheirs: ${theirs.text}`;
        assert.equal(own.code, theirs.code, about);
        if (own.code === 0) assert.equal(own.text, theirs.text, about);
        compared++;
        accepted += own.code === 0 ? 1 : 0;
      }
    } finally {
      real.close();
    }
    t.diagnostic(`${compared} of ${LINES} lines compared, ${accepted} of them taken`);
    assert.ok(compared > LINES / 2 && accepted > LINES / 10);
  });
});
