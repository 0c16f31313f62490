/**
 * Rules against the kernel's own: the same rule set and the same packets, one by one, through
 * iptables-legacy in a namespace and through the engine in memory.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../src/base/index.ts';
import { requireLive, withLab } from './harness.ts';
import { KernelOracle } from './oracle/kernel.ts';
import { themes } from './oracle/rule-sets.ts';
import { Twin } from './oracle/twin.ts';

/** Rule sets of each theme, and packets through each set. */
const SETS = Number(process.env.PINHOLE_ORACLE_SETS ?? 2);
const PACKETS = Number(process.env.PINHOLE_ORACLE_PACKETS ?? 150);
const SEED = Number(process.env.PINHOLE_ORACLE_SEED ?? 20_261_121);
/** Set to find the packet behind a difference in counters. */
const ALWAYS = process.env.PINHOLE_ORACLE_ALWAYS === '1';
const only = process.env.PINHOLE_ORACLE_ONLY ?? '';

describe('rules against the kernel', () => {
  test(`${themes.length * SETS} rule sets, ${PACKETS} packets through each`, async (t) => {
    if (
      !requireLive(t, ['iptables-legacy-restore', 'iptables-legacy-save', 'conntrack', 'python3'])
    ) {
      return;
    }
    await withLab('oracle', { ftpd: false }, async (lab) => {
      const oracle = await KernelOracle.open(lab);
      try {
        for (const theme of themes.filter(({ name }) => name.includes(only))) {
          await t.test(theme.name, async (sub) => {
            for (let n = 0; n < SETS; n++) {
              const seed = SEED + n;
              const rules = theme.rules(new Prng(seed));
              const complaint = await oracle.load(rules);
              if (/Couldn't load|missing kernel module/.test(complaint)) {
                sub.skip(`the kernel here lacks a part: ${complaint.trim()}`);
                return;
              }
              assert.equal(complaint, '', rules);
              await new Twin(oracle, rules).run(seed, PACKETS, theme, ALWAYS);
            }
          });
        }
      } finally {
        oracle.close();
      }
    });
  });
});
