/** The walk compared with a slow and obvious one over the rules as they were read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import {
  type Chain,
  compileRuleSet,
  Hook,
  type Rule,
  type RuleContext,
  type RuleSet,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { contextOf, ruleSetOf } from './support.ts';

type End = { verdict: number; rule: Rule | null };

/** The conditions of a rule itself, one by one, on plain arrays. */
function slowMatches(rule: Rule, ctx: RuleContext, interfaces: InterfaceTable): boolean {
  const { packet } = ctx;
  const sameAddress = (match: Rule['source'], words: number[]): boolean => {
    if (match === null) return true;
    const equal = match.address.every((word, i) => (words[i]! & match.mask[i]!) === word);
    return equal !== match.negated;
  };
  const sameInterface = (match: Rule['inInterface'], id: number): boolean => {
    if (match === null) return true;
    const name = interfaces.name(id);
    const equal = match.wildcard ? name.startsWith(match.name) : name === match.name;
    return equal !== match.negated;
  };
  if (rule.protocol !== null) {
    const equal = rule.protocol.number === packet.protocol;
    if (equal === rule.protocol.negated) return false;
  }
  return (
    sameAddress(rule.source, [packet.src0, packet.src1, packet.src2, packet.src3]) &&
    sameAddress(rule.destination, [packet.dst0, packet.dst1, packet.dst2, packet.dst3]) &&
    sameInterface(rule.inInterface, ctx.inIf) &&
    sameInterface(rule.outInterface, ctx.outIf)
  );
}

/** Runs one chain; null where it ends without a verdict. */
function slowChain(
  chains: ReadonlyMap<string, Chain>,
  name: string,
  ctx: RuleContext,
  interfaces: InterfaceTable,
): End | null {
  for (const rule of chains.get(name)!.rules) {
    if (!slowMatches(rule, ctx, interfaces)) continue;
    const { jump } = rule;
    if (jump.kind === 'verdict') {
      if (jump.verdict === 'RETURN') return null;
      return { verdict: jump.verdict === 'DROP' ? Verdict.Drop : Verdict.Accept, rule };
    }
    if (jump.kind !== 'chain') continue;
    const end = slowChain(chains, jump.chain, ctx, interfaces);
    if (end !== null || jump.goto) return end;
  }
  return null;
}

function slowWalk(set: RuleSet, ctx: RuleContext, interfaces: InterfaceTable): End {
  const { chains } = set.table(ctx.packet.family as 4 | 6, TableId.Filter)!;
  const end = slowChain(chains, 'FORWARD', ctx, interfaces);
  if (end !== null) return end;
  const { policy } = chains.get('FORWARD')!;
  return { verdict: policy === 'DROP' ? Verdict.Drop : Verdict.Accept, rule: null };
}

const hosts = {
  4: ['10.0.0.1', '10.0.0.2', '10.0.1.1', '192.168.1.1'],
  6: ['2001:db8::1', '2001:db8::2', '2001:db8:1::1', 'fe80::1'],
} as const;
const lengths = { 4: [8, 24, 31, 32], 6: [16, 48, 127, 128] } as const;
const links = ['eth0', 'eth1', 'ppp0'] as const;
const CHAINS = 4;
/** So many that most chains are walked by an index. */
const RULES = 150;

function randomRules(family: 4 | 6, random: Prng): string {
  const pick = <T>(values: readonly T[]): T => values[random.below(values.length)]!;
  const bang = () => (random.below(4) === 0 ? '! ' : '');
  const lines = ['*filter', `:FORWARD ${pick(['ACCEPT', 'DROP'])} [0:0]`];
  for (let c = 0; c < CHAINS; c++) lines.push(`:C${c} - [0:0]`);
  for (let n = 0; n < RULES; n++) {
    const chain = random.below(CHAINS + 1) - 1;
    let rule = `-A ${chain < 0 ? 'FORWARD' : `C${chain}`}`;
    if (random.below(2)) rule += ` ${bang()}-s ${pick(hosts[family])}/${pick(lengths[family])}`;
    if (random.below(3) === 0) rule += ` ${bang()}-d ${pick(hosts[family])}`;
    if (random.below(3) === 0) rule += ` ${bang()}-p ${pick(['tcp', 'udp', '47'])}`;
    if (random.below(3) === 0) rule += ` ${bang()}-i ${pick(['eth0', 'eth+', 'ppp+', '+'])}`;
    if (random.below(4) === 0) rule += ` ${bang()}-o ${pick(links)}`;
    // Chains only lead to later ones, so that there is no loop.
    const next = chain + 1 + random.below(Math.max(1, CHAINS - chain - 1));
    if (next < CHAINS && random.below(2)) rule += ` ${pick(['-j', '-g'])} C${next}`;
    else rule += ` ${pick(['-j ACCEPT', '-j DROP', '-j RETURN', ''])}`;
    lines.push(rule);
  }
  return `${lines.join('\n')}\nCOMMIT\n`;
}

for (const family of [4, 6] as const) {
  test(`IPv${family}: the same verdict and the same rule, and counters that add up`, () => {
    const random = new Prng(0xfee1 + family);
    for (let round = 0; round < 60; round++) {
      const text = randomRules(family, random);
      const set = ruleSetOf(text, { family });
      const interfaces = new InterfaceTable();
      const compiled = compileRuleSet(set, interfaces);
      let bytes = 0;
      for (let n = 0; n < 30; n++) {
        const src = hosts[family][random.below(4)]!;
        const dst = hosts[family][random.below(4)]!;
        const build = random.below(2) ? buildTcp : buildUdp;
        const packet = loadPacket(build({ src, dst, sport: 1, dport: 2 }));
        const inIf = random.below(5) === 0 ? -1 : interfaces.id(links[random.below(3)]!);
        const ctx = contextOf(packet, { inIf, outIf: interfaces.id(links[random.below(3)]!) });
        const wanted = slowWalk(set, ctx, interfaces);
        assert.equal(
          compiled.walk(family, TableId.Filter, Hook.Forward, ctx),
          wanted.verdict,
          text,
        );
        assert.equal(compiled.decidedBy, wanted.rule, text);
        bytes += packet.l3Len;
      }
      const chains = [...set.table(family, TableId.Filter)!.chains.values()];
      const owners = chains.flatMap((chain) => [
        chain,
        ...chain.rules.filter((r) => r.jump.kind === 'verdict' && r.jump.verdict !== 'RETURN'),
      ]);
      const counted = owners.map((owner) => compiled.countersOf(owner));
      assert.equal(
        counted.reduce((sum, c) => sum + c.packets, 0),
        30,
        'each packet is decided once',
      );
      assert.equal(
        counted.reduce((sum, c) => sum + c.bytes, 0),
        bytes,
      );
    }
  });
}
