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

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
