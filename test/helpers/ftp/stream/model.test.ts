import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Prng } from '../../../../src/base/index.ts';
import { KEPT_LIMIT } from '../../../../src/helpers/ftp/stream/kept-output.ts';
import { bytesOf } from '../support.ts';
import type { EndpointOptions } from './endpoint.ts';
import { partsOf, transformed } from './letter-judge.ts';
import { type Faults, noFaults, WireModel } from './wire-model.ts';

function randomStream(random: Prng, mayEncrypt: boolean): string {
  const letters = mayEncrypt && random.below(3) === 0 ? 'kkhlsoemq' : 'kkhlsoem';
  let stream = '';
  for (let lines = 1 + random.below(9); lines > 0; lines--) {
    const letter = letters[random.below(letters.length)]!;
    const length = random.below(random.below(4) === 0 ? 150 : 25);
    let body = '';
    for (let i = 0; i < length; i++) body += 'abcdefghijklmnopqrstuvwx'[random.below(24)];
    stream += letter + body + (lines > 1 || random.below(3) > 0 ? '\n' : '');
  }
  return stream;
}

/** The stream in writes: whole, by lines, byte by byte, or by chance. */
function randomWrites(stream: string, random: Prng): Uint8Array[] {
  const way = random.below(4);
  if (way === 0) return [bytesOf(stream)];
  if (way === 1) return stream.split(/(?<=\n)/).map(bytesOf);
  if (way === 2) return [...stream].map(bytesOf);
  const writes: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = 1 + random.below(30);
    writes.push(bytesOf(stream.slice(at, at + length)));
    at += length;
  }
  return writes;
}

function randomEnd(stream: string, random: Prng, isn: number, peerIsn: number): EndpointOptions {
  return {
    writes: randomWrites(stream, random),
    pauseMs: [0, 1, 7, 60][random.below(4)]!,
    mss: [20, 100, 536, 1460][random.below(4)]!,
    nagle: random.below(2) === 0,
    delayedAck: random.below(2) === 0,
    isn,
    peerIsn,
  };
}

interface Run {
  readonly model: WireModel;
  readonly retransmissions: number;
  readonly ms: number;
}

/** One conversation; its streams must arrive as they are to be. */
function converse(seed: number, faults: Faults, isTransparent = false): Run {
  const random = new Prng(seed * 2_654_435_761);
  const streams = [0, 1].map(() => randomStream(random, faults.tamper === 0)) as [string, string];
  const isns = [random.next() | 0, -random.below(400)] as const;
  const options = [
    randomEnd(streams[0], random, isns[0], isns[1]),
    randomEnd(streams[1], random, isns[1], isns[0]),
  ] as const;
  const model = new WireModel(seed, options, faults, isTransparent);
  const label = `seed ${seed}`;
  try {
    model.run();
  } catch (error) {
    throw new Error(`${label}: ${(error as Error).message}`, { cause: error });
  }
  const ms = model.nowMs;
  for (const way of [0, 1] as const) {
    const got = Buffer.from(model.ends[way === 0 ? 1 : 0].received).toString('latin1');
    assert.equal(got, isTransparent ? streams[way] : transformed(streams[way]), label);
  }
  const retransmissions = model.ends[0].retransmissions + model.ends[1].retransmissions;
  model.settle();
  if (!isTransparent) {
    checkMemory(model, label);
    checkReading(model, streams, label);
  }
  return { model, retransmissions, ms };
}

function checkMemory(model: WireModel, label: string): void {
  assert.ok(model.mostKept <= KEPT_LIMIT + 4096 + 1024, label);
  for (const relay of model.relays) assert.equal(relay.keptBytes, 0, label);
}

/** Every line was judged once, as it came first. */
function checkReading(model: WireModel, streams: readonly string[], label: string): void {
  model.judges.forEach((judge, way) => {
    const { lines, encrypted } = partsOf(streams[way]!);
    assert.deepEqual(judge.judged, lines, label);
    assert.ok(encrypted.startsWith(judge.encryptedText), label);
  });
}

describe('through the relays', () => {
  test('without loss nothing is ever sent again, whatever the segments', () => {
    for (let seed = 1; seed <= 220; seed++) {
      assert.equal(converse(seed, noFaults, true).retransmissions, 0, `plain, seed ${seed}`);
      const { model, retransmissions } = converse(seed, noFaults);
      // A segment that would grow beyond 536 bytes and what came is cut; its end comes again.
      const isShort = model.ends.every(({ received }) => received.length <= 536);
      assert.ok(retransmissions <= (isShort ? 0 : 2), `seed ${seed}`);
    }
  });

  test('loss, duplicates, disorder and cut segments', (t) => {
    const faults = { loss: 8, duplicate: 5, reorder: 10, cut: 10, tamper: 0 };
    let [plain, relayed] = [0, 0];
    for (let seed = 1; seed <= 220; seed++) {
      plain += converse(seed, faults, true).retransmissions;
      relayed += converse(seed, faults).retransmissions;
    }
    t.diagnostic(`${plain} retransmissions without the gateway, ${relayed} with it`);
    assert.ok(relayed < plain * 1.5);
  });

  test('bytes that are other ones when they are sent again reach nobody', () => {
    const faults = { loss: 12, duplicate: 10, reorder: 10, cut: 10, tamper: 80 };
    for (let seed = 5001; seed <= 5220; seed++) converse(seed, faults);
  });
});
