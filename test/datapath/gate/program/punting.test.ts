/** How packets come to the engine: records in the rings, and the punt pair. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import {
  ConfigWord,
  FlowAction,
  PUNT_RECORD_BYTES,
  PuntFlag,
  ReentryOp,
} from '../../../../src/datapath/gate/layout.ts';
import { buildIcmpv6, buildTcp, buildUdp } from '../../../support/packets.ts';
import { LOOPBACK, MARK, Machine, OUR_MAC, Verdict } from './machine.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const ends = { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 21, dstMac: OUR_MAC };
const wide = { ...ends, src: 'fd00::2', dst: 'fd00::21' };

function takeOver(): void {
  const { src, dst, sport, dport } = ends;
  const reply = buildTcp({ src: dst, dst: src, sport: dport, dport: sport });
  const way = { action: FlowAction.Forward, hop: 1 };
  machine.install({ original: buildTcp(ends), reply, directions: [way, null] });
}

after(() => {
  if (skip === false) machine.close();
});

describe('records', { skip }, () => {
  beforeEach(() => machine.reset());

  test('the smallest that fits is taken; what fits none is dropped', () => {
    const before = machine.counters().oversized!;
    const sizes = [60, 104, 105, 488, 489, 1592, 1593, 3500].map((length) => {
      machine.run('ingress', buildUdp({ ...ends, payload: new Uint8Array(length - 42) }));
      const [record] = machine.records('other');
      assert.equal(record!.frame.length, length);
      assert.deepEqual([record!.ifindex, record!.flags, record!.uid], [LOOPBACK, 0, -1]);
      return record!.recordBytes;
    });
    const [small, middle, frame, jumbo] = PUNT_RECORD_BYTES;
    assert.deepEqual(sizes, [small, small, middle, middle, frame, frame, jumbo, jumbo]);
    assert.equal(machine.counters().oversized, before);
  });

  test('of what this host sends', () => {
    assert.equal(machine.run('egress', buildUdp(ends)).verdict, Verdict.Stolen);
    const [record] = machine.records('other');
    assert.deepEqual([record!.flags, record!.ifindex], [PuntFlag.Output, LOOPBACK]);
    assert.equal(record!.mark, 0);
  });

  test('the mark of its socket; of what came in none', () => {
    const mark = 0xfedc_ba98;
    machine.run('egress', buildUdp(ends), { mark });
    machine.run('ingress', buildUdp(ends), { mark });
    assert.deepEqual(
      machine.records('other').map((record) => record.mark),
      [mark, 0],
    );
  });

  test('a full ring drops, and does not take room of the other one', () => {
    const before = machine.counters().ringFull!;
    const frame = buildUdp({ ...ends, payload: new Uint8Array(1000) });
    let taken = 0;
    while (machine.run('ingress', frame).verdict === Verdict.Stolen) taken++;
    assert.ok(taken > 100);
    assert.equal(machine.run('ingress', frame).verdict, Verdict.Drop);
    assert.equal(machine.counters().ringFull! - before, 2);
    assert.equal(machine.records('known').length, 0);
    takeOver();
    assert.equal(machine.run('ingress', buildTcp({ ...ends, flags: 'F' })).verdict, Verdict.Stolen);
    assert.equal(machine.records('known').length, 1);
    assert.equal(machine.records('other').length, taken);
  });
});

describe('the punt pair', { skip }, () => {
  const macs = (destination: string, source: string) => ({ dstMac: destination, srcMac: source });
  beforeEach(() => machine.reset());

  test('super-frames go there with an instruction, or nowhere', () => {
    const frame = buildTcp({ ...ends, payload: new Uint8Array(2000) });
    assert.equal(machine.run('ingress', frame, { gsoSize: 1000 }).verdict, Verdict.Drop);
    machine.set(ConfigWord.PuntIfindex, 5);
    const inward = machine.run('ingress', frame, { gsoSize: 1000 });
    assert.deepEqual([inward.verdict, inward.mark], [Verdict.Redirect, MARK]);
    assert.deepEqual([...inward.frame.subarray(0, 6)], [2, ReentryOp.Segment, 0, 0, 0, LOOPBACK]);
    const outward = machine.run('egress', frame, { gsoSize: 1000, mark: 0x17 });
    assert.deepEqual([outward.verdict, outward.mark], [Verdict.Redirect, 0x17]);
    assert.deepEqual([...outward.frame.subarray(6, 12)], [7, ReentryOp.Segment, 0, 0, 0, LOOPBACK]);
  });

  test('segments come by the ring of their connection', () => {
    takeOver();
    const inward = macs('02:03:00:00:00:01', '07:03:00:00:00:77');
    const outward = macs('02:03:00:00:00:88', '07:03:00:00:01:02');
    machine.run('segments', buildTcp({ ...ends, ...inward }), { mark: MARK });
    machine.run('segments', buildTcp({ ...ends, ...outward }));
    machine.run('segments', buildTcp({ ...ends, ...outward }), { mark: 0x17 });
    const [known] = machine.records('known');
    assert.deepEqual([known!.flags, known!.ifindex, known!.mark], [PuntFlag.Segment, 1, 0]);
    const others = machine.records('other');
    const own = PuntFlag.Segment | PuntFlag.Output;
    assert.deepEqual(
      others.map(({ flags, ifindex, mark }) => [flags, ifindex, mark]),
      [
        [own, 0x102, 0],
        [own, 0x102, 0x17],
      ],
    );
  });

  test('what the kernel itself sends there is dropped', () => {
    const inward = macs('02:03:00:00:00:01', '06:03:00:00:00:77');
    const solicitation = buildIcmpv6({ ...wide, type: 133, ttl: 255, dstMac: '33:33:00:00:00:02' });
    const before = machine.counters();
    assert.equal(machine.run('segments', buildTcp({ ...ends, ...inward })).verdict, Verdict.Drop);
    for (const program of ['segments', 'reentry'] as const) {
      assert.equal(machine.run(program, solicitation).verdict, Verdict.Drop);
    }
    assert.deepEqual(machine.counters(), before);
  });

  test('forward by a hop, and up', () => {
    machine.hop(300, { flags: 1 });
    const out = macs('02:01:00:00:00:00', '02:00:00:00:01:2c');
    const left = machine.run('reentry', buildTcp({ ...ends, ...out }));
    assert.deepEqual([left.verdict, left.mark], [Verdict.Redirect, MARK]);
    machine.hop(301);
    const unmanaged = macs('02:01:00:00:00:00', '02:00:00:00:01:2d');
    for (const [before, mark] of [
      [MARK, 0],
      [0x17, 0x17],
    ]) {
      const run = machine.run('reentry', buildTcp({ ...ends, ...unmanaged }), { mark: before! });
      assert.deepEqual([run.verdict, run.mark], [Verdict.Redirect, mark]);
    }
    const up = macs('02:02:00:00:00:09', '02:aa:bb:cc:dd:ee');
    const raised = machine.run('reentry', buildTcp({ ...wide, ...up }));
    assert.deepEqual([raised.verdict, raised.mark], [Verdict.Redirect, MARK]);
    assert.deepEqual([...raised.frame.subarray(0, 6)], [2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee]);
    assert.deepEqual([...raised.frame.subarray(6)], [...buildTcp({ ...wide, ...up }).subarray(6)]);
  });

  test('up by lo: with the mark of the packet, and without that of the gate', () => {
    const up = macs('02:02:00:00:00:01', '00:00:00:00:00:00');
    for (const [before, mark] of [
      [MARK, 0],
      [0x17, 0x17],
    ]) {
      const run = machine.run('reentry', buildTcp({ ...ends, ...up }), { mark: before! });
      assert.deepEqual([run.verdict, run.mark], [Verdict.Redirect, mark]);
    }
  });

  test('instructions that mean nothing are dropped and counted', () => {
    const before = machine.counters().badInstruction!;
    const bad = [
      macs('02:03:00:00:00:01', '02:00:00:00:00:01'),
      macs('02:00:00:00:00:01', '02:00:00:00:00:01'),
      macs('02:01:00:00:00:00', '02:00:00:00:10:00'),
      macs('02:01:00:00:00:00', '06:00:00:00:00:01'),
    ];
    for (const mac of bad) {
      assert.equal(machine.run('reentry', buildTcp({ ...ends, ...mac })).verdict, Verdict.Drop);
    }
    assert.equal(machine.counters().badInstruction! - before, bad.length);
  });
});
