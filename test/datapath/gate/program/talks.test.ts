/**
 * A tracker of whose connections the program passes what it can, against one that sees every segment:
 * random talks with closings of all kinds, of which both must think the same; and what the program says
 * of a connection that it carries must be what the tracker that saw it all thinks.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Prng } from '../../../../src/base/index.ts';
import { ROW_WORDS } from '../../../../src/conntrack/fields.ts';
import {
  CARRIED_WORDS,
  type DirectionCode,
  Field,
  Spoke,
  Status,
  TcpSideFlag,
} from '../../../../src/conntrack/index.ts';
import { TcpIndex, TcpState } from '../../../../src/conntrack/tcp/states.ts';
import { lastDirection, lastIndex, TcpWord } from '../../../../src/conntrack/tcp/words.ts';
import { initialise, SharedFlows } from '../../../../src/datapath/gate/flows/index.ts';
import { FlowOffers } from '../../../../src/engine/flow-offers.ts';
import { GateAction, type Routes } from '../../../../src/engine/index.ts';
import { type Packet, TcpFlag } from '../../../../src/wire/index.ts';
import { Bench } from '../../../conntrack/script.ts';
import { TcpTalk } from '../../../live/tracking/tcp-talk.ts';
import { loadPacket } from '../../../support/packets.ts';
import { stateOf } from './closing-state.ts';
import { LOOPBACK, MARK, Machine, OUR_MAC, Verdict } from './machine.ts';

const TALKS = 200;
const TALK_LENGTH = 40;
const UNITS = 256;
const TELLING = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg | TcpFlag.Ack;
const CLOSERS = Spoke.ClosedByOriginal | Spoke.ClosedByReply;

const opened = await Machine.open();
const machine = opened as Machine;
const skip = typeof opened === 'string' ? `the gate's program: ${opened}` : false;

const narrow = [
  { src: '10.0.1.2', dst: '192.0.2.2', sport: 1000, dport: 2000, dstMac: OUR_MAC },
  { src: '192.0.2.2', dst: '10.0.1.2', sport: 2000, dport: 1000, dstMac: OUR_MAC },
] as const;
const wide = [
  { src: 'fd00:1::2', dst: '2001:db8::2', sport: 1000, dport: 2000, dstMac: OUR_MAC },
  { src: '2001:db8::2', dst: 'fd00:1::2', sport: 2000, dport: 1000, dstMac: OUR_MAC },
] as const;

/** What was compared. */
interface Tally {
  segments: number;
  passed: number;
  fins: number;
  /** Closing states that a connection came to while it was carried, by `TcpState`. */
  readonly states: Map<number, number>;
}

/** The tracker that sees what the program does not pass, and the program. */
class Gated extends Bench {
  readonly flows: SharedFlows;
  private readonly offers: FlowOffers;
  private readonly sides = new Int32Array(CARRIED_WORDS);

  constructor() {
    super();
    machine.reset();
    const { config, flows, buckets, hops } = machine.maps;
    const memory = {
      config: config.words,
      flows: flows.words,
      buckets: buckets.words,
      hops: hops.words,
    };
    initialise(memory, { seed: 0x1234_5678, mark: MARK, puntIfindex: 0, units: UNITS });
    const { conntrack } = this;
    this.flows = new SharedFlows({
      memory,
      rows: 256,
      ledger: {
        settle: (row, direction, _path, packets, bytes, seenMs) =>
          conntrack.settle(row, direction, packets, bytes, seenMs),
      },
      ifindexOf: () => LOOPBACK,
      isManaged: () => false,
    });
    this.flows.setNow(this.clock.ms);
    conntrack.carried.setCarrier(this.flows);
    this.offers = new FlowOffers(conntrack, {} as Routes);
  }

  /** True where the program passes the frame, and the tracker does not see it. */
  passes(frame: Uint8Array): boolean {
    const { verdict } = machine.run('ingress', frame);
    if (verdict === Verdict.Redirect) return true;
    assert.equal(verdict, Verdict.Stolen);
    const records = [...machine.records('known'), ...machine.records('other')];
    assert.deepEqual(
      records.map((record) => record.frame),
      [frame],
    );
    return false;
  }

  /** `Spoke` bits; -1: not in the gate. */
  spoken(row: number): number {
    return this.flows.readSides(row, this.sides);
  }

