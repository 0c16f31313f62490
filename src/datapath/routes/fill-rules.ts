import type { InterfaceTable } from '../../base/index.ts';
import {
  equals,
  KeyWord,
  neverHolds,
  type PolicyAction,
  type PolicyCondition,
  type PolicyRule,
  prefixConditions,
  RouteKind,
  type RouteKindCode,
} from '../../engine/index.ts';
import { parseWords } from './fill-table.ts';
import type { RuleJson } from './ip-json.ts';

/** What is understood, or may be passed over: who set the rule, realms, and what `iif` shows beside. */
const known = new Set(
  (
    'priority not src srclen dst dstlen fwmark fwmask iif iif_detached oif oif_detached tos dscp ' +
    'ipproto sport sport_start sport_end dport dport_start dport_end uid_start uid_end table ' +
    'suppress_prefixlen suppress_ifgroup goto unresolved nop action protocol flow_to'
  ).split(' '),
);

/** Route types that a rule may answer with, as `ip -N` prints them. */
const refusals: Readonly<Record<string, RouteKindCode>> = {
  6: RouteKind.Blackhole,
  7: RouteKind.Unreachable,
  8: RouteKind.Prohibited,
};

/** IPv4 rules compare three bits of the TOS octet (fib4_rule_match), IPv6 ones the DSCP. */
const tosMasks = { 4: 0x1c, 6: 0xfc } as const;
const DSCP_MASK = 0xfc;

/** Rules for interfaces in a VRF: as if there were none. */
const VRF = 'l3mdev';
/** What the kernel asks where a rule names no table. */
const MAIN_TABLE = 254;

/** Members of a rule that are not followed; empty where it is followed in all it says. */
export function notFollowed(rule: RuleJson): string[] {
  return Object.keys(rule).filter((member) => !known.has(member));
}

/**
 * The rules of a family, as `ip -j -N rule show` lists them. A rule that asks for something unknown
 * is left out: see `notFollowed`.
 */
export function readRules(
  interfaces: InterfaceTable,
  family: 4 | 6,
  rules: readonly RuleJson[],
): PolicyRule[] {
  return rules
    .filter((rule) => notFollowed(rule).every((member) => member === VRF))
    .map((rule) => ({
      priority: rule.priority,
      not: 'not' in rule,
      conditions: conditionsOf(interfaces, family, rule),
      action: actionOf(rule),
      ...(rule.suppress_prefixlen === undefined
        ? {}
        : { suppressPrefixLength: rule.suppress_prefixlen }),
      ...(rule.suppress_ifgroup === undefined
        ? {}
        : { suppressGroup: Number(rule.suppress_ifgroup) }),
    }));
}

function actionOf(rule: RuleJson): PolicyAction {
  if (rule.table !== undefined) return { table: Number(rule.table) };
  if (VRF in rule) return { table: MAIN_TABLE };
  if (rule.goto !== undefined) return { goTo: rule.goto };
  const refuse = refusals[rule.action ?? ''];
  return refuse === undefined ? 'nop' : { refuse };
}

function conditionsOf(
  interfaces: InterfaceTable,
  family: 4 | 6,
  rule: RuleJson,
): PolicyCondition[] {
  const { dscp, fwmark, fwmask, iif, ipproto, oif, tos } = rule;
  const conditions = [
    ...prefixOf(family, KeyWord.Src, rule.src, rule.srclen),
    ...prefixOf(family, KeyWord.Dst, rule.dst, rule.dstlen),
    ...rangeOf(KeyWord.SrcPort, rule.sport, rule.sport_start, rule.sport_end),
    ...rangeOf(KeyWord.DstPort, rule.dport, rule.dport_start, rule.dport_end),
    // Only users within the signed numbers: -1 stands for one that is not known.
    ...rangeOf(KeyWord.Uid, undefined, signedLimit(rule.uid_start), signedLimit(rule.uid_end)),
  ];
  if (VRF in rule) conditions.push(neverHolds);
  if (fwmark !== undefined) {
    const mask = fwmask === undefined ? -1 : Number(fwmask) | 0;
    conditions.push(equals(KeyWord.Mark, Number(fwmark) & mask, mask));
  }
  if (iif !== undefined) conditions.push(equals(KeyWord.InIf, wayIn(interfaces, iif)));
  if (oif !== undefined) conditions.push(equals(KeyWord.OutIf, interfaces.id(oif)));
  if (tos !== undefined) conditions.push(equals(KeyWord.Tos, Number(tos), tosMasks[family]));
  if (dscp !== undefined) conditions.push(equals(KeyWord.Tos, Number(dscp) << 2, DSCP_MASK));
  if (ipproto !== undefined) {
    conditions.push(equals(KeyWord.Protocol, Number(ipproto.replace(/^ipproto-/, ''))));
  }
  return conditions;
}

/** The kernel sees its own packets come in by `lo`. */
function wayIn(interfaces: InterfaceTable, name: string): number {
  return name === 'lo' ? -1 : interfaces.id(name);
}

function prefixOf(
  family: 4 | 6,
  word: number,
  address: string | undefined,
  length: number | undefined,
): PolicyCondition[] {
  if (address === undefined || address === 'all') return [];
  const words = parseWords(family, address);
  if (words === null) return [neverHolds];
  return prefixConditions(word, { words, length: length ?? words.length * 32 });
}

function rangeOf(
  word: number,
  one: number | undefined,
  low: number | undefined,
  high: number | undefined,
): PolicyCondition[] {
  if (one !== undefined) return [equals(word, one)];
  return low === undefined || high === undefined ? [] : [{ word, mask: -1, low, high }];
}

function signedLimit(uid: number | undefined): number | undefined {
  return uid === undefined ? undefined : Math.min(uid, 0x7fffffff);
}
