/**
 * The program's windows against the tracker's (src/conntrack/tcp/window.ts), its slow twin: on random
 * segments both must accept the same ones, and keep the same words.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { type ConntrackTable, defaultConntrackSettings } from '../../../../src/conntrack/index.ts';
import { TcpIndex } from '../../../../src/conntrack/tcp/states.ts';
import { Fit, TcpWindow } from '../../../../src/conntrack/tcp/window.ts';
import { Side, SideFlag, TcpWord } from '../../../../src/conntrack/tcp/words.ts';
import { FlowAction, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { buildTcp, loadPacket } from '../../../support/packets.ts';
import { Machine, OUR_MAC, Verdict } from './machine.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

type Random = (below: number) => number;

/** xorshift32: the same sequence on every run. */
function randomFrom(seed: number): Random {
  let x = seed | 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const SIDE_WORDS = 8;
const ends = [
  { src: '10.0.0.2', dst: '203.0.113.21', sport: 40_000, dport: 20 },
  { src: '203.0.113.21', dst: '10.0.0.2', sport: 20, dport: 40_000 },
] as const;
const wideEnds = [
  { src: 'fd00::2', dst: 'fd00::21', sport: 40_000, dport: 20 },
  { src: 'fd00::21', dst: 'fd00::2', sport: 20, dport: 40_000 },
] as const;

/** The tracker's window over a row of its own. */
class Twin {
  readonly rows = new Int32Array(64);
  private readonly window: TcpWindow;

  constructor(
    sides: Int32Array,
    scales: readonly [number, number],
    sack: readonly [boolean, boolean],
    isBelieved: boolean,
  ) {
    const always = SideFlag.AckKnown | (isBelieved ? SideFlag.BeLiberal : 0);
    const flags = sack.map((may) => always | (may ? SideFlag.SackPermitted : 0));
    this.rows.set(sides, TcpWord.Sides);
    this.rows[TcpWord.FlagsAndScales] =
      flags[0]! | (flags[1]! << 8) | (scales[0] << 16) | (scales[1] << 24);
    const table = { rows: this.rows } as unknown as ConntrackTable;
    this.window = new TcpWindow(table, defaultConntrackSettings());
  }

  get sides(): Int32Array {
    return this.rows.slice(TcpWord.Sides, TcpWord.Sides + SIDE_WORDS);
  }

  /** Where the last segment that fitted ended. */
  get lastEnd(): number {
    return this.rows[TcpWord.LastEnd]!;
  }

  /** True where the segment fits without reserve; only then has it learnt anything that counts. */
  accepts(direction: 0 | 1, frame: Uint8Array): boolean {
    // Of such a side nothing is known: it is begun by the engine.
    if (this.sides[direction * 4 + Side.MaxWindow] === 0) return false;
    const before = this.rows.slice();
    if (this.check(direction, frame)) return true;
    this.rows.set(before);
    return false;
  }

  protected check(direction: 0 | 1, frame: Uint8Array): boolean {
    this.window.reason = 0;
    const fit = this.window.check(0, direction, loadPacket(frame), TcpIndex.Ack);
    return fit === Fit.Fits && this.window.reason === 0;
  }
}

/** The same of a connection that was picked up in mid-stream: every segment passes, and teaches. */
class BelievingTwin extends Twin {
  override accepts(direction: 0 | 1, frame: Uint8Array): boolean {
    if (this.sides[direction * 4 + Side.MaxWindow] !== 0) this.check(direction, frame);
    return true;
  }
}

interface Segment {
  readonly direction: 0 | 1;
  readonly frame: Uint8Array;
}

/** Mostly at the bounds, now and then anywhere. */
function near(random: Random, base: number): number {
  const kind = random(16);
  if (kind === 0) return random(2 ** 32) | 0;
  if (kind === 1) return (base + 0x8000_0000 + random(3) - 1) | 0;
  if (kind < 6) return (base + random(5) - 2) | 0;
  if (kind < 9) return (base + random(140_000) - 70_000) | 0;
  return (base + random(3000)) | 0;
}

function segment(
  random: Random,
  sides: Int32Array,
  scales: readonly number[],
  v6: boolean,
): Segment {
  const direction = random(2) as 0 | 1;
  const own = direction * 4;
  const other = (1 - direction) * 4;
  const bases = [Side.End, Side.MaxEnd].map((word) => sides[own + word]!);
  const lowest = sides[own + Side.End]! - sides[other + Side.MaxWindow]!;
  const seq = near(random, [...bases, lowest][random(3)]!);
  const back = sides[other + Side.End]! - Math.max(66_000, sides[own + Side.MaxWindow]! >>> 0);
  const ack = near(random, [sides[other + Side.End]!, sides[own + Side.MaxAck]!, back][random(3)]!);
  const length = [0, 0, 1, 100, 1400][random(5)]!;
  const options = tcpOptions(random, sides[other + Side.End]!);
  const frame = buildTcp({
    ...(v6 ? wideEnds : ends)[direction],
    dstMac: OUR_MAC,
    seq,
    ack,
    window: [0, 1, random(65_536), 65_535, 64 >> (scales[direction]! & 3)][random(5)]!,
    flags: random(2) === 0 ? 'A' : 'PA',
    options,
    payload: new Uint8Array(length),
  });
  return { direction, frame };
}

const timestamp = [8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/** SACK alone, behind other options, cut off, of odd lengths; and lists that are no lists. */
function tcpOptions(random: Random, base: number): Uint8Array {
  const blocks = random(4) + 1;
  const edges = Array.from({ length: blocks * 2 }, () => {
    const edge = near(random, base);
    return [edge >>> 24, edge >>> 16, edge >>> 8, edge].map((byte) => byte & 0xff);
  });
  const sack = [5, 2 + blocks * 8, ...edges.flat()];
  const kinds: (() => number[])[] = [
    () => [],
    () => [1, 1, ...timestamp],
    () => [1, 1, ...timestamp, 1, 1, ...sack],
    () => [1, 1, ...sack],
    () => [...sack],
    () => [...timestamp, ...sack],
    () => [2, 4, 5, 180, ...sack],
    () => sack.slice(0, -4),
    () => [0, ...sack],
    () => [5, 2, ...sack],
    () => [5, 9, 0, 0, 0, 0, 0, 0, 0, ...sack],
    () => [5, 42, ...sack.slice(2)],
    () => [254, 1, ...sack],
    () => [...Array.from({ length: random(38) }, () => 1), ...sack],
    () => Array.from({ length: random(41) }, () => (random(4) === 0 ? 5 : random(256))),
    () => Array.from({ length: random(41) }, () => random(12)),
  ];
  return Uint8Array.from(kinds[random(kinds.length)]!().slice(0, 40));
}

function firstSides(random: Random): Int32Array {
  const words = new Int32Array(SIDE_WORDS);
  const starts = [random(2 ** 32), random(2 ** 32)];
  for (const side of [0, 1]) {
    const window = [0, 1, 4000, 65_535, 1_000_000, 2_000_000, 0x7fff_ffff, 0x9000_0000][random(8)]!;
    words[side * 4 + Side.End] = starts[side]!;
    words[side * 4 + Side.MaxEnd] = starts[side]! + [0, 1, 4000, 65_535][random(4)]!;
    words[side * 4 + Side.MaxWindow] = window;
    words[side * 4 + Side.MaxAck] = starts[1 - side]! - random(2);
  }
  return words;
}

/**
 * One connection of up to 40 segments, judged or believed; returns how many were accepted and how many
 * refused.
 */
function compare(seed: number, isBelieved = false): [number, number] {
  const random = randomFrom(seed * 2_654_435_761);
  const v6 = seed % 4 === 3;
  const scales = [random(15), random(15)] as const;
  const sack = [random(4) > 0, random(4) > 0] as const;
  const sides = firstSides(random);
  const twin = new (isBelieved ? BelievingTwin : Twin)(sides, scales, sack, isBelieved);
  const at = take(v6, sides, scales, sack, isBelieved);
  let accepted = 0;
  for (let n = 0; n < 40; n++) {
    const { direction, frame } = segment(random, twin.sides, scales, v6);
    const wanted = twin.accepts(direction, frame);
    const { verdict } = machine.run('ingress', frame);
    const where = `seed ${seed}, segment ${n}`;
    assert.equal(verdict, wanted ? Verdict.Redirect : Verdict.Stolen, where);
    const words = machine.maps.flows.words.slice(
      at + FlowWord.Sides,
      at + FlowWord.Sides + SIDE_WORDS,
    );
    assert.deepEqual(words, twin.sides, where);
    assert.equal(machine.maps.flows.words[at + FlowWord.LastEnd], twin.lastEnd, where);
    if (wanted) accepted++;
  }
  assert.equal(machine.records('known').length, 40 - accepted);
  return [accepted, 40 - accepted];
}

function take(
  v6: boolean,
  sides: Int32Array,
  scales: readonly [number, number],
  sack: readonly [boolean, boolean],
  isBelieved = false,
): number {
  machine.reset();
  machine.hop(1);
  const [original, reply] = v6 ? wideEnds : ends;
  const way = { action: FlowAction.Forward, hop: 1 };
  const refusals = (sack[0] ? 0 : FlowFlag.OriginalNoSack) | (sack[1] ? 0 : FlowFlag.ReplyNoSack);
  return machine.install({
    original: buildTcp(original),
    reply: buildTcp(reply),
    directions: [way, way],
    flags: (isBelieved ? 0 : FlowFlag.CheckWindow) | refusals,
    scales,
    sides,
  });
}

after(() => {
  if (skip === false) machine.close();
});

describe('windows', { skip }, () => {
  test('random segments: the same ones as the tracker, and the same words', () => {
    let accepted = 0;
    let refused = 0;
    const before = machine.counters().outOfWindow!;
    for (let seed = 1; seed <= 400; seed++) {
      const [some, others] = compare(seed);
      accepted += some;
      refused += others;
    }
    // Neither is worth much without the other.
    assert.ok(accepted > 1000 && refused > 1000, `accepted ${accepted}, refused ${refused}`);
    assert.equal(machine.counters().outOfWindow! - before, refused);
  });

  test("random segments without the flag: all pass, and the words are the tracker's", () => {
    const before = machine.counters().outOfWindow!;
    for (let seed = 1; seed <= 400; seed++) compare(seed, true);
    assert.equal(machine.counters().outOfWindow!, before);
  });

  test('a side that nothing is known of is for the engine', () => {
    const sides = Int32Array.of(1000, 2000, 500, 0, 5000, 9000, 0, 1000);
    const at = take(false, sides, [0, 0], [true, true]);
    const frame = buildTcp({ ...ends[1], dstMac: OUR_MAC, seq: 5000, ack: 1000, window: 100 });
    assert.equal(machine.run('ingress', frame).verdict, Verdict.Stolen);
    const words = machine.maps.flows.words.slice(
      at + FlowWord.Sides,
      at + FlowWord.Sides + SIDE_WORDS,
    );
    assert.deepEqual(words, sides);
    assert.equal(machine.records('known').length, 1);
  });

  test('without the flag any segment passes, and only one that fits teaches', () => {
    const sides = Int32Array.of(1000, 2000, 500, 0, 5000, 9000, 500, 1000);
    const at = take(false, sides, [0, 0], [true, true], true);
    const send = (seq: number, ack: number): Int32Array => {
      const frame = buildTcp({ ...ends[0], dstMac: OUR_MAC, seq, ack, window: 100 });
      assert.equal(machine.run('ingress', frame).verdict, Verdict.Redirect);
      return machine.maps.flows.words.slice(at + FlowWord.Sides, at + FlowWord.Sides + SIDE_WORDS);
    };
    const lastEnd = () => machine.maps.flows.words[at + FlowWord.LastEnd];
    assert.deepEqual(send(1_000_000, 77), sides);
    assert.equal(lastEnd(), 0);
    assert.deepEqual(send(1200, 4900), sides.with(Side.End, 1200).with(Side.MaxAck, 4900));
    assert.equal(lastEnd(), 1200);
    // Over its bound by less than the window: it may be acknowledged.
    assert.equal(send(2200, 4900)[Side.End], 2200);
    assert.equal(lastEnd(), 1200);
  });
});
