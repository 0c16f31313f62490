import { INVALID_ARGUMENT, NO_SUCH_NAME, RuleFault } from '../errors.ts';
import {
  Chain,
  type Counters,
  NO_COUNTERS,
  type Rule,
  type RuleSet,
  type Table,
} from '../model.ts';
import { ruleSpec } from '../print/spec.ts';
import { isTargetName } from '../registry.ts';
import type { Command } from './command.ts';
import { checkNewChainName } from './rule-state.ts';

/**
 * Carries out one command on the rule set, with the refusals of the kernel. Throws a RuleFault
 * without a position for those.
 */
export function applyCommand(ruleSet: RuleSet, command: Command): void {
  const table = ruleSet.ensureTable(command.family, command.table);
  switch (command.kind) {
    case 'append':
      chainOf(table, command.chain).rules.push(...command.rules);
      return;
    case 'insert':
      insert(chainOf(table, command.chain), command);
      return;
    case 'replace':
      replace(chainOf(table, command.chain), command);
      return;
    case 'delete':
      remove(table, command);
      return;
    case 'check':
      for (const rule of command.rules) findSame(table.chains.get(command.chain), rule);
      return;
    case 'new-chain':
      newChain(table, command.chain);
      return;
    case 'delete-chain':
      deleteChains(table, command.chain);
      return;
    case 'rename':
      rename(table, command.chain, command.argument);
      return;
    case 'flush':
      for (const chain of chosen(table, command.chain)) chain.rules = [];
      return;
    case 'zero':
      zero(table, command);
      return;
    case 'policy':
      setPolicy(table, command.chain, command.argument, command.counters, {
        file: command.file,
        line: command.chainWord.line,
      });
      return;
    case 'list':
    case 'list-rules':
      chosen(table, command.chain);
      return;
  }
}

function chainOf(table: Table, name: string): Chain {
  const chain = table.chains.get(name);
  if (chain === undefined) {
    throw new RuleFault('unknown-chain', NO_SUCH_NAME, `no chain ${name} in table ${table.name}`);
  }
  return chain;
}

/** One chain, or all where none is named. */
function chosen(table: Table, name: string): Chain[] {
  return name === '' ? [...table.chains.values()] : [chainOf(table, name)];
}

function insert(chain: Chain, command: Command): void {
  const index = Math.max(0, command.number - 1);
  if (index > chain.rules.length) {
    throw new RuleFault('bad-index', 'Index of insertion too big.');
  }
  // Each rule of a comma list goes to the same place, so they come out in reverse.
  for (const rule of command.rules) chain.rules.splice(index, 0, rule);
}

function replace(chain: Chain, command: Command): void {
  const [rule, second] = command.rules;
  if (rule === undefined || second !== undefined) {
    const words = 'Replacement rule does not specify a unique address';
    throw new RuleFault('bad-value', words);
  }
  if (command.number > chain.rules.length) {
    throw new RuleFault('bad-index', 'Index of replacement too big.');
  }
  chain.rules[command.number - 1] = rule;
}

function remove(table: Table, command: Command): void {
  if (command.number > 0) {
    const chain = chainOf(table, command.chain);
    if (command.number > chain.rules.length) {
      throw new RuleFault('bad-index', 'Index of deletion too big.');
    }
    chain.rules.splice(command.number - 1, 1);
    return;
  }
  const chain = table.chains.get(command.chain);
  for (const rule of command.rules) {
    const index = findSame(chain, rule);
    chain?.rules.splice(index, 1);
  }
}

/** The index of the first rule that says the same. */
function findSame(chain: Chain | undefined, rule: Rule): number {
  const spec = ruleSpec(rule);
  const index = chain?.rules.findIndex((other) => ruleSpec(other) === spec) ?? -1;
  if (index < 0) {
    const words = 'Bad rule (does a matching rule exist in that chain?).';
    throw new RuleFault('no-such-rule', words);
  }
  return index;
}

function newChain(table: Table, name: string): void {
  checkNewChainName(name, isTargetName);
  if (table.chains.has(name)) throw new RuleFault('chain-exists', 'Chain already exists.');
  table.chains.set(name, new Chain(name, -1));
}

/** One chain, or all user chains, none of which may have a rule or be jumped to. */
function deleteChains(table: Table, name: string): void {
  const doomed =
    name === ''
      ? [...table.chains.values()].filter((chain) => chain.hook < 0)
      : [chainOf(table, name)];
  for (const chain of doomed) deleteChain(table, chain);
}

function deleteChain(table: Table, chain: Chain): void {
  if (chain.hook >= 0) {
    const detail = 'a built-in chain cannot be deleted';
    throw new RuleFault('invalid-place', INVALID_ARGUMENT, detail);
  }
  if (table.references(chain.name) > 0) {
    throw new RuleFault('chain-in-use', 'Too many links.', `${chain.name} is jumped to`);
  }
  if (chain.rules.length > 0) {
    const detail = `${chain.name} has rules; flush it first`;
    throw new RuleFault('chain-not-empty', 'Directory not empty.', detail);
  }
  table.chains.delete(chain.name);
}

function rename(table: Table, from: string, to: string): void {
  const chain = chainOf(table, from);
  checkNewChainName(to, isTargetName);
  if (chain.hook >= 0) {
    const detail = 'a built-in chain cannot be renamed';
    throw new RuleFault('unknown-chain', NO_SUCH_NAME, detail);
  }
  if (table.chains.has(to)) throw new RuleFault('chain-exists', 'File exists.');
  const renamed = new Chain(to, -1);
  renamed.rules = chain.rules.map((rule) => ({ ...rule, chain: to }));
  table.chains.delete(from);
  table.chains.set(to, renamed);
  for (const other of table.chains.values()) {
    other.rules = other.rules.map((rule) =>
      rule.jump.kind === 'chain' && rule.jump.chain === from
        ? { ...rule, jump: { ...rule.jump, chain: to } }
        : rule,
    );
  }
}

function zero(table: Table, command: Command): void {
  for (const chain of chosen(table, command.chain)) {
    if (command.number > chain.rules.length) {
      throw new RuleFault('bad-index', 'Index of counter too big.');
    }
    if (command.number === 0) chain.policyCounters = NO_COUNTERS;
    chain.rules = chain.rules.map((rule, i) =>
      command.number === 0 || command.number === i + 1 ? { ...rule, counters: NO_COUNTERS } : rule,
    );
  }
}

/** Sets the policy of a built-in chain; null counters leave the present ones. */
export function setPolicy(
  table: Table,
  name: string,
  policy: string,
  counters: Counters | null,
  place: { readonly file: string; readonly line: number },
): void {
  const chain = table.chains.get(name);
  if (chain === undefined || chain.hook < 0) {
    const detail = `${name} is no built-in chain of table ${table.name}`;
    throw new RuleFault('bad-policy', 'Bad built-in chain name.', detail);
  }
  if (policy !== 'ACCEPT' && policy !== 'DROP') {
    const words = "Bad policy name. Run `dmesg' for more information.";
    throw new RuleFault('bad-policy', words, 'a policy is ACCEPT or DROP');
  }
  chain.policy = policy;
  if (counters !== null) chain.policyCounters = counters;
  chain.policyFile = place.file;
  chain.policyLine = place.line;
}
