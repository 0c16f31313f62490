/** What the tests of sets share: a file of sets and one of rules, loaded together. */
import assert from 'node:assert/strict';
import { InterfaceTable } from '../../src/base/index.ts';
import { compileRuleSet, type LoadOptions, loadRuleFiles } from '../../src/rules/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { services } from './support.ts';

export const ends = { src: '10.1.2.3', dst: '192.168.1.1' };
export const tcpTo = (dport: number, more = {}) =>
  loadPacket(buildTcp({ ...ends, sport: 40000, dport, flags: 'S', ...more }));
export const from = (src: string) => tcpTo(80, { src });

export function loadBoth(sets: string, rules: string, options: LoadOptions = {}) {
  const files: Record<string, string> = { 'fw.rules': rules, 'all.sets': sets };
  // The sets come first whatever the order of the files.
  return loadRuleFiles(['fw.rules', 'all.sets'], (path) => files[path]!, { services, ...options });
}

export function compileBoth(sets: string, rules: string, options: LoadOptions = {}) {
  const { ruleSet, errors } = loadBoth(sets, rules, options);
  assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
  const interfaces = new InterfaceTable();
  return { compiled: compileRuleSet(ruleSet, interfaces, { seed: 1 }), interfaces, ruleSet };
}
