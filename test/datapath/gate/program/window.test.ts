/**
 * The program's windows against the tracker's (src/conntrack/tcp/window.ts), its slow twin: on random
 * segments, FINs among them, both must accept the same ones, and keep the same words; and how far the
 * connection is closed must be what the tracker's table of states says.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import {
  type ConntrackTable,
  defaultConntrackSettings,
  Spoke,
} from '../../../../src/conntrack/index.ts';
import { TcpIndex, TcpState, tcpTransition } from '../../../../src/conntrack/tcp/states.ts';
import { Fit, TcpWindow } from '../../../../src/conntrack/tcp/window.ts';
import { Side, SideFlag, TcpWord } from '../../../../src/conntrack/tcp/words.ts';
import { spokeOf } from '../../../../src/datapath/gate/flows/sides.ts';
import { FlowAction, FlowFlag, FlowWord } from '../../../../src/datapath/gate/layout.ts';
import { buildTcp, loadPacket } from '../../../support/packets.ts';
import { stateOf } from './closing-state.ts';
import { Machine, OUR_MAC, Verdict } from './machine.ts';
import {
  ends,
  firstSides,
  randomFrom,
  type Segment,
  SIDE_WORDS,
  segment,
  wideEnds,
} from './window-segments.ts';

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

/** The tracker's window over a row of its own, and its state. */
class Twin {
  readonly rows = new Int32Array(64);
  state: number = TcpState.Established;
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
  accepts({ direction, frame, isFin }: Segment): boolean {
    // Of such a side nothing is known: it is begun by the engine.
    if (this.sides[direction * 4 + Side.MaxWindow] === 0) return false;
    const before = this.rows.slice();
    const index = isFin ? TcpIndex.Fin : TcpIndex.Ack;
    if (!this.check(direction, frame, index)) {
      this.rows.set(before);
      return false;
    }
    this.state = tcpTransition(direction, index, this.state);
    return true;
  }

  protected check(direction: 0 | 1, frame: Uint8Array, index: number): boolean {
    const packet = loadPacket(frame);
    this.window.reason = 0;
    const fit = this.window.check(0, direction, packet, index);
    const fits = fit === Fit.Fits && this.window.reason === 0;
    // The tracker remembers it of acknowledgements only; nobody asks for it once there was a FIN.
    if (fits && index === TcpIndex.Fin) {
      this.rows[TcpWord.LastEnd] = packet.seq + packet.payloadLen + 1;
    }
    return fits;
  }
}

/** The same of a connection that was picked up in mid-stream: all but FINs pass, and teach. */
class BelievingTwin extends Twin {
  override accepts({ direction, frame, isFin }: Segment): boolean {
    if (isFin) return false;
    const isKnown = this.sides[direction * 4 + Side.MaxWindow] !== 0;
    if (isKnown) this.check(direction, frame, TcpIndex.Ack);
    return true;
  }
}

/**
 * One connection of up to 40 segments, judged or believed; returns how many were accepted and how many
 * refused by their windows.
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
  let kept = 0;
  for (let n = 0; n < 40; n++) {
    const next = segment(random, twin.sides, scales, v6);
    const wanted = twin.accepts(next);
    const { verdict } = machine.run('ingress', next.frame);
    const where = `seed ${seed}, segment ${n}`;
    assert.equal(verdict, wanted ? Verdict.Redirect : Verdict.Stolen, where);
    const words = machine.maps.flows.words.slice(
      at + FlowWord.Sides,
      at + FlowWord.Sides + SIDE_WORDS,
    );
    assert.deepEqual(words, twin.sides, where);
    assert.equal(machine.maps.flows.words[at + FlowWord.LastEnd], twin.lastEnd, where);
    const spoke = spokeOf(machine.maps.flows.words, at);
    assert.equal(stateOf(spoke), twin.state, where);
    if (wanted) {
      accepted++;
      const { direction, isFin } = next;
      assert.equal(spoke & (Spoke.Reply | Spoke.Fin), direction | (isFin ? Spoke.Fin : 0), where);
    } else if (isBelieved) kept++;
  }
  assert.equal(machine.records('known').length, 40 - accepted);
  return [accepted, 40 - accepted - kept];
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
  const way = { action: FlowAction.Forward, hop: 1, closes: true };
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
  test('random segments: the same ones as the tracker, the same words, the same state', () => {
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

  test("random segments without the flag: all but FINs pass, and the words are the tracker's", () => {
    const before = machine.counters().outOfWindow!;
    for (let seed = 1; seed <= 400; seed++) assert.equal(compare(seed, true)[1], 0);
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