  /** As the engine does it, though earlier. */
  offer(row: number, packet: Packet): void {
    const { conntrack, offers, table } = this;
    const { carried } = conntrack;
    const { direction } = conntrack;
    const isPlain = (packet.tcpFlags & TELLING) === TcpFlag.Ack;
    if (row < 0 || !isPlain || !table.hasStatus(row, Status.Assured)) return;
    if (!carried.fitsWindows(row, direction, packet) || !carried.mayOffer(row, direction)) return;
    offers.describe(row);
    offers.offer.closes = offers.offer.checkWindow;
    offers.goesBy(direction, GateAction.Forward, direction, 1 - direction);
    Object.assign(offers.offer, { mtu: 1500, hopFamily: 4, hop0: 0x0a00_0001 });
    assert.ok(this.flows.install(offers.offer));
    carried.noteCarried(row, direction, false);
  }
}

function opinion(bench: Bench, row: number): string {
  if (row < 0) return bench.stateName();
  const { direction } = bench.conntrack;
  return `${bench.stateName()} ${direction} ${remembered(bench, row)}`;
}

/** State, who closed it first, kind and direction of the last segment, and both sides. */
function remembered({ conntrack, table }: Bench, row: number): string {
  const { rows } = table;
  const at = row * ROW_WORDS;
  const closers = [0, 1].map(
    (n) => conntrack.trackers.tcp.flags(row, n as DirectionCode) & TcpSideFlag.CloseInit,
  );
  const sides = rows.subarray(at + TcpWord.Sides, at + TcpWord.Sides + 8);
  const last = `${lastIndex(rows, at)} ${lastDirection(rows, at)}`;
  return `${table.get(row, Field.State)} ${closers} ${last} ${sides}`;
}

/** What the program says of a connection that it carries, against what the other tracker thinks. */
function compareCarried(
  gated: Gated,
  alone: Bench,
  row: number,
  where: string,
  tally: Tally,
): void {
  const spoke = gated.spoken(row);
  assert.ok(spoke >= 0, where);
  const { rows } = alone.table;
  const at = row * ROW_WORDS;
  const state = rows[at + Field.State]!;
  assert.equal(stateOf(spoke), state, where);
  const last = spoke & Spoke.Fin ? TcpIndex.Fin : TcpIndex.Ack;
  assert.deepEqual([last, spoke & Spoke.Reply], [lastIndex(rows, at), lastDirection(rows, at)]);
  const closers = [0, 1].map(
    (n) => alone.conntrack.trackers.tcp.flags(row, n as DirectionCode) & TcpSideFlag.CloseInit,
  );
  const wanted = (closers[0] ? Spoke.ClosedByOriginal : 0) | (closers[1] ? Spoke.ClosedByReply : 0);
  assert.equal(spoke & CLOSERS, wanted, where);
  tally.states.set(state, (tally.states.get(state) ?? 0) + 1);
}

function compare(seed: number, tally: Tally): void {
  const random = new Prng(Math.imul(seed, 0x9e3779b1));
  const ends = seed % 4 === 3 ? wide : narrow;
  const [alone, gated] = [new Bench(), new Gated()];
  let n = 0;
  for (const { from, frame } of new TcpTalk(random, TALK_LENGTH).messages()) {
    const bytes = frame(ends[from]);
    const packet = loadPacket(bytes);
    const where = `seed ${seed}, segment ${++n}`;
    const row = alone.send(bytes);
    tally.segments++;
    if (gated.passes(bytes)) {
      tally.passed++;
      if (packet.tcpFlags & TcpFlag.Fin) tally.fins++;
      assert.ok(row >= 0, `${where}: INVALID`);
      compareCarried(gated, alone, row, where, tally);
      // As the daemon does of itself, every now and then.
      if (random.below(4) !== 0) continue;
      gated.conntrack.carried.collect(row);
      assert.equal(remembered(gated, row), remembered(alone, row), where);
      gated.conntrack.sweep(1);
      continue;
    }
    const gatedRow = gated.send(bytes);
    assert.equal(opinion(gated, gatedRow), opinion(alone, row), where);
    gated.offer(gatedRow, packet);
  }
}

after(() => {
  if (skip === false) machine.close();
});

test(`${TALKS} talks: what passes changes nothing of what is thought of the rest`, {
  skip,
}, (t) => {
  const tally: Tally = { segments: 0, passed: 0, fins: 0, states: new Map() };
  for (let seed = 1; seed <= TALKS; seed++) compare(seed, tally);
  const { segments, passed, fins, states } = tally;
  const { FinWait, CloseWait, LastAck, TimeWait } = TcpState;
  const seen = [FinWait, CloseWait, LastAck, TimeWait].map((state) => states.get(state) ?? 0);
  t.diagnostic(`${segments} segments, ${passed} passed, ${fins} FINs; closing states: ${seen}`);
  assert.ok(passed > segments / 4 && fins > TALKS / 8, `${passed} of ${segments}, ${fins} FINs`);
  assert.ok(
    seen.every((times) => times > 5),
    `${seen}`,
  );
});
