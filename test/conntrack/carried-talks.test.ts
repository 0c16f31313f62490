/**
 * A tracker of whose connections most plain segments pass elsewhere, against one that sees all of them:
 * random talks, of which both must think the same. Where they pass is the gate's program in short:
 * src/datapath/gate/bpf/pass.h and window.h.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, Prng } from '../../src/base/index.ts';
import {
  CARRIED_WORDS,
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  defaultConntrackSettings,
  Field,
  type FlowCarrier,
  Spoke,
  Status,
  TcpSideFlag,
  TcpState,
  Tuple,
} from '../../src/conntrack/index.ts';
import { TcpIndex } from '../../src/conntrack/tcp/states.ts';
import { TcpWindow } from '../../src/conntrack/tcp/window.ts';
import { Side, sideAt, TcpWord } from '../../src/conntrack/tcp/words.ts';
import { type Packet, TcpFlag } from '../../src/wire/index.ts';
import { TcpTalk } from '../live/tracking/tcp-talk.ts';
import { loadPacket } from '../support/packets.ts';
import { Bench } from './script.ts';

const TALKS = 120;
const TALK_LENGTH = 120;
const TELLING = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg | TcpFlag.Ack;
const ends = [
  { src: '10.0.1.2', dst: '192.0.2.2', sport: 1000, dport: 2000 },
  { src: '192.0.2.2', dst: '10.0.1.2', sport: 2000, dport: 1000 },
] as const;

/** One connection in the program, as a row of its own. */
interface Held {
  readonly rows: Int32Array;
  readonly window: TcpWindow;
  readonly isOn: [boolean, boolean];
  readonly isChecked: boolean;
  /** `Spoke`: of the last segment, and how far the connection has been closed. */
  spoke: number;
  fins: number;
  /** By direction, not yet settled. */
  readonly packets: [number, number];
}

/** Of a talk, or of all. */
interface Tally {
  segments: number;
  /** Those that passed elsewhere, and the FINs among them. */
  carried: number;
  fins: number;
}

const CLOSING = ~(Spoke.Reply | Spoke.NoneSince | Spoke.Fin);

class Program implements FlowCarrier {
  private readonly held = new Map<number, Held>();
  private readonly clock: Clock;
  private readonly conntrack: Conntrack;
  private readonly tuple = new Tuple();

  constructor({ clock, conntrack }: Bench) {
    this.clock = clock;
    this.conntrack = conntrack;
    conntrack.carried.setCarrier(this);
  }

  collect(row: number): void {
    const packets = this.held.get(row)?.packets ?? [0, 0];
    for (const direction of [Direction.Original, Direction.Reply] as const) {
      this.conntrack.settle(row, direction, packets[direction]!, 0, this.clock.ms);
      packets[direction] = 0;
    }
  }

  readSides(row: number, into: Int32Array): number {
    const held = this.held.get(row);
    if (held === undefined) return -1;
    for (let i = 0; i < 8; i++) into[i] = held.rows[TcpWord.Sides + i]!;
    into[8] = held.rows[TcpWord.LastEnd]!;
    return held.spoke;
  }

  stampOf(): number {
    return 0;
  }

  writeSides(row: number, _before: Int32Array, after: Int32Array): void {
    const held = this.held.get(row)!;
    held.rows.set(after.subarray(0, 8), TcpWord.Sides);
    held.rows[TcpWord.LastEnd] = after[8]!;
    held.spoke |= Spoke.NoneSince;
  }

  noteFin(row: number, direction: DirectionCode): boolean {
    const held = this.held.get(row)!;
    if (!held.isChecked) return false;
    close(held, direction);
    return true;
  }

  withdraw(row: number): void {
    this.collect(row);
    this.held.delete(row);
  }

  withdrawAll(): void {
    this.held.clear();
  }

  /** Takes a direction over with the packet that the tracker has just let through. */
  take(row: number, direction: DirectionCode): void {
    const held = this.held.get(row) ?? this.hold(row);
    const words = new Int32Array(CARRIED_WORDS);
    this.conntrack.carried.copySides(row, words);
    this.held.set(row, held);
    this.writeSides(row, words, words);
    held.isOn[direction] = true;
    this.conntrack.carried.noteCarried(row, direction, false);
  }

  /** Takes both directions over with the SYN/ACK that the tracker has just let through. */
  open(row: number): void {
    this.conntrack.carried.noteUnopened(row);
    this.take(row, Direction.Original);
    this.take(row, Direction.Reply);
  }

  private hold(row: number): Held {
    const { carried, table } = this.conntrack;
    const rows = new Int32Array(64);
    rows[TcpWord.FlagsAndScales] = table.get(row, TcpWord.FlagsAndScales);
    const window = new TcpWindow({ rows } as unknown as ConntrackTable, defaultConntrackSettings());
    return {
      rows,
      window,
      isOn: [false, false],
      isChecked: carried.checksWindows(row),
      spoke: 0,
      fins: 0,
      packets: [0, 0],
    };
  }

  /** What is settled now is what the tracker thinks that saw everything. */
  check(gated: Bench, alone: Bench, row: number, where: string): void {
    const { conntrack } = gated;
    this.tuple.invertFrom(tupleOf(alone, row));
    const here = conntrack.lookup(this.tuple) >> 1;
    this.collect(here);
    assert.equal(story(gated, here), story(alone, row), where);
    conntrack.carried.withdrawOver();
  }

