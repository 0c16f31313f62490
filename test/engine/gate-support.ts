/** A gate that forwards nothing: it records what it is offered, and tests say what has passed. */
import assert from 'node:assert/strict';
import { CARRIED_WORDS, type DirectionCode, Spoke } from '../../src/conntrack/index.ts';
import { type FlowGate, type FlowOffer, GateAction } from '../../src/engine/index.ts';
import { type GatewayOptions, makeGateway, type TestGateway } from '../support/gateway.ts';

export type Offered = Omit<FlowOffer, 'original' | 'reply' | 'sides'> & {
  readonly sides: Int32Array;
};

/** What stays known of a connection, whatever the last segment was. */
const CLOSING = ~(Spoke.Reply | Spoke.NoneSince | Spoke.Fin);

/** One connection in the gate. */
class Held {
  readonly directions: (Offered | null)[] = [null, null];
  /** Packets, bytes and time of the last one, by direction; not yet settled. */
  readonly counted = [
    [0, 0, 0],
    [0, 0, 0],
  ];
  sides = new Int32Array(CARRIED_WORDS);
  /** By direction, of the last acknowledgement that passed. */
  readonly stamps = [0, 0];
  /** As `readSides` returns it. */
  spoke: number = Spoke.NoneSince;

  /** The last segment passes, behind all that its side has sent before. */
  set spokeLast(direction: number) {
    this.spoke = (this.spoke & CLOSING) | direction;
    this.sides[8] = this.sides[4 * direction]!;
  }

  close(bits: number): void {
    this.spoke |= bits;
  }
}

export class FakeGate implements FlowGate {
  readonly offers: Offered[] = [];
  readonly flows = new Map<number, Held>();
  /** What happened, in order: `withdraw 0`, `collect 0`. */
  readonly calls: string[] = [];
  isFull = false;
  private readonly gateway: TestGateway;

  constructor(gateway: TestGateway) {
    this.gateway = gateway;
    gateway.engine.setFlowGate(this);
  }

  install(offer: FlowOffer): boolean {
    const { original: _o, reply: _r, ...rest } = offer;
    const copy = { ...rest, sides: offer.sides.slice() };
    this.offers.push(copy);
    if (this.isFull) return false;
    const held = this.flows.get(offer.row) ?? new Held();
    if (!this.flows.has(offer.row)) held.sides = copy.sides;
    this.flows.set(offer.row, held);
    held.directions[offer.direction] = copy;
    return true;
  }

  collect(row: number): void {
    this.calls.push(`collect ${row}`);
    this.settle(row);
  }

  readSides(row: number, into: Int32Array): number {
    const held = this.flows.get(row);
    if (held === undefined) return -1;
    into.set(held.sides);
    return held.spoke;
  }

  stampOf(row: number, direction: DirectionCode): number {
    return this.flows.get(row)?.stamps[direction] ?? 0;
  }

  writeSides(row: number, before: Int32Array, after: Int32Array): void {
    const held = this.flows.get(row);
    assert.ok(held);
    for (let i = 0; i < CARRIED_WORDS; i++) {
      if (held.sides[i] === before[i]) held.sides[i] = after[i]!;
    }
    held.spoke |= Spoke.NoneSince;
  }

  noteFin(row: number, direction: DirectionCode): boolean {
    const held = this.flows.get(row);
    if (!held?.directions.every((offer) => offer?.closes)) return false;
    held.close(Spoke.FinWait | (direction === 0 ? Spoke.ClosedByOriginal : Spoke.ClosedByReply));
    return true;
  }

  withdraw(row: number): void {
    if (!this.flows.has(row)) return;
    this.calls.push(`withdraw ${row}`);
    this.settle(row);
    this.flows.delete(row);
  }

  collectAll(): void {
    for (const row of this.flows.keys()) this.collect(row);
  }

  withdrawAll(): void {
    for (const row of [...this.flows.keys()]) this.withdraw(row);
  }

  /** Packets pass through the gate, now. */
  pass(row: number, direction: DirectionCode, packets: number, bytes: number): void {
    const held = this.flows.get(row);
    assert.ok(held?.directions[direction], 'the direction is in the gate');
    const counted = held.counted[direction]!;
    counted[0]! += packets;
    counted[1]! += bytes;
    counted[2] = this.gateway.clock.ms;
  }

  /** TCP data of one side passes, and is acknowledged. */
  passData(row: number, from: DirectionCode, bytes: number): void {
    const held = this.flows.get(row)!;
    const packets = Math.ceil(bytes / 1448);
    this.pass(row, from, packets, bytes + packets * 40);
    const [mine, theirs] = from === 0 ? [0, 4] : [4, 0];
    held.sides[mine]! += bytes;
    held.sides[mine + 1]! += bytes;
    held.sides[theirs + 3]! += bytes;
    // The acknowledgement of all of it.
    held.spokeLast = 1 - from;
  }

  /** A FIN of one side passes, behind all that it has sent. */
  passFin(row: number, from: DirectionCode): void {
    const held = this.flows.get(row)!;
    assert.ok(held.directions[from]?.closes, 'FINs of this direction pass');
    this.pass(row, from, 1, 40);
    held.sides[4 * from]! += 1;
    const isFirst = (held.spoke & Spoke.FinWait) === 0;
    const by = from === 0 ? Spoke.ClosedByOriginal : Spoke.ClosedByReply;
    held.close(isFirst ? Spoke.FinWait | by : Spoke.LastAck);
    held.spokeLast = from;
    held.close(Spoke.Fin);
  }

  /** One side acknowledges all that the other one has sent, and its FIN. */
  passAck(row: number, from: DirectionCode): void {
    const held = this.flows.get(row)!;
    this.pass(row, from, 1, 40);
    held.sides[4 * from + 3] = held.sides[4 * (1 - from)]!;
    if (held.spoke & Spoke.LastAck) held.close(Spoke.TimeWait);
    else if (held.spoke & Spoke.FinWait) held.close(Spoke.CloseWait);
    held.spokeLast = from;
  }

  /** What the directions of a connection are in the gate for: `forward known`, `- local`. */
  actions(row: number): string {
    const names = Object.keys(GateAction).map((name) => name.toLowerCase());
    const { directions } = this.flows.get(row) ?? { directions: [null, null] };
    return directions.map((d) => (d === null ? '-' : names[d.action - 1])).join(' ');
  }

  private settle(row: number): void {
    const held = this.flows.get(row);
    if (held === undefined) return;
    for (const direction of [0, 1] as const) {
      const [packets, bytes, seenMs] = held.counted[direction]! as [number, number, number];
      const offer = held.directions[direction];
      if (packets === 0 || !offer) continue;
      held.counted[direction] = [0, 0, 0];
      this.gateway.engine.ledger.settle(row, direction, offer.path, packets, bytes, seenMs);
    }
  }
}

export interface Gated {
  readonly gateway: TestGateway;
  readonly gate: FakeGate;
}

export function makeGated(options: GatewayOptions = {}): Gated {
  const gateway = makeGateway(options);
  return { gateway, gate: new FakeGate(gateway) };
}
