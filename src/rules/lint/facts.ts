import { CtStateBit } from '../../conntrack/index.ts';
import { isAnyAddress } from '../address.ts';
import { parseStates } from '../ext/parts/states.ts';
import type { MatchInstance } from '../extension.ts';
import type { AddressMatch, InterfaceMatch, Rule, Table } from '../model.ts';
import type { PortRange } from '../numbers.ts';

/**
 * What the linter can prove of a rule. It reads the normal form that each match prints (the form of
 * iptables-save), so that it needs to know of no match more than its words.
 */
export interface RuleFacts {
  readonly rule: Rule;
  /** True where the rule matches every packet. */
  readonly always: boolean;
  /** Bits of CtStateBit it asks for; null where it does not ask. */
  readonly states: number | null;
  readonly destinationPorts: readonly PortRange[] | null;
  readonly sourcePorts: readonly PortRange[] | null;
  /** True where it needs the header of the protocol, which later fragments lack. */
  readonly needsHeader: boolean;
  /** Text of each other condition. */
  readonly others: readonly string[];
  /** True where the answer depends on nothing but packet and connection state. */
  readonly pure: boolean;
  /** True where no packet that it matches goes on to the next rule. */
  readonly ends: boolean;
}

const ALL_STATES =
  CtStateBit.New |
  CtStateBit.Established |
  CtStateBit.Related |
  CtStateBit.Invalid |
  CtStateBit.Untracked;

/** Targets after which no packet goes on, whatever its answer. */
const endingTargets: readonly string[] = [
  'REJECT',
  'SNAT',
  'DNAT',
  'MASQUERADE',
  'REDIRECT',
  'NETMAP',
];

/** Matches that look at the packet alone, so that asking twice gives the same answer twice. */
const pureMatches: readonly string[] = [
  'ah',
  'conntrack',
  'comment',
  'dscp',
  'ecn',
  'esp',
  'helper',
  'hl',
  'icmp',
  'icmp6',
  'iprange',
  'length',
  'mac',
  'multiport',
  'owner',
  'pkttype',
  'sctp',
  'state',
  'tcp',
  'tcpmss',
  'tos',
  'ttl',
  'u32',
  'udp',
];

interface Draft {
  states: number | null;
  destinationPorts: readonly PortRange[] | null;
  sourcePorts: readonly PortRange[] | null;
  needsHeader: boolean;
  others: string[];
}

export function factsOf(rule: Rule): RuleFacts {
  const draft: Draft = {
    states: null,
    destinationPorts: null,
    sourcePorts: null,
    needsHeader: false,
    others: [],
  };
  for (const match of rule.matches) readMatch(match, draft);
  const { jump } = rule;
  const plain =
    isAny(rule.source) &&
    isAny(rule.destination) &&
    isAnyInterface(rule.inInterface) &&
    isAnyInterface(rule.outInterface) &&
    rule.protocol === null &&
    rule.fragment === null;
  return {
    rule,
    ...draft,
    always: plain && draft.states === null && !draft.needsHeader && draft.others.length === 0,
    pure: rule.matches.every((match) => pureMatches.includes(match.name) && !match.stateful),
    ends:
      jump.kind === 'verdict' ||
      (jump.kind === 'chain' && jump.goto) ||
      (jump.kind === 'target' && endingTargets.includes(jump.target.name)),
  };
}

function readMatch(match: MatchInstance, draft: Draft): void {
  if (match.name === 'comment') return;
  const words = match
    .saveText()
    .trim()
    .split(' ')
    .filter((word) => word !== '');
  if (match.name === 'tcp' || match.name === 'udp' || match.name === 'multiport') {
    draft.needsHeader = true;
    readPorts(match.name, words, draft);
  } else if (readStates(match.name, words, draft)) return;
  else draft.others.push(`${match.name} ${words.join(' ')}`);
}

/** Takes `--dport 21` and the like out of the words of a match; the rest stays as text. */
function readPorts(name: string, words: readonly string[], draft: Draft): void {
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const value = words[i + 1] ?? '';
    const plain = words[i - 1] !== '!';
    if (plain && /^--(destination-port|dport|dports)$/.test(word) && !draft.destinationPorts) {
      draft.destinationPorts = readRanges(value);
      i++;
    } else if (plain && /^--(source-port|sport|sports)$/.test(word) && !draft.sourcePorts) {
      draft.sourcePorts = readRanges(value);
      i++;
    } else rest.push(word);
  }
  if (rest.length > 0) draft.others.push(`${name} ${rest.join(' ')}`);
}

function readRanges(text: string): PortRange[] {
  return text.split(',').map((part) => {
    const [min = '0', max] = part.split(':', 2);
    return { min: Number(min), max: max === undefined ? Number(min) : Number(max || 65535) };
  });
}

function readStates(name: string, words: readonly string[], draft: Draft): boolean {
  if ((name !== 'state' && name !== 'conntrack') || draft.states !== null) return false;
  const negated = words[0] === '!';
  const [option, list, ...more] = negated ? words.slice(1) : words;
  if (more.length > 0 || list === undefined) return false;
  if (option !== '--state' && option !== '--ctstate') return false;
  const mask = parseStates(list, name === 'state' ? 'state' : 'ctstate');
  if ((mask & ~ALL_STATES) !== 0) return false;
  draft.states = negated ? ALL_STATES & ~mask : mask;
  return true;
}

export function isAny(match: AddressMatch | null): boolean {
  return match === null || (isAnyAddress(match) && !match.negated);
}

export function isAnyInterface(match: InterfaceMatch | null): boolean {
  return match === null || (match.name === '' && !match.negated);
}

/** True where a rule takes what it matches in: ACCEPT, or whatever a chain says of it. */
export function mayAccept({ jump }: Rule): boolean {
  return jump.kind === 'chain' || (jump.kind === 'verdict' && jump.verdict === 'ACCEPT');
}

export function accepts({ jump }: Rule): boolean {
  return jump.kind === 'verdict' && jump.verdict === 'ACCEPT';
}

export function rejects({ jump }: Rule): boolean {
  if (jump.kind === 'target') return jump.target.name === 'REJECT';
  return jump.kind === 'verdict' && jump.verdict === 'DROP';
}

export function hasPort(ranges: readonly PortRange[] | null, port: number): boolean {
  return ranges?.some(({ min, max }) => port >= min && port <= max) ?? false;
}

/** A table with the facts of each of its rules, made once for all checks. */
export interface TableFacts {
  readonly table: Table;
  readonly chains: ReadonlyMap<string, readonly RuleFacts[]>;
}

export function tableFacts(table: Table): TableFacts {
  const chains = new Map<string, readonly RuleFacts[]>();
  for (const chain of table.chains.values()) chains.set(chain.name, chain.rules.map(factsOf));
  return { table, chains };
}

/** The facts of all rules that a packet in a chain may meet, in no particular order. */
export function reachableFacts(facts: TableFacts, chain: string): RuleFacts[] {
  const seen = new Set([chain]);
  const found: RuleFacts[] = [];
  for (const name of seen) {
    for (const fact of facts.chains.get(name) ?? []) {
      found.push(fact);
      if (fact.rule.jump.kind === 'chain') seen.add(fact.rule.jump.chain);
    }
  }
  return found;
}

/** True where what no rule takes is refused: by the policy, or by a last rule for everything. */
export function refusesTheRest(facts: TableFacts, chain: string): boolean {
  if (facts.table.chains.get(chain)?.policy === 'DROP') return true;
  return (facts.chains.get(chain) ?? []).some(({ always, rule }) => always && rejects(rule));
}
