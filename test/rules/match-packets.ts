/** Asks one rule about one packet: which of several conditions hold, and which do not. */
import assert from 'node:assert/strict';
import {
  Hook,
  type HookCode,
  type TableName,
  Verdict,
  type VerdictCode,
} from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { block, compile, contextOf, type TestContext, walk } from './support.ts';

/** Where the rule stands, and what is changed in the context before it is asked. */
export interface Asked {
  readonly table?: TableName;
  readonly chain?: string;
  readonly hook?: HookCode;
  readonly inIf?: string;
  readonly outIf?: string;
  readonly prepare?: (ctx: TestContext) => void;
}

/** The verdict for `-A CHAIN rule -j ACCEPT` over a policy of DROP, twice the same. */
export function verdictOf(rule: string, packet: Packet, asked: Asked = {}): VerdictCode {
  const { table = 'filter', chain = 'FORWARD', hook = Hook.Forward } = asked;
  const text = block(table, `:${chain} DROP`, `-A ${chain} ${rule} -j ACCEPT`);
  const { compiled, interfaces } = compile(text, { family: packet.family as 4 | 6 });
  const ctx = contextOf(packet);
  if (asked.inIf !== undefined) ctx.inIf = interfaces.id(asked.inIf);
  if (asked.outIf !== undefined) ctx.outIf = interfaces.id(asked.outIf);
  asked.prepare?.(ctx);
  const first = walk(compiled, ctx, table, hook);
  assert.equal(walk(compiled, ctx, table, hook), first, `asked again: ${rule}`);
  return first;
}

export function expectMatches(
  packet: Packet,
  yes: readonly string[],
  no: readonly string[],
  asked: Asked = {},
): void {
  for (const rule of yes) assert.equal(verdictOf(rule, packet, asked), Verdict.Accept, rule);
  for (const rule of no) assert.equal(verdictOf(rule, packet, asked), Verdict.Drop, `not: ${rule}`);
}

/** Whether a rule that does not match drops the packet at once (hotdrop): nothing is asked after it. */
export function dropsAtOnce(rule: string, packet: Packet): boolean {
  const text = block('filter', `-A FORWARD ${rule} -j ACCEPT`, '-A FORWARD -j ACCEPT');
  const { compiled } = compile(text, { family: packet.family as 4 | 6 });
  return walk(compiled, contextOf(packet)) === Verdict.Drop;
}
