/**
 * The gate's side of shared memory at scale: what it costs to install and to withdraw a connection,
 * to go round all of them for their counts, to withdraw all at once, and to read what a former
 * process left. Prints figures, asserts nothing.
 *
 *     npm run bench -- gate-flows [CONNECTIONS]
 */
import { Prng, tuneForPackets } from '../../src/base/index.ts';
import { Tuple } from '../../src/conntrack/index.ts';
import {
  bucketsFor,
  type FlowMemory,
  flowsOf,
  initialise,
  SharedFlows,
  sidesOf,
} from '../../src/datapath/gate/flows/index.ts';
import { type FlowOffer, GateAction } from '../../src/engine/index.ts';

tuneForPackets();

const CONNECTIONS = Number(process.argv[2] ?? 500_000);
const ROUNDS = 5;
/** Of a call every 10 ms: half a second for a round. */
const CALLS_A_ROUND = 50;
/** Of the flows that are withdrawn all at once: one in so many has counts. */
const ACTIVE_EVERY = 10;
const ORIGINAL_PACKETS = 11;
const FLOW_WORDS = 26;

let settled = 0;
const ledger = {
  settle(_row: number, _direction: number, _path: number, packets: number): void {
    settled += packets;
  },
};

function newMemory(units: number): FlowMemory {
  const memory = {
    config: new Int32Array(32),
    flows: new Int32Array(FLOW_WORDS * units),
    buckets: new Int32Array(16 * bucketsFor(units)),
    hops: new Int32Array(8 * 4096),
  };
  initialise(memory, { seed: 0x1234567, mark: 1, puntIfindex: 0, units });
  return memory;
}

function parts(memory: FlowMemory) {
  const ifindexOf = (id: number) => id + 2;
  return { memory, rows: CONNECTIONS, ledger, ifindexOf, isManaged: () => true };
}

const offer: FlowOffer = {
  row: 0,
  original: new Tuple(),
  reply: new Tuple(),
  direction: 0,
  action: GateAction.Forward,
  inIf: 0,
  outIf: 0,
  mtu: 1500,
  hopFamily: 4,
  hop0: 0x0a000001,
  hop1: 0,
  hop2: 0,
  hop3: 0,
  mark: 0,
  path: 1,
  checkWindow: true,
  closes: true,
  sides: new Int32Array(9),
  originalSack: true,
  replySack: true,
  originalScale: 7,
  replyScale: 7,
};

function describe(n: number): void {
  const { original, reply } = offer;
  original.meta = 0x406;
  original.s0 = 0x0a000000 + (n >> 8);
  original.d0 = 0xc6336401 | 0;
  original.setPorts(1024 + (n & 0xff), 80);
  reply.meta = 0x406;
  reply.s0 = 0xc6336401 | 0;
  reply.d0 = 0xcb007100 + (n >> 15);
  reply.setPorts(80, 0x8000 | (n & 0x7fff));
  offer.row = n;
}

function install(flows: SharedFlows, n: number): boolean {
  describe(n);
  offer.direction = 0;
  offer.inIf = 0;
  offer.outIf = 1;
  const there = flows.install(offer);
  offer.direction = 1;
  offer.inIf = 1;
  offer.outIf = 0;
  return flows.install(offer) && there;
}

function timed(act: () => void): number {
  const before = process.hrtime.bigint();
  act();
  return Number(process.hrtime.bigint() - before) / 1e6;
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return values[values.length >> 1]!;
}

function report(what: string, ms: number[], per: number, unit: string): void {
  const middle = median(ms);
  const each = ((middle * 1e6) / per).toFixed(0);
  console.log(`${what.padEnd(46)} ${middle.toFixed(2).padStart(9)} ms  ${each} ns per ${unit}`);
}

