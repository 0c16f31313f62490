import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Direction, Status, Tuple } from '../../src/conntrack/index.ts';
import { Manip } from '../../src/nat/index.ts';
import { Proto } from '../../src/wire/index.ts';
import { Flows, natRange } from './flows.ts';

/** Few of everything, so that connections get into each other's way. */
const step = fc.record({
  client: fc.integer({ min: 1, max: 4 }),
  server: fc.integer({ min: 1, max: 3 }),
  sport: fc.constantFrom(100, 600, 5000, 5001),
  dport: fc.constantFrom(53, 80),
  protocol: fc.constantFrom(Proto.Tcp, Proto.Udp, Proto.Icmp, Proto.Gre, Proto.Sctp),
  zone: fc.constantFrom(0, 0, 0, 7),
  destination: fc.constantFrom('none', 'address', 'ports'),
  source: fc.constantFrom('none', 'pool', 'ports', 'random'),
  /** Which of the living connections ends first, if any. */
  ends: fc.option(fc.nat(50), { nil: null }),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const destinations = {
  none: null,
  address: natRange(['192.0.2.1', '192.0.2.2']),
  ports: natRange(['192.0.2.1', '192.0.2.1'], [8000, 8002]),
};
const sources = {
  none: null,
  pool: natRange(['203.0.113.1', '203.0.113.2']),
  ports: natRange(['203.0.113.1', '203.0.113.1'], [5000, 5003]),
  random: natRange(['203.0.113.1', '203.0.113.1'], [0, 0], { random: true }),
};

/** Every tuple that a living connection is found by. */
function tuples(flows: Flows): string[] {
  const found: string[] = [];
  const tuple = new Tuple();
  for (let row = 0; row < flows.table.highWater; row++) {
    if (!flows.table.hasStatus(row, Status.Confirmed)) continue;
    for (const direction of [Direction.Original, Direction.Reply] as const) {
      flows.table.readTuple(row, direction, tuple);
      assert.equal(flows.table.lookup(tuple), (row << 1) | direction);
      found.push([tuple.meta, tuple.ports, tuple.s0, tuple.d0].join());
    }
  }
  return found;
}

function play(flows: Flows, living: number[], one: Step): void {
  if (one.ends !== null && living.length > 0) {
    const [row] = living.splice(one.ends % living.length, 1);
    if (flows.table.hasStatus(row!, Status.Confirmed)) flows.conntrack.destroy(row!);
  }
  const icmp = one.protocol === Proto.Icmp;
  const row = flows.start({
    src: `10.0.0.${one.client}`,
    dst: `198.51.100.${one.server}`,
    sport: one.sport,
    dport: icmp ? 0x0800 : one.dport,
    protocol: one.protocol,
    zones: [one.zone, one.zone],
  });
  const known = new Tuple();
  flows.table.readTuple(row, Direction.Original, known);
  if (flows.table.lookup(known) >= 0) {
    flows.conntrack.discard(row);
    return;
  }
  const destination = destinations[one.destination as keyof typeof destinations];
  const source = sources[one.source as keyof typeof sources];
  if (destination === null) flows.nat.bindNothing(row, Manip.Destination);
  else flows.nat.bind(row, destination, Manip.Destination);
  if (source === null) flows.nat.bindNothing(row, Manip.Source);
  else flows.nat.bind(row, source, Manip.Source);
  if (flows.confirm(row)) living.push(row);
}

test('no two living connections are answered under one tuple', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const flows = new Flows(steps.length + 1, 256);
      const living: number[] = [];
      for (const one of steps) play(flows, living, one);
      const found = tuples(flows);
      assert.equal(new Set(found).size, found.length);
      assert.equal(found.length, living.length * 2);
    }),
    { seed: 4, numRuns: 150 },
  );
});
