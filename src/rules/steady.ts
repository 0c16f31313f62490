import {
  type Chain,
  type Rule,
  type RulePlace,
  type RuleSet,
  type Table,
  TableId,
} from './model.ts';
import { describeRule } from './queries.ts';

/** Which rules keep flows in the engine, for people. Cold. */

export interface FlowKeeper {
  readonly place: RulePlace;
  /** The rule as it was written. */
  readonly text: string;
  /** The matches and the target that depend on the single packet: `-m limit`, `-j LOG`. */
  readonly parts: readonly string[];
}

/**
 * Rules that may keep flows in the engine, in the order of the tables. More than do: a rule is named
 * where a packet of an established connection could come to it as far as states and TCP flags say,
 * whether or not there are such packets.
 */
export function keepsFlowsInEngine(ruleSet: RuleSet): FlowKeeper[] {
  const tables = ruleSet.allTables();
  const setsChange = tables.some(changesSets);
  return tables
    .filter(({ code }) => code !== TableId.Nat)
    .flatMap((table) => {
      const search = new Search(table, setsChange);
      for (const chain of table.chains.values()) if (chain.hook >= 0) search.enter(chain);
      return search.found.map((rule) => keeper(ruleSet, rule, setsChange));
    });
}

function keeper(ruleSet: RuleSet, rule: Rule, setsChange: boolean): FlowKeeper {
  const place = describeRule(ruleSet, rule);
  return { place, text: rule.sourceLine, parts: unsteadyParts(rule, setsChange) };
}

/** `setsChange`: whether rules may add to sets or remove from them. */
function unsteadyParts({ matches, jump }: Rule, setsChange: boolean): string[] {
  const parts = matches
    .filter(({ name, steady }) => !steady || (setsChange && name === 'set'))
    .map(({ name }) => `-m ${name}`);
  if (jump.kind === 'target' && !jump.target.steady) parts.push(`-j ${jump.target.name}`);
  return parts;
}

function changesSets(table: Table): boolean {
  return [...table.chains.values()].some((chain) =>
    chain.rules.some(({ jump }) => jump.kind === 'target' && jump.target.name === 'SET'),
  );
}

/** Protocols whose connections are never forwarded without the engine: SCTP and DCCP. */
const keptProtocols: readonly number[] = [132, 33];

/** Goes the ways that packets of established connections may take through one table. */
class Search {
  readonly found: Rule[] = [];
  private readonly table: Table;
  private readonly setsChange: boolean;
  private readonly seen = new Map<Chain, boolean>();

  constructor(table: Table, setsChange: boolean) {
    this.table = table;
    this.setsChange = setsChange;
  }

  /** Looks a chain through; true where no such packet comes out of it again. */
  enter(chain: Chain): boolean {
    const known = this.seen.get(chain);
    if (known !== undefined) return known;
    this.seen.set(chain, false);
    const keeps = this.lookThrough(chain);
    this.seen.set(chain, keeps);
    return keeps;
  }

  private lookThrough(chain: Chain): boolean {
    for (const rule of chain.rules) {
      const reach = this.reachOf(rule);
      if (reach === 'none') continue;
      if (unsteadyParts(rule, this.setsChange).length > 0) this.found.push(rule);
      const { jump } = rule;
      const target = jump.kind === 'chain' ? this.table.chains.get(jump.chain) : undefined;
      const keeps = target !== undefined && this.enter(target);
      if (reach === 'some') continue;
      if (jump.kind === 'verdict') return jump.verdict !== 'RETURN';
      if (jump.kind === 'chain' && (jump.goto || keeps)) return keeps;
    }
    return false;
  }

  /** Which packets of established connections a rule may match. */
  private reachOf(rule: Rule): 'none' | 'some' | 'all' {
    const { protocol, matches } = rule;
    if (rule.fragment === 'only') return 'none';
    if (protocol !== null && !protocol.negated && keptProtocols.includes(protocol.number)) {
      return 'none';
    }
    const { source, destination, inInterface, outInterface } = rule;
    const hasConditions = [source, destination, protocol, inInterface, outInterface].some(
      (condition) => condition !== null,
    );
    let reach: 'some' | 'all' = hasConditions ? 'some' : 'all';
    for (const match of matches) {
      // To the raw table no packet has a state yet.
      const isEarly = this.table.code === TableId.Raw && match.name !== 'tcp';
      const answer = isEarly ? null : match.plainAnswer();
      if (answer === false) return 'none';
      if (answer === null) reach = 'some';
    }
    return reach;
  }
}
