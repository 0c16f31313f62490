import type { Engine } from '../engine/index.ts';
import {
  type Family,
  printList,
  printSave,
  printSpecs,
  type TableName,
  tableNames,
} from '../rules/index.ts';
import type { ControlRequest } from './protocol.ts';
import type { Reply } from './serve-lines.ts';

/** The screens of iptables, printed by the daemon: it alone has the rules and their counters. */
export async function answerIptables(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const { args } = request;
  const family: Family = args.family === 6 ? 6 : 4;
  const name = text(args.table);
  const table = tableNames.find((known) => known === name) ?? null;
  if (name !== null && table === null) return reply.error('NO_TABLE', name);
  if (request.cmd === 'iptables.save') {
    const printed = printSave(engine.rules, {
      family,
      ...(table === null ? {} : { table }),
      counters: args.counters === true,
      now: new Date(engine.clock.epochSeconds() * 1000),
    });
    await reply.item(printed);
    return reply.done();
  }
  return answerChains(engine, request, reply, family, table ?? 'filter');
}

async function answerChains(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
  family: Family,
  table: TableName,
): Promise<void> {
  const { args } = request;
  const chain = text(args.chain);
  const number = typeof args.ruleNumber === 'number' ? args.ruleNumber : null;
  const place = {
    family,
    table,
    ...(chain === null ? {} : { chain }),
    ...(number === null ? {} : { number }),
  };
  const verbose = args.verbose === true;
  const printed =
    request.cmd === 'iptables.specs'
      ? printSpecs(engine.rules, { ...place, verbose })
      : printList(engine.rules, {
          ...place,
          verbose,
          numeric: args.numeric === true,
          exact: args.exact === true,
          lineNumbers: args.lineNumbers === true,
        });
  if (printed === null) return reply.error('NO_CHAIN', chain ?? '');
  await reply.item(printed);
  reply.done();
}

/**
 * Sets counters to zero, of a table, a chain or one rule, as `iptables -Z` does. Ends with the names
 * of the chains, in the order of a listing.
 */
export async function zeroIptables(
  engine: Engine,
  request: ControlRequest,
  reply: Reply,
): Promise<void> {
  const { rules } = engine;
  const { args } = request;
  const family: Family = args.family === 6 ? 6 : 4;
  const name = text(args.table) ?? 'filter';
  if (!tableNames.some((known) => known === name)) return reply.error('NO_TABLE', name);
  const table = rules.ruleSet.familyTables(family).find((known) => known.name === name);
  const chainName = text(args.chain);
  const all = table?.sortedChains() ?? [];
  const chains = all.filter((chain) => chainName === null || chain.name === chainName);
  if (chainName !== null && chains.length === 0) return reply.error('NO_CHAIN', chainName);
  const number = typeof args.ruleNumber === 'number' ? args.ruleNumber : null;
  for (const chain of chains) {
    const owners =
      number === null ? [chain, ...chain.rules] : chain.rules.slice(number - 1, number);
    if (owners.length === 0) return reply.error('NO_RULE', `${number}`);
    for (const owner of owners) rules.setCounters(owner, { packets: 0, bytes: 0 });
  }
  reply.done({ chains: chains.map((chain) => chain.name) });
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
