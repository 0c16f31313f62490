import { CtStateBit } from '../../conntrack/index.ts';
import { ruleWarning } from '../check.ts';
import type { RuleWarning } from '../errors.ts';
import type { Jump, Rule, RuleSet } from '../model.ts';
import { TableId } from '../model.ts';
import {
  accepts,
  mayAccept,
  type RuleFacts,
  reachableFacts,
  refusesTheRest,
  type TableFacts,
} from './facts.ts';

/** Chains of filter that refuse what no rule takes, and forget the answers. */
export function lintAccess(facts: TableFacts): RuleWarning[] {
  if (facts.table.code !== TableId.Filter) return [];
  return ['INPUT', 'FORWARD'].flatMap((chain) => lintAnswers(facts, chain));
}

function lintAnswers(facts: TableFacts, chain: string): RuleWarning[] {
  const rules = reachableFacts(facts, chain);
  const [first] = facts.chains.get(chain) ?? [];
  if (first === undefined || !refusesTheRest(facts, chain)) return [];
  // Without a rule for a port or for NEW, the set may be one of addresses alone, and whole so.
  const opened = rules.find((fact) => accepts(fact.rule) && isForBeginnings(fact));
  if (opened === undefined || rules.some(takesAnswers)) return [];
  const message = `${chain} refuses what no rule takes, and no rule takes ESTABLISHED: answers are lost`;
  return [ruleWarning(opened.rule, 'no-established', message)];
}

/** A rule for connections that begin: with NEW, or to a port of TCP. */
function isForBeginnings({ states, destinationPorts, rule }: RuleFacts): boolean {
  if (states !== null) return (states & CtStateBit.New) !== 0;
  return destinationPorts !== null && rule.protocol?.number === 6;
}

/** A rule that may take packets of connections that have begun, whatever port they are to. */
function takesAnswers({ states, destinationPorts, rule }: RuleFacts): boolean {
  if (!mayAccept(rule)) return false;
  if (states !== null) return (states & CtStateBit.Established) !== 0;
  if (rule.jump.kind === 'chain') return false;
  return destinationPorts === null && rule.inInterface?.name !== 'lo' && !isOfOtherProtocol(rule);
}

function isOfOtherProtocol({ protocol }: Rule): boolean {
  return protocol !== null && !protocol.negated && protocol.number !== 6;
}

/** A source translation of everything, beside a DNAT whose servers then all see the gateway. */
export function lintNat(ruleSet: RuleSet): RuleWarning[] {
  return ruleSet.allTables().flatMap((table) => {
    if (table.code !== TableId.Nat) return [];
    const inward = table.chains
      .get('PREROUTING')
      ?.rules.some(({ jump }) => targetIs(jump, ['DNAT']));
    if (!inward) return [];
    const rules = table.chains.get('POSTROUTING')?.rules ?? [];
    return rules
      .filter(
        (rule) =>
          targetIs(rule.jump, ['MASQUERADE', 'SNAT']) &&
          rule.outInterface === null &&
          rule.source === null &&
          rule.destination === null &&
          rule.protocol === null &&
          rule.matches.every(({ name }) => name === 'comment'),
      )
      .map((rule) => {
        const message =
          'the source of every packet is translated: servers behind DNAT see no client';
        return ruleWarning(rule, 'nat-everywhere', message);
      });
  });
}

function targetIs(jump: Jump, names: readonly string[]): boolean {
  return jump.kind === 'target' && names.includes(jump.target.name);
}
