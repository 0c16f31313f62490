import { CtStateBit } from '../../conntrack/index.ts';
import { ruleWarning } from '../check.ts';
import type { RuleWarning } from '../errors.ts';
import { bindsFtp } from '../ftp/check.ts';
import type { Family, Rule, RuleSet } from '../model.ts';
import { TableId } from '../model.ts';
import type { PortRange } from '../numbers.ts';
import {
  accepts,
  factsOf,
  hasPort,
  mayAccept,
  type RuleFacts,
  reachableFacts,
  refusesTheRest,
  type TableFacts,
} from './facts.ts';

/** What goes wrong with FTP through a firewall: helpers that are not bound, RELATED not taken. */

const FTP_PORT = 21;
/** A range of ports for data: above the privileged ones, and wider than any one service. */
const FIRST_DATA_PORT = 1024;
const WIDE_RANGE = 4096;

/** How connections of a family get the FTP helper. */
interface Binding {
  /** Rules that bind it; where there are any, ports alone bind nothing. */
  readonly rules: readonly RuleFacts[];
  /** Ports of `modprobe`, or 21, where no rule of any family binds it. */
  readonly ports: readonly number[];
  /** The rule set asks for the helper, rather than getting it by default. */
  readonly asked: boolean;
}

export function lintFtp(ruleSet: RuleSet, all: readonly TableFacts[]): RuleWarning[] {
  const anyRule = all.some(({ table }) => bindingRules(ruleSet, table.family).length > 0);
  return ([4, 6] as const).flatMap((family) => {
    const filter = all.find(
      ({ table }) => table.family === family && table.code === TableId.Filter,
    );
    const rules = bindingRules(ruleSet, family);
    const { ftpPorts } = ruleSet.modules;
    const binding: Binding = {
      rules,
      ports: anyRule ? [] : (ftpPorts ?? [FTP_PORT]),
      asked: rules.length > 0 || ftpPorts !== null,
    };
    const translated = helpersAfterDnat(ruleSet, family, binding);
    if (filter === undefined) return translated;
    return [
      ...translated,
      ...relatedNeverAccepted(filter, binding),
      ...withoutHelper(filter, binding, translations(ruleSet, family)),
      ...widePassiveRanges(filter, binding),
    ];
  });
}

function bindingRules(ruleSet: RuleSet, family: Family): RuleFacts[] {
  const chains = ruleSet.table(family, TableId.Raw)?.chains.values() ?? [];
  return [...chains].flatMap(({ rules }) => rules.filter(bindsFtp).map(factsOf));
}

function isHelped(port: number, { rules, ports }: Binding): boolean {
  if (ports.includes(port)) return true;
  return rules.some(
    ({ destinationPorts }) => destinationPorts === null || hasPort(destinationPorts, port),
  );
}

function relatedNeverAccepted(filter: TableFacts, binding: Binding): RuleWarning[] {
  if (!binding.asked) return [];
  const chains = ['INPUT', 'FORWARD'].filter((chain) => refusesTheRest(filter, chain));
  const rules = chains.flatMap((chain) => reachableFacts(filter, chain));
  const has = (bit: number) =>
    rules.find(({ rule, states }) => mayAccept(rule) && states !== null && (states & bit) !== 0);
  const established = has(CtStateBit.Established);
  if (established === undefined || has(CtStateBit.Related) !== undefined) return [];
  // A rule that takes everything without asking for a state takes RELATED too.
  if (rules.some(({ always, rule }) => always && accepts(rule))) return [];
  const message =
    'the FTP helper is in use, and no rule takes RELATED: data connections are refused';
  return [ruleWarning(established.rule, 'related-never-accepted', message)];
}

function withoutHelper(
  filter: TableFacts,
  binding: Binding,
  translated: readonly Translation[],
): RuleWarning[] {
  if (isHelped(FTP_PORT, binding)) return [];
  // The rules of filter see the port behind DNAT: what was asked for may well be helped.
  if (translated.some(({ from, to }) => to === FTP_PORT && isHelped(from, binding))) return [];
  const opened = openedRules(filter).find(opensFtp);
  if (opened === undefined) return [];
  const message = 'port 21 is opened, and no connection to it gets the FTP helper';
  return [ruleWarning(opened.rule, 'ftp-without-helper', message)];
}

