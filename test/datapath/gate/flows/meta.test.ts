/** Flags of a flow change here while the program, on another processor, notes who spoke last. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { replaceMeta } from '../../../../src/datapath/gate/flows/sides.ts';
import { FLOW_WORDS, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';

const FIN_LAST = FlowFlag.FinLast << 24;
const NO_SACK = FlowFlag.ReplyNoSack << 24;
/** What the program has noted, so often at least. */
const CHANGES = 20_000;

/** The other processor: notes FINs and plain segments in turn; returns how often that was lost. */
function speak(flows: Int32Array): number {
  let lost = 0;
  for (let n = 0; n < CHANGES; n++) {
    const fin = n & 1 ? FIN_LAST : 0;
    let noted = false;
    while (!noted) {
      const before = Atomics.load(flows, FlowWord.Meta);
      const next = (before & ~FIN_LAST) | fin;
      noted = Atomics.compareExchange(flows, FlowWord.Meta, before, next) === before;
    }
    for (let look = 0; look < 20; look++) {
      if ((Atomics.load(flows, FlowWord.Meta) & FIN_LAST) !== fin) lost++;
    }
  }
  return lost;
}

async function replace(): Promise<void> {
  const flows = new Int32Array(new SharedArrayBuffer(4 * FLOW_WORDS));
  const worker = new Worker(new URL(import.meta.url), { workerData: flows });
  let lost = -1;
  let rounds = 0;
  const over = once(worker, 'message').then(([message]) => {
    lost = message as number;
  });
  while (lost < 0) {
    for (let n = 0; n < 10_000; n++) {
      const meta = n & 1 ? NO_SACK : 0;
      replaceMeta(flows, 0, meta);
      assert.equal(Atomics.load(flows, FlowWord.Meta) & NO_SACK, meta);
    }
    rounds++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await over;
  assert.equal(lost, 0);
  assert.ok(rounds > 0);
  await worker.terminate();
}

if (isMainThread) test('neither takes back what the other has written', replace);
else parentPort!.postMessage(speak(workerData as Int32Array));
