/** However a datagram is cut, shuffled and repeated, it fares as the whole does. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Outcome } from '../../src/engine/index.ts';
import { type GatewayOptions, makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp, hopByHop } from '../support/packets.ts';
import { type CutOptions, cutAt, joined, payloadLength } from './fragment-support.ts';

const rules = `*nat
-A PREROUTING -i lan -p udp --dport 53 -j DNAT --to-destination 198.51.100.77:5353
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
`;
const rules6 = `*nat
-A PREROUTING -i lan -p udp --dport 53 -j DNAT --to-destination [2001:db8:9::77]:5353
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
`;
const ends4 = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const ends6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };

interface Sample {
  readonly frame: Uint8Array;
  readonly options: CutOptions;
}

/** A datagram of some protocol and family; IPv4 ones may be fragmented and say so. */
const samples = fc
  .record({
    six: fc.boolean(),
    kind: fc.constantFrom('udp', 'tcp', 'echo'),
    length: fc.oneof(fc.integer({ min: 40, max: 1600 }), fc.integer({ min: 1000, max: 9000 })),
    seed: fc.nat(255),
    extended: fc.boolean(),
    tos: fc.constantFrom(0, 0x10),
  })
  .map(({ six, kind, length, seed, extended, tos }): Sample => {
    const payload = Uint8Array.from({ length }, (_, i) => (i * 31 + seed + (i >> 8)) & 255);
    const extensions = six && extended ? [hopByHop()] : [];
    const o = { ...(six ? ends6 : ends4), payload, tos, dontFragment: false, extensions };
    const options = { unfragmentable: extensions.length * 8 };
    if (kind === 'udp') return { frame: buildUdp(o), options };
    if (kind === 'tcp') return { frame: buildTcp({ ...o, flags: 'S' }), options };
    return { frame: six ? buildIcmpv6(o) : buildIcmp(o), options };
  });

/** The same datagram cut at random places; pieces in random order, some of them twice. */
const cuts = samples.chain(({ frame, options }) => {
  const units = Math.floor((payloadLength(frame, options) - 1) / 8);
  const places = fc.uniqueArray(fc.integer({ min: 3, max: units }), { maxLength: 40 });
  return places.chain((found) => {
    const sorted = [...found].sort((a, b) => a - b).map((unit) => unit * 8);
    const fragments = cutAt(frame, sorted, { ...options, id: 1 });
    return fc.record({
      frame: fc.constant(frame),
      fragments: fc.shuffledSubarray(fragments, { minLength: fragments.length }),
      repeated: fc.array(fc.nat(fragments.length - 1), { maxLength: 4 }),
    });
  });
});

/** With each repeated piece right behind itself, where it is one that is waited with. */
function withRepeats(fragments: readonly Uint8Array[], repeated: readonly number[]): Uint8Array[] {
  return fragments.flatMap((frame, i) => {
    const again = repeated.includes(i) && i < fragments.length - 1;
    return again ? [frame, frame] : [frame];
  });
}

/** Its links take anything: what is too large for the way out is tested elsewhere. */
function wideGateway(options: GatewayOptions): TestGateway {
  const gateway = makeGateway({ ...options, seed: 5 });
  const { routes, interfaces } = gateway.datapath;
  for (const name of ['lan', 'wan']) routes.setMtu(interfaces.id(name), 65_535);
  return gateway;
}

for (const [name, options] of [
  ['without translation', {}],
  ['under SNAT and DNAT', { rules, rules6 }],
] as const) {
  describe(name, () => {
    test('the fragments that leave, joined, are what the whole becomes', () => {
      const property = fc.property(cuts, ({ frame, fragments, repeated }) => {
        const expected = wideGateway(options).inject('lan', frame);
        assert.equal(expected.outcome, Outcome.Forward);
        const gateway = wideGateway(options);
        const sent = withRepeats(fragments, repeated);
        const outcomes = sent.map((fragment) => gateway.inject('lan', fragment));
        const left = outcomes.at(-1)!;
        assert.equal(left.outcome, Outcome.Forward);
        assert.deepEqual(Buffer.from(left.frame), Buffer.from(expected.frame));
        assert.deepEqual(joined(left.frames), Buffer.from(expected.frame));
        assert.ok(outcomes.slice(0, -1).every((o) => o.frames.length === 0));
        assert.equal(gateway.engine.assembly.pending, 0);
        assert.equal(gateway.connections, 1);
      });
      fc.assert(property, { seed: 20_261_121, numRuns: 80 });
    });

    test('with one piece missing nothing leaves, and nothing is left behind', () => {
      const property = fc.property(cuts, ({ fragments }) => {
        fc.pre(fragments.length > 1);
        const gateway = wideGateway(options);
        for (const fragment of fragments.slice(1)) {
          assert.equal(gateway.inject('lan', fragment).outcome, Outcome.Hold);
        }
        gateway.now(61);
        assert.equal(gateway.engine.assembly.pending, 0);
        assert.equal(gateway.connections, 0);
        const { dropped, held } = gateway.engine.counters;
        assert.deepEqual([dropped, held], [fragments.length - 1, fragments.length - 1]);
      });
      fc.assert(property, { seed: 20_261_122, numRuns: 30 });
    });
  });
}
