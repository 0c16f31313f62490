/**
 * Rules against the kernel's own: the same rule set and the same packets, one by one, through
 * iptables-legacy in a namespace and through the engine in memory.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { hasProgram, requireLive, withLab } from './harness.ts';
import { KernelOracle } from './oracle/kernel.ts';
import type { Theme } from './oracle/rule-text.ts';
import { themes } from './oracle/themes.ts';
import { Twin } from './oracle/twin.ts';
import { allWords, type Words } from './oracle/words.ts';

/** Rule sets of each theme, and packets through each set. */
const SETS = Number(process.env.PINHOLE_ORACLE_SETS ?? 3);
const PACKETS = Number(process.env.PINHOLE_ORACLE_PACKETS ?? 150);
const SEED = Number(process.env.PINHOLE_ORACLE_SEED ?? 20_261_121);
/** Set to find the packet behind a difference in counters. */
const ALWAYS = process.env.PINHOLE_ORACLE_ALWAYS === '1';
const only = process.env.PINHOLE_ORACLE_ONLY ?? '';

const programs = [
  'iptables-legacy-restore',
  'ip6tables-legacy-restore',
  'conntrack',
  'ethtool',
  'python3',
];

/** Each theme in the words of each family that has it. */
const editions = ([4, 6] as const).flatMap((family) =>
  themes
    .filter(({ families }) => families === undefined || families.includes(family))
    .map((theme) => ({ theme, words: allWords[family], name: `IPv${family}: ${theme.name}` })),
);

/** What the gateway sends itself is not compared, so that this rule decides nothing. */
const withTracking = (rules: string) =>
  rules.replace('COMMIT\n', '-A OUTPUT -m conntrack --ctstate NEW\nCOMMIT\n');

/** Why a theme cannot be compared here, '' where all of its rule sets were. */
async function compare(oracle: KernelOracle, theme: Theme, words: Words): Promise<string> {
  if (theme.sets !== undefined && !hasProgram('ipset')) return 'missing: ipset';
  for (let seed = SEED; seed < SEED + SETS; seed++) {
    const random = new Prng(seed);
    const sets = theme.sets?.(random, words) ?? '';
    // Without a rule that asks for tracking the kernel forwards fragments as they are.
    const tracked = seed % 2 === 1;
    const plain = theme.rules(random, words);
    const rules = tracked ? withTracking(plain) : plain;
    const complaint = await oracle.load(words.family, rules, sets);
    if (/Couldn't load|missing kernel module/.test(complaint)) {
      return `the kernel here lacks a part: ${complaint.trim()}`;
    }
    assert.equal(complaint, '', `${rules}${sets}`);
    // A theme that has to wait between packets does with fewer.
    const packets = theme.pauseMs === undefined ? PACKETS : Math.ceil(PACKETS / 3);
    await new Twin(oracle, { theme, words, rules, sets, tracked }).run(seed, packets, ALWAYS);
  }
  return '';
}

describe('rules against the kernel', () => {
  test(`${editions.length * SETS} rule sets, ${PACKETS} packets through each`, async (t) => {
    if (!requireLive(t, programs)) return;
    await withLab('oracle', { ftpd: false }, async (lab) => {
      const oracle = await KernelOracle.open(lab);
      try {
        for (const { name, theme, words } of editions.filter((one) => one.name.includes(only))) {
          await t.test(name, async (sub) => {
            const obstacle = await compare(oracle, theme, words);
            if (obstacle !== '') sub.skip(obstacle);
          });
        }
      } finally {
        oracle.close();
      }
    });
  });
});