const memory = newMemory(Math.ceil(CONNECTIONS * 1.25));
const flows = new SharedFlows(parts(memory));
const random = new Prng(42);
const order = Int32Array.from({ length: CONNECTIONS }, (_, n) => n);
for (let n = CONNECTIONS - 1; n > 0; n--) {
  const other = random.below(n + 1);
  [order[n], order[other]] = [order[other]!, order[n]!];
}

let refused = 0;
const installs: number[] = [];
const withdrawals: number[] = [];
const single: number[] = [];
const idle: number[] = [];
const longest: number[] = [];
const busy: number[] = [];
const all: number[] = [];
const budget = Math.ceil(memory.flows.length / FLOW_WORDS / CALLS_A_ROUND);
let now = 0;

function goRound(): number {
  return timed(() => {
    for (let call = 0; call < CALLS_A_ROUND; call++) {
      const ms = timed(() => void flows.collectSome(budget));
      longest.push(ms);
    }
  });
}

for (let round = 0; round < ROUNDS; round++) {
  const filling = timed(() => {
    for (let n = 0; n < CONNECTIONS; n++) if (!install(flows, order[n]!)) refused++;
  });
  installs.push(filling);
  single.push(
    timed(() => {
      for (let n = 0; n < 100_000; n++) {
        flows.withdraw(order[n]!);
        if (!install(flows, order[n]!)) refused++;
        if ((n & 0xff) === 0) flows.setNow(++now);
      }
    }),
  );
  idle.push(goRound());
  longest.length = 0;
  for (let unit = 0; unit < CONNECTIONS; unit++) {
    memory.flows[unit * FLOW_WORDS + ORIGINAL_PACKETS] = 1;
    memory.flows[unit * FLOW_WORDS + ORIGINAL_PACKETS + 4] = 1;
  }
  busy.push(goRound());
  for (let unit = 0; unit < CONNECTIONS; unit += ACTIVE_EVERY) {
    memory.flows[unit * FLOW_WORDS + ORIGINAL_PACKETS] = 1;
  }
  all.push(timed(() => flows.withdrawAll()));
  flows.setNow(++now);
  flows.setNow(++now);
  for (let n = 0; n < CONNECTIONS; n++) if (!install(flows, n)) refused++;
  withdrawals.push(
    timed(() => {
      for (let n = 0; n < CONNECTIONS; n++) flows.withdraw(order[n]!);
    }),
  );
  flows.setNow(++now);
  flows.setNow(++now);
}
console.log(
  `${CONNECTIONS} connections, both directions, medians of ${ROUNDS}; refused ${refused}`,
);
report('install, in random order', installs, CONNECTIONS, 'connection');
report('withdraw, in random order', withdrawals, CONNECTIONS, 'connection');
report('withdraw and install among all', single, 100_000, 'connection');
report('collectSome, a round, none active', idle, CONNECTIONS, 'unit');
report('collectSome, a round, all active', busy, CONNECTIONS, 'unit');
console.log(`longest call of such a round: ${Math.max(...longest).toFixed(2)} ms`);
report('withdrawAll', all, CONNECTIONS, 'connection');

for (let n = 0; n < CONNECTIONS; n++) install(flows, n);
const reads: number[] = [];
const sideReads: number[] = [];
const units = new Int32Array(CONNECTIONS);
const sides = new Int32Array(9);
let left = 0;
for (let round = 0; round < ROUNDS; round++) {
  left = 0;
  reads.push(
    timed(() => {
      for (const flow of flowsOf(memory)) units[left++] = flow.unit;
    }),
  );
  sideReads.push(
    timed(() => {
      for (let n = 0; n < left; n++) sidesOf(memory, units[n]!, sides);
    }),
  );
}
report('flowsOf, what a former process left', reads, left, 'connection');
report('sidesOf each of them', sideReads, left, 'connection');
const bytes = 4 * (memory.flows.length + memory.buckets.length + CONNECTIONS);
console.log(`memory: ${(bytes / CONNECTIONS).toFixed(0)} bytes a connection; settled ${settled}`);
