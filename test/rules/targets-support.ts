/** What the tests of targets share: one rule, one packet, and an independent look at the result. */
import assert from 'node:assert/strict';
import {
  Hook,
  type HookCode,
  type RuleContext,
  type TableName,
  Verdict,
  type VerdictCode,
} from '../../src/rules/index.ts';
import { Decode, decodeFrame, Packet } from '../../src/wire/index.ts';
import { packetFields } from '../support/packet-fields.ts';
import { slowL4Checksum, slowVerify } from '../support/slow-checksum.ts';
import { block, compile, contextOf, type TestContext, walk } from './support.ts';

const hooks: Readonly<Record<TableName, readonly [string, HookCode]>> = {
  raw: ['PREROUTING', Hook.Prerouting],
  mangle: ['FORWARD', Hook.Forward],
  nat: ['PREROUTING', Hook.Prerouting],
  filter: ['FORWARD', Hook.Forward],
  security: ['FORWARD', Hook.Forward],
};

export interface Applied {
  readonly ctx: TestContext;
  readonly verdict: VerdictCode;
}

/** Walks a chain of one table with these rules only; the policy is ACCEPT. */
export function applyRules(
  table: TableName,
  rules: readonly string[],
  packet: Packet,
  changes: Partial<RuleContext> = {},
): Applied {
  const [chain, hook] = hooks[table];
  const text = block(table, ...rules.map((rule) => `-A ${chain} ${rule}`));
  const { compiled } = compile(text, { family: packet.family as 4 | 6 });
  const ctx = contextOf(packet, changes);
  return { ctx, verdict: walk(compiled, ctx, table, hook) };
}

/** One rule that must go on with the next one: the walk ends with the policy. */
export function change(
  table: TableName,
  rule: string,
  packet: Packet,
  changes: Partial<RuleContext> = {},
): TestContext {
  const { ctx, verdict } = applyRules(table, [rule, '-j ACCEPT'], packet, changes);
  assert.equal(verdict, Verdict.Accept, rule);
  return ctx;
}

/**
 * Checks the bytes of a packet against the slow checksums, and its cursor against a fresh decoding
 * of them: nothing that a target left stale passes.
 */
export function assertSound(packet: Packet): void {
  const fresh = new Packet();
  assert.ok(fresh.load(packet.copyFrame(), packet.linkType));
  assert.equal(decodeFrame(fresh), Decode.Ok);
  const { checksumIsOurs: _ours, ...fields } = packetFields(packet);
  const { checksumIsOurs: _theirs, ...freshFields } = packetFields(fresh);
  assert.deepEqual(fields, freshFields);
  const { bytes, l3Offset, l4Offset, l3End } = packet;
  if (packet.family === 4) {
    assert.ok(slowVerify(bytes.slice(l3Offset, l4Offset)), 'IPv4 header checksum');
  }
  if (packet.isFragment || (packet.protocol !== 6 && packet.protocol !== 17)) return;
  const at = packet.protocol === 6 ? 16 : 6;
  const [from, size] = packet.family === 4 ? [12, 4] : [8, 16];
  const src = bytes.slice(l3Offset + from, l3Offset + from + size);
  const dst = bytes.slice(l3Offset + from + size, l3Offset + from + 2 * size);
  const segment = bytes.slice(l4Offset, l3End);
  const field = (segment[at]! << 8) | segment[at + 1]!;
  segment[at] = 0;
  segment[at + 1] = 0;
  assert.equal(field, slowL4Checksum(src, dst, packet.protocol, segment), 'transport checksum');
}
