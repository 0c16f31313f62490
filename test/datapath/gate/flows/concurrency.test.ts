/**
 * Another thread reads the memory as the program does, while flows come and go: what it finds is
 * always a whole flow, translated as that flow is to be, and no count is lost.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { DirectionCode } from '../../../../src/conntrack/index.ts';
import { type FlowMemory, SharedFlows } from '../../../../src/datapath/gate/flows/index.ts';
import { keysOf, labParts, newMemory, offerOf } from './flow-lab.ts';
import { find, pass } from './twin.ts';

const CONNECTIONS = 48;
const ROUNDS = 12_000;
/** Enough for those that rest: none is to be used early. */
const UNITS = 65_536;

interface Shared {
  readonly memory: FlowMemory;
  /** Word 0: the writer is done. Word 1: packets that the reader has looked for. */
  readonly control: Int32Array;
}

interface Findings {
  readonly passed: number;
  readonly torn: number;
}

const familyOf = (n: number) => (n % 3 === 0 ? 6 : 4);

/** The reader: looks for all keys in turn, and counts a packet where it finds a flow. */
function lookAround({ memory, control }: Shared): Findings {
  const keys = Array.from({ length: CONNECTIONS }, (_, n) => keysOf(n, familyOf(n)));
  const same = (a: Uint8Array, b: Uint8Array) => a.every((byte, n) => byte === b[n]);
  let passed = 0;
  let torn = 0;
  while (Atomics.load(control, 0) === 0) {
    for (const pair of keys) {
      for (const direction of [0, 1] as const) {
        Atomics.add(control, 1, 1);
        const found = find(memory, pair[direction]);
        if (found === null) continue;
        const other = pair[1 - direction]!;
        const isWhole =
          found.direction === direction &&
          found.ifindex === 1001 + direction &&
          same(found.newSource, other.destination) &&
          same(found.newDestination, other.source);
        if (!isWhole) torn++;
        pass(memory, found, 100);
        passed++;
      }
    }
  }
  return { passed, torn };
}

async function write(): Promise<void> {
  const memory = newMemory(UNITS, true);
  const control = new Int32Array(new SharedArrayBuffer(8));
  let settled = 0;
  const ledger = {
    settle(_row: number, _direction: DirectionCode, _path: number, packets: number) {
      settled += packets;
    },
  };
  const flows = new SharedFlows(labParts(memory, ledger));
  const worker = new Worker(new URL(import.meta.url), { workerData: { memory, control } });
  await once(worker, 'message');
  const message = once(worker, 'message');
  let lookedFor = 0;
  for (let n = 0; n < ROUNDS; n++) {
    const row = Math.imul(n, 0x9e37) % CONNECTIONS;
    if ((n & 0x40) !== 0) flows.withdraw(Math.abs(row));
    else {
      const keys = keysOf(Math.abs(row), familyOf(Math.abs(row)));
      flows.install(offerOf(Math.abs(row), 0, keys));
      flows.install(offerOf(Math.abs(row), 1, keys));
    }
    // A tick is as long as a packet, at least: the reader may be stopped in the middle of one.
    if (Atomics.load(control, 1) !== lookedFor) flows.setNow(n);
    lookedFor = Atomics.load(control, 1);
    if (n % 2000 === 1999) flows.withdrawAll();
  }
  Atomics.store(control, 0, 1);
  const [findings] = (await message) as [Findings];
  flows.withdrawAll();
  assert.equal(findings.torn, 0);
  assert.ok(findings.passed > 1000, `${findings.passed} packets passed`);
  // Each of the flows that went may have been in the middle of one packet, no more.
  assert.ok(settled <= findings.passed);
  assert.ok(settled >= findings.passed - ROUNDS, `${settled} of ${findings.passed} were settled`);
  await worker.terminate();
}

if (isMainThread) test('what another thread finds is a whole flow', write);
else {
  parentPort!.postMessage('here');
  parentPort!.postMessage(lookAround(workerData as Shared));
}
