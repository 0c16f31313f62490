/** What the tests of steady walks share. */
import { CtStateBit } from '../../src/conntrack/index.ts';
import { type CompiledRules, RuleTrail } from '../../src/rules/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { contextOf, type TestContext, walk } from './support.ts';

export const ends = { src: '10.0.0.2', dst: '192.0.2.1', sport: 4000, dport: 443 };

/** A packet of an established connection, with a trail to be followed by. */
export function establishedContext(more = {}): TestContext {
  const ctx = contextOf(loadPacket(buildTcp({ ...ends, ...more })), {
    ctState: CtStateBit.Established,
  });
  ctx.connection.exists = true;
  ctx.trail = new RuleTrail();
  return ctx;
}

/** Walks filter FORWARD with what is left of the context, on a fresh trail. */
export function trailOf(compiled: CompiledRules, ctx: TestContext): RuleTrail {
  ctx.mark = 0;
  ctx.trail!.begin();
  walk(compiled, ctx);
  return ctx.trail!;
}
