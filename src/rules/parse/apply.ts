import { INVALID_ARGUMENT, NO_SUCH_NAME, RuleFault } from '../errors.ts';
import {
  Chain,
  type Counters,
  hookNames,
  NO_COUNTERS,
  type Rule,
  type RuleSet,
  type Table,
} from '../model.ts';
import { ruleSpec } from '../print/spec.ts';
import { standardTargets } from '../registry.ts';
import type { Command } from './command.ts';
import { MAX_CHAIN_BYTES } from './rule-state.ts';

/**
 * Carries out one command on the rule set, with the refusals of the kernel. Throws a RuleFault
 * without a position for those.
 */
export function applyCommand(ruleSet: RuleSet, command: Command): void {
  const table = ruleSet.ensureTable(command.family, command.table);
  switch (command.kind) {
    case 'append':
      append(chainOf(table, command.chain), command);
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
      deleteChains(table, command);
      return;
    case 'rename':
      rename(table, command.chain, command.argument);
      return;
    case 'flush':
      for (const chain of chosen(table, command)) chain.rules = [];
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
      chosen(table, command);
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
function chosen(table: Table, command: Command): Chain[] {
  return command.isChainGiven ? [chainOf(table, command.chain)] : [...table.chains.values()];
}

function append(chain: Chain, command: Command): void {
  refuseBuiltInJump(command.rules);
  for (const rule of command.rules) chain.rules.push(rule);
}

/** The kernel library knows built-in chains as chains, and refuses to jump to them. */
function refuseBuiltInJump(rules: readonly Rule[]): void {
  const jump = rules[0]?.jump;
  if (jump?.kind !== 'chain' || !(hookNames as readonly string[]).includes(jump.chain)) return;
  const detail = 'a built-in chain cannot be jumped to';
  throw new RuleFault('invalid-rule', INVALID_ARGUMENT, detail);
}

function insert(chain: Chain, command: Command): void {
  const index = Math.max(0, command.number - 1);
  if (index > chain.rules.length) {
    throw new RuleFault('bad-index', 'Index of insertion too big.');
  }
  refuseBuiltInJump(command.rules);
  // Each rule of a comma list goes to the same place, so they come out in reverse.
  for (const rule of command.rules) chain.rules.splice(index, 0, rule);
}

function replace(chain: Chain, command: Command): void {
  const [rule] = command.rules;
  if (command.number > chain.rules.length) {
    throw new RuleFault('bad-index', 'Index of replacement too big.');
  }
  refuseBuiltInJump(command.rules);
  chain.rules[command.number - 1] = rule!;
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
  if (chain !== undefined) refuseBuiltInJump([rule]);
  const spec = ruleSpec(rule);
  const index = chain?.rules.findIndex((other) => ruleSpec(other) === spec) ?? -1;
  if (index < 0) {
    const words = 'Bad rule (does a matching rule exist in that chain?).';
    // As measured: where the rule jumps to a chain or an extension it has other words for it.
    const isPlain = chain === undefined || /^(none|verdict)$/.test(rule.jump.kind);
    throw new RuleFault('no-such-rule', isPlain ? words : NO_SUCH_NAME);
  }
  return index;
}

function newChain(table: Table, name: string): void {
  if (table.chains.has(name)) throw new RuleFault('chain-exists', 'Chain already exists.');
  table.chains.set(name, new Chain(name, -1));
}

/** One chain, or all user chains, none of which may have a rule or be jumped to. */
function deleteChains(table: Table, command: Command): void {
  const doomed = command.isChainGiven
    ? [chainOf(table, command.chain)]
    : table.sortedChains().filter((chain) => chain.hook < 0);
  // All are tried; the mistake that is told is the last one, and nothing is changed then.
  let refused: RuleFault | null = null;
  for (const chain of doomed) {
    try {
      deleteChain(table, chain);
    } catch (fault) {
      if (!(fault instanceof RuleFault)) throw fault;
      refused = fault;
    }
  }
  if (refused !== null) throw refused;
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

/** The checks, in this order, are those of the kernel library: a name of an extension will do. */
function rename(table: Table, from: string, to: string): void {
  if (table.chains.has(to) || standardTargets.includes(to)) {
    throw new RuleFault('chain-exists', 'File exists.');
  }
  const chain = chainOf(table, from);
  if (chain.hook >= 0) {
    const detail = 'a built-in chain cannot be renamed';
    throw new RuleFault('unknown-chain', NO_SUCH_NAME, detail);
  }
  if (Buffer.byteLength(to) > MAX_CHAIN_BYTES) {
    const detail = `a chain name has at most ${MAX_CHAIN_BYTES} bytes`;
    throw new RuleFault('bad-chain', INVALID_ARGUMENT, detail);
  }
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
  for (const chain of chosen(table, command)) {
    if (command.number > chain.rules.length) {
      throw new RuleFault('bad-index', 'Index of counter too big.');
    }
    if (command.number === 0) chain.policyCounters = NO_COUNTERS;
    chain.rules = chain.rules.map((rule, i) =>
      command.number === 0 || command.number === i + 1 ? { ...rule, counters: NO_COUNTERS } : rule,
    );
  }
}

/** Sets the policy of a built-in chain, and its counters. */
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
  // Without counters they begin again at zero, as with iptables -P.
  chain.policyCounters = counters ?? NO_COUNTERS;
  chain.policyFile = place.file;
  chain.policyLine = place.line;
}
