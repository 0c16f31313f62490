import { listAddressMatch } from '../address.ts';
import { unenforcedParts } from '../check.ts';
import type { CompiledRules } from '../compile.ts';
import type { ListView } from '../extension.ts';
import type { Chain, Family, InterfaceMatch, Rule, Table, TableName } from '../model.ts';
import { protocolName } from '../protocols.ts';
import { type ServiceTable, systemServices } from '../services.ts';
import { tableForPrint } from './save.ts';

/** The text of iptables -L, as iptables-legacy 1.8.9 lays it out. */

export interface ListOptions {
  readonly family: Family;
  /** `filter` where not given. */
  readonly table?: TableName;
  readonly chain?: string;
  /** Number of one rule, from 1; then no headings are printed. Needs `chain`. */
  readonly number?: number;
  /** -n: numbers for addresses, ports and protocols. */
  readonly numeric?: boolean;
  /** -v: counters and interfaces. */
  readonly verbose?: boolean;
  /** -x: counters in full. */
  readonly exact?: boolean;
  readonly lineNumbers?: boolean;
  readonly services?: ServiceTable;
  /** What is marked as not enforced goes by it: see `unenforcedParts`. */
  readonly holdsOutput?: boolean;
}

/** Behind rules of which something is not carried out; iptables has no such mark. */
const NOT_ENFORCED = ' [not enforced]';

/** null where there is no such chain. */
export function printList(compiled: CompiledRules, options: ListOptions): string | null {
  const table = tableForPrint(compiled, options.family, options.table ?? 'filter');
  const chains = table.sortedChains().filter((c) => !options.chain || c.name === options.chain);
  if (chains.length === 0) return null;
  const view: ListView = {
    numeric: options.numeric ?? false,
    services: options.services ?? systemServices(),
    family: options.family,
  };
  const blocks = chains.map((chain) => {
    const rows = chain.rules.flatMap((rule, i) =>
      options.number && options.number !== i + 1
        ? []
        : [ruleRow(compiled, rule, i + 1, options, view)],
    );
    if (options.number) return rows.join('');
    return chainHead(compiled, table, chain, options) + columnHeads(options) + rows.join('');
  });
  return blocks.join('\n');
}

function chainHead(compiled: CompiledRules, table: Table, chain: Chain, options: ListOptions) {
  if (chain.hook < 0) return `Chain ${chain.name} (${table.references(chain.name)} references)\n`;
  let text = `Chain ${chain.name} (policy ${chain.policy}`;
  if (options.verbose) {
    const { packets, bytes } = compiled.countersOf(chain);
    const show = (value: number) => scaled(value, options);
    text += ` ${show(packets)} packets, ${show(bytes)} bytes`;
  }
  return `${text})\n`;
}

function columnHeads(options: ListOptions): string {
  let text = options.lineNumbers ? 'num  ' : '';
  if (options.verbose) text += options.exact ? '    pkts      bytes ' : ' pkts bytes ';
  text += 'target     prot opt ';
  if (options.verbose) text += 'in     out     ';
  return `${text}source               destination         \n`;
}

/**
 * A counter of -v. Above 99999 it is shown in thousands, above 9999 thousands in millions, and so
 * on, each step rounded to the nearest.
 */
function scaled(value: number, options: ListOptions): string {
  if (options.exact || value <= 99_999) return String(value);
  let number = value;
  for (const unit of ['K', 'M', 'G', 'T']) {
    number = Math.floor((number + 500) / 1000);
    if (number <= 9999 || unit === 'T') return `${number}${unit}`;
  }
  return String(value);
}

function counterColumns(compiled: CompiledRules, rule: Rule, options: ListOptions): string {
  const { packets, bytes } = compiled.countersOf(rule);
  // The heading of -x is two columns wider than the figures; iptables has it so.
  if (options.exact) return `${String(packets).padStart(8)} ${String(bytes).padStart(8)} `;
  return `${scaled(packets, options).padStart(5)} ${scaled(bytes, options).padStart(5)} `;
}

function ruleRow(
  compiled: CompiledRules,
  rule: Rule,
  number: number,
  options: ListOptions,
  view: ListView,
): string {
  let text = options.lineNumbers ? `${String(number).padEnd(4)} ` : '';
  if (options.verbose) text += counterColumns(compiled, rule, options);
  text += `${targetName(rule).padEnd(9)} ${protocolColumn(rule, view)} ${fragmentColumn(rule)} `;
  if (options.verbose) {
    const { inInterface, outInterface } = rule;
    text += ` ${interfaceColumn(inInterface, view)} ${interfaceColumn(outInterface, view)} `;
  }
  text += `${addressColumn(rule, 'source', view)} ${addressColumn(rule, 'destination', view)} `;
  const { jump } = rule;
  if (jump.kind === 'chain' && jump.goto) text += '[goto] ';
  for (const match of rule.matches) text += match.listText(view);
  if (jump.kind === 'target') text += jump.target.listText(view);
  if (unenforcedParts(rule, options.holdsOutput).length > 0) text += NOT_ENFORCED;
  return `${text}\n`;
}

function targetName(rule: Rule): string {
  const { jump } = rule;
  if (jump.kind === 'none') return '';
  if (jump.kind === 'verdict') return jump.verdict;
  return jump.kind === 'chain' ? jump.chain : jump.target.listName;
}

/** 1.8.9 prints protocol numbers with -n; 1.8.10 went back to names. */
function protocolColumn(rule: Rule, view: ListView): string {
  const { protocol } = rule;
  const number = protocol?.number ?? 0;
  let name = String(number);
  if (!view.numeric) name = number === 0 ? 'all' : protocolName(number);
  return `${protocol?.negated ? '!' : ' '}${name.padEnd(4)}`;
}

function fragmentColumn(rule: Rule): string {
  if (rule.fragment === null) return '--';
  return rule.fragment === 'none' ? '!f' : '-f';
}

function interfaceColumn(match: InterfaceMatch | null, view: ListView): string {
  const any = view.numeric ? '*' : 'any';
  if (match === null || (match.name === '' && !match.negated)) return any.padEnd(6);
  return `${match.negated ? '!' : ''}${match.name}${match.wildcard ? '+' : ''}`.padEnd(6);
}

function addressColumn(rule: Rule, side: 'source' | 'destination', view: ListView): string {
  const match = rule[side];
  const text = listAddressMatch(match, view.numeric, view.family);
  return `${match?.negated ? '!' : ' '}${text.padEnd(19)}`;
}