  /** True where the packet passes, and the tracker does not see it. */
  passes(packet: Packet): boolean {
    this.tuple.fromPacket(packet);
    const ref = this.conntrack.lookup(this.tuple);
    const held = this.held.get(ref >> 1);
    const direction = (ref & 1) as DirectionCode;
    if (ref < 0 || held === undefined || !held.isOn[direction]) return false;
    const isFin = held.isChecked && isPlainFin(packet);
    if (!isPlain(packet) && !isFin) return false;
    if (held.rows[sideAt(direction) + Side.MaxWindow] === 0) return false;
    const before = held.rows.slice();
    held.window.reason = 0;
    held.window.check(0, direction, packet, isFin ? TcpIndex.Fin : TcpIndex.Ack);
    if (held.window.reason !== 0 && held.isChecked) {
      held.rows.set(before);
      return false;
    }
    held.spoke = (held.spoke & CLOSING) | direction | (isFin ? Spoke.Fin : 0);
    held.packets[direction]++;
    if (isFin) close(held, direction);
    else if (held.fins === 1) held.spoke |= Spoke.CloseWait;
    else if (held.fins > 1) held.spoke |= Spoke.TimeWait;
    return true;
  }
}

function close(held: Held, direction: DirectionCode): void {
  const by = direction === Direction.Original ? Spoke.ClosedByOriginal : Spoke.ClosedByReply;
  held.spoke |= held.fins === 0 ? Spoke.FinWait | by : Spoke.LastAck;
  held.fins++;
}

const isPlainFin = ({ tcpFlags }: Packet) => (tcpFlags & TELLING) === (TcpFlag.Ack | TcpFlag.Fin);
const isSynAck = ({ tcpFlags, payloadLen }: Packet) =>
  (tcpFlags & TELLING) === (TcpFlag.Ack | TcpFlag.Syn) && payloadLen === 0;
const isPlain = ({ tcpFlags }: Packet) => (tcpFlags & TELLING) === TcpFlag.Ack;

const tuple = new Tuple();

function tupleOf({ table }: Bench, row: number): Tuple {
  table.readTuple(row, Direction.Reply, tuple);
  return tuple;
}

/** State, who closed it, and, where it is closing, how long it lives and how often that was told. */
function story({ conntrack, table, clock }: Bench, row: number): string {
  const state = table.get(row, Field.State);
  const { tcp } = conntrack.trackers;
  const closers = [0, 1].map((d) => tcp.flags(row, d as DirectionCode) & TcpSideFlag.CloseInit);
  const left = state > TcpState.Established ? table.secondsLeft(row, clock) : '';
  return `${state} ${closers.join(' ')} ${left}`;
}

function opinion(bench: Bench, row: number): string {
  if (row < 0) return bench.stateName();
  const { direction } = bench.conntrack;
  return `${bench.stateName()} ${direction} ${bench.table.get(row, Field.State)}`;
}

function compare(seed: number, tally: Tally): void {
  const random = new Prng(Math.imul(seed, 0x9e3779b1));
  const [alone, gated] = [new Bench(), new Bench()];
  const program = new Program(gated);
  let segments = 0;
  for (const { from, frame } of new TcpTalk(random, TALK_LENGTH).messages()) {
    const bytes = frame(ends[from]);
    const where = `seed ${seed}, segment ${++segments}`;
    const row = alone.send(bytes);
    const packet = loadPacket(bytes);
    if (program.passes(packet)) {
      tally.carried++;
      if (isPlainFin(packet)) tally.fins++;
      assert.ok(row >= 0, `${where}: INVALID`);
      if (random.below(2) === 0) program.check(gated, alone, row, where);
      continue;
    }
    const gatedRow = gated.send(bytes);
    assert.equal(opinion(gated, gatedRow), opinion(alone, row), where);
    // As the gate does of itself, every now and then.
    if (gatedRow >= 0 && random.below(8) === 0) gated.conntrack.carried.collect(gatedRow);
    offer(gated, program, gatedRow, loadPacket(bytes), seed % 2 === 0);
  }
  tally.segments += segments;
}

/** As the engine does it, though earlier. */
function offer(
  { conntrack, table }: Bench,
  program: Program,
  row: number,
  packet: Packet,
  opens: boolean,
): void {
  const { carried, direction } = conntrack;
  if (row >= 0 && opens && isSynAck(packet) && carried.mayOpen(row)) program.open(row);
  if (row < 0 || !isPlain(packet) || !table.hasStatus(row, Status.Assured)) return;
  if (!carried.fitsWindows(row, direction, packet) || !carried.mayOffer(row, direction)) return;
  program.take(row, direction);
}

test(`${TALKS} talks: what passes elsewhere changes nothing of what is thought of the rest`, () => {
  const tally = { segments: 0, carried: 0, fins: 0 };
  for (let seed = 1; seed <= TALKS; seed++) compare(seed, tally);
  const { segments, carried, fins } = tally;
  assert.ok(carried > segments / 4, `${carried} of ${segments}`);
  assert.ok(fins > TALKS / 4, `${fins} FINs`);
});
