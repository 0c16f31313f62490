/** Twin gateways: one hands over directions unseen, the other with packets of their own only. */
import assert from 'node:assert/strict';
import { type DirectionCode, Status } from '../../src/conntrack/index.ts';
import { type FlowOffer, Outcome } from '../../src/engine/index.ts';
import { type GatewayOptions, makeGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { FakeGate, type Gated, makeGated, type Offered } from './gate-support.ts';

/** Takes a direction only with a packet of its own: what is offered along with it is refused. */
class OneByOneGate extends FakeGate {
  inHand: DirectionCode = 0;
  override install(offer: FlowOffer): boolean {
    return offer.direction === this.inHand && super.install(offer);
  }
}

export interface OneByOne extends Gated {
  readonly gate: OneByOneGate;
}

export function makeOneByOne(options: GatewayOptions): OneByOne {
  const gateway = makeGateway(options);
  return { gateway, gate: new OneByOneGate(gateway) };
}

/** All counters of rules and policies that are not 0, by place. */
export function countersOf({ gateway }: Gated): Map<string, string> {
  const { rules } = gateway.engine;
  const found = new Map<string, string>();
  for (const table of rules.ruleSet.allTables()) {
    for (const chain of table.chains.values()) {
      [chain, ...chain.rules].forEach((place, i) => {
        const { packets, bytes } = rules.countersOf(place);
        const name = `IPv${table.family} ${table.name} ${chain.name} ${i}`;
        if (packets > 0) found.set(name, `${packets}:${bytes}`);
      });
    }
  }
  return found;
}

/** Which rules count packets of an offer, and how many. */
function countedBy(gated: Gated, { row, direction, path }: Offered): string[] {
  const { engine, clock } = gated.gateway;
  const before = countersOf(gated);
  const { forwarded, rewritten } = engine.counters;
  engine.ledger.settle(row, direction, path, 100, 10_000, clock.ms);
  const { counters } = engine;
  const changed = [...countersOf(gated)].filter(([name, value]) => before.get(name) !== value);
  const amounts = changed.map(([name, value]) => {
    const [packets = 0, bytes = 0] = value.split(':').map(Number);
    const [had = 0, hadBytes = 0] = (before.get(name) ?? '0:0').split(':').map(Number);
    return `${name} ${packets - had} ${bytes - hadBytes}`;
  });
  return [`${counters.forwarded - forwarded} ${counters.rewritten - rewritten}`, ...amounts];
}

/** All that an offer says but for the numbers of its bytes, which moved on between two offers. */
function wayOf(gated: Gated, offer: Offered): unknown {
  const { sides: _sides, path: _path, ...rest } = offer;
  return { ...rest, counted: countedBy(gated, offer) };
}

export const held = ({ gate }: Gated, direction: DirectionCode, row = 0) =>
  gate.flows.get(row)?.directions[direction] ?? null;

export interface Ends {
  readonly inIf: string;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** A connection through a gateway, by frames: the answers go to whoever the SYN seemed to come from. */
export class Talk {
  readonly gated: Gated;
  private readonly ends: Ends;
  private back: Ends;

  private readonly answersBy: string;

  /** `answersBy`: where the answers come in; by default where the SYN has left. */
  constructor(gated: Gated, ends: Ends, answersBy = '') {
    this.gated = gated;
    this.ends = ends;
    this.answersBy = answersBy;
    this.back = ends;
  }

  /**
   * False where the rules or routes do not let it come about. `isAnnounced`: it is one that a helper has
   * announced from its SYN on, and not only when its handshake is over.
   */
  open(isAnnounced = false): boolean {
    const { gateway } = this.gated;
    const syn = gateway.inject(this.ends.inIf, buildTcp({ ...this.ends, flags: 'S', seq: 100 }));
    if (syn.outcome !== Outcome.Forward || syn.seen === null) return false;
    if (isAnnounced) this.announce();
    const { src, dst, sport, dport } = syn.seen;
    const inIf = this.answersBy || syn.interfaceName;
    this.back = { inIf, src: dst, dst: src, sport: dport, dport: sport };
    const answer = { ...this.back, flags: 'SA', seq: 900, ack: 101 };
    if (gateway.inject(this.back.inIf, buildTcp(answer)).outcome !== Outcome.Forward) return false;
    if (!this.acks(0, 1)) return false;
    this.announce();
    return true;
  }

  /** Of these directions are offered unseen. */
  private announce(): void {
    const { flight, tracking } = this.gated.gateway.engine;
    tracking.conntrack.table.addStatus(flight.row, Status.Expected);
  }

  /** Plain segments of one direction; false where one does not pass. */
  acks(direction: DirectionCode, count: number, more = {}): boolean {
    const { gate, gateway } = this.gated;
    if (gate instanceof OneByOneGate) gate.inHand = direction;
    const ends = direction === 0 ? this.ends : this.back;
    const numbers = direction === 0 ? { seq: 101, ack: 901 } : { seq: 901, ack: 101 };
    let pass = true;
    for (let n = 0; n < count; n++) {
      const left = gateway.inject(
        ends.inIf,
        buildTcp({ ...ends, ...numbers, flags: 'A', ...more }),
      );
      pass &&= left.outcome === Outcome.Forward;
    }
    return pass;
  }

  /** As many packets as both gates need, so that each has been offered what it will ever be. */
  goOn(first: DirectionCode): void {
    const second = first === 0 ? 1 : 0;
    this.acks(first, 10, { tos: 8 });
    this.acks(second, 10, { ttl: 9 });
    this.acks(first, 10);
    this.acks(second, 10, { payload: 'abc', flags: 'PA' });
  }
}

/** The same connection through two gateways, of which one is not offered what no packet came of. */
export function twins(
  options: GatewayOptions,
  ends: Ends,
  first: DirectionCode = 0,
): [Gated, OneByOne] {
  const [quick, slow] = [makeGated(options), makeOneByOne(options)];
  for (const gated of [quick, slow]) {
    const talk = new Talk(gated, ends);
    assert.ok(talk.open());
    talk.goOn(first);
  }
  return [quick, slow];
}

export function assertSameOffers(quick: Gated, slow: Gated, name?: string, row = 0): void {
  for (const direction of [0, 1] as const) {
    const [found, wanted] = [held(quick, direction, row), held(slow, direction, row)];
    if (wanted === null) assert.equal(found, null, name);
    else {
      assert.ok(found, `${name}: direction ${direction}`);
      assert.deepEqual(wayOf(quick, found), wayOf(slow, wanted), name);
    }
  }
}