function openedRules(filter: TableFacts): RuleFacts[] {
  const found = ['INPUT', 'FORWARD'].flatMap((chain) => reachableFacts(filter, chain));
  return [...new Set(found)];
}

/** A rule that lets connections to port 21 begin, and names that port. */
function opensFtp({ rule, destinationPorts, states }: RuleFacts): boolean {
  if (!accepts(rule) || rule.protocol?.number !== 6 || rule.protocol.negated) return false;
  if (states !== null && (states & CtStateBit.New) === 0) return false;
  return (
    destinationPorts?.some(
      ({ min, max }) => min <= FTP_PORT && max <= FTP_PORT + 1 && max >= FTP_PORT,
    ) ?? false
  );
}

function widePassiveRanges(filter: TableFacts, binding: Binding): RuleWarning[] {
  if (!isHelped(FTP_PORT, binding)) return [];
  const rules = openedRules(filter);
  if (!rules.some(opensFtp)) return [];
  return rules.filter(opensDataPorts).map(({ rule }) => {
    const message = 'a wide range of ports is open to new connections; the FTP helper needs none';
    return ruleWarning(rule, 'wide-passive-range', message);
  });
}

function opensDataPorts({ rule, destinationPorts, states, others }: RuleFacts): boolean {
  if (!accepts(rule) || rule.protocol?.number !== 6 || rule.protocol.negated) return false;
  if (states !== null && (states & CtStateBit.New) === 0) return false;
  // With flags asked for (`! --syn`) it may well be for packets of connections that have begun.
  if (others.length > 0 || rule.source !== null) return false;
  return destinationPorts?.some(isDataRange) ?? false;
}

function isDataRange({ min, max }: PortRange): boolean {
  return min >= FIRST_DATA_PORT && max - min >= WIDE_RANGE;
}

/** A rule that turns connections to one port into connections to another. */
interface Translation {
  readonly rule: Rule;
  readonly from: number;
  readonly to: number;
}

function translations(ruleSet: RuleSet, family: Family): Translation[] {
  const rules = ruleSet.table(family, TableId.Nat)?.chains.get('PREROUTING')?.rules ?? [];
  return rules.flatMap((rule) => {
    const to = translatedPort(rule);
    const [only, second] = factsOf(rule).destinationPorts ?? [];
    const single = only !== undefined && second === undefined && only.min === only.max;
    return to !== null && single && only.min !== to ? [{ rule, from: only.min, to }] : [];
  });
}

/** raw comes before nat: a rule there sees the port that the client asked for. */
function helpersAfterDnat(ruleSet: RuleSet, family: Family, binding: Binding): RuleWarning[] {
  const told = new Set<Rule>();
  return translations(ruleSet, family).flatMap(({ rule, from, to }) => {
    const bound = binding.rules.find(({ destinationPorts }) => hasPort(destinationPorts, to));
    if (bound === undefined || isHelped(from, binding) || told.has(bound.rule)) return [];
    told.add(bound.rule);
    const message =
      `the helper is bound to port ${to}, which ${rule.file}:${rule.line} translates ${from} to: ` +
      `table raw sees port ${from}`;
    return [ruleWarning(bound.rule, 'helper-after-dnat', message)];
  });
}

/** The one port that DNAT or REDIRECT of a rule gives, or null. */
function translatedPort({ jump }: Rule): number | null {
  if (jump.kind !== 'target' || !['DNAT', 'REDIRECT'].includes(jump.target.name)) return null;
  const text = jump.target.saveText();
  const port = /--to-destination \S*?[\d\]]:(\d+)(?:\s|$)|--to-ports (\d+)(?:\s|$)/.exec(text);
  return port === null ? null : Number(port[1] ?? port[2]);
}
