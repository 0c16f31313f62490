/** What is met on `lo`: only what the engine has asked for comes to it. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import { ConfigWord, PuntFlag } from '../../../../src/datapath/gate/layout.ts';
import { LoopbackWatch } from '../../../../src/datapath/gate/loopback-watch.ts';
import { buildTcp, buildUdp } from '../../../support/packets.ts';
import { LOOPBACK, Machine, tupleOf, Verdict } from './machine.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const ends = { src: '127.0.0.1', dst: '203.0.113.1', sport: 4311, dport: 40_000 };
const wide = { ...ends, src: '::1', dst: '2001:db8::1' };

after(() => {
  if (skip === false) machine.close();
});

describe('lo', { skip }, () => {
  beforeEach(() => machine.reset());
  const fate = (frame: Uint8Array): number => machine.run('loopback', frame).verdict;

  for (const given of [ends, wide]) {
    test(`an answer that is watched for, and nothing else: ${given.src}`, () => {
      const watch = new LoopbackWatch(machine.bpf, machine.maps);
      const frame = buildTcp(given);
      assert.equal(fate(frame), Verdict.Pass);
      assert.ok(watch.watch(tupleOf(frame)));
      assert.equal(machine.maps.config.words[ConfigWord.Watched], 1);
      for (const flags of ['SA', 'R', 'FA']) {
        assert.equal(fate(buildTcp({ ...given, flags })), Verdict.Stolen);
        const [record] = machine.records('known');
        assert.deepEqual([record!.flags, record!.ifindex], [PuntFlag.Output, LOOPBACK]);
      }
      assert.equal(fate(buildTcp({ ...given, sport: 4312 })), Verdict.Pass);
      assert.equal(fate(buildTcp({ ...given, dport: 40_001 })), Verdict.Pass);
      assert.equal(fate(buildUdp(given)), Verdict.Pass);
      assert.equal(fate(buildTcp({ ...given, src: given.dst, dst: given.src })), Verdict.Pass);
      watch.forget(tupleOf(frame));
      watch.forget(tupleOf(frame));
      assert.equal(machine.maps.config.words[ConfigWord.Watched], 0);
      assert.equal(fate(frame), Verdict.Pass);
      assert.deepEqual([machine.records('known'), machine.records('other')], [[], []]);
    });
  }

  test('without a daemon everything passes', () => {
    const watch = new LoopbackWatch(machine.bpf, machine.maps);
    const frame = buildTcp(ends);
    watch.watch(tupleOf(frame));
    assert.equal(machine.run('entry_loopback', frame).verdict, Verdict.Stolen);
    const slot = Buffer.alloc(4);
    slot.writeInt32LE(2);
    machine.bpf.delete(machine.maps.fds.programs, slot);
    assert.equal(machine.run('entry_loopback', frame).verdict, Verdict.Pass);
  });
});
