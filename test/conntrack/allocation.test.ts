import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/base/index.ts';
import {
  Conntrack,
  CtStateBit,
  defaultConntrackSettings,
  Field,
} from '../../src/conntrack/index.ts';
import { type Packet, TcpFlag } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { draft } from './draft.ts';
import { type Ends, ends4, ends6 } from './script.ts';

const LIMIT_BYTES = 0.1;
const PACKETS = 100_000;
const FIRST_PORT = 20_000;

/** Flows between two hosts that differ in the client's port, driven without building frames. */
class Flows {
  readonly clock = new Clock();
  readonly conntrack: Conntrack;
  private readonly forth: Packet;
  private readonly back: Packet;
  private readonly flows: number;

  constructor(ends: Ends, flows: number, build: typeof buildTcp | typeof buildUdp) {
    const settings = { ...defaultConntrackSettings(), maximum: 2048 };
    this.conntrack = new Conntrack(this.clock, settings, 12345);
    this.clock.set(1_000_000, 0);
    this.flows = flows;
    const { src, dst } = ends;
    this.forth = loadPacket(build({ src, dst, sport: FIRST_PORT, dport: 21 }));
    this.back = loadPacket(build({ src: dst, dst: src, sport: 21, dport: FIRST_PORT }));
  }

  establishTcp(): void {
    for (let n = 0; n < this.flows; n++) {
      this.send(this.forth, n, TcpFlag.Syn);
      assert.ok(this.conntrack.confirm(this.conntrack.row));
      this.send(this.back, n, TcpFlag.Syn | TcpFlag.Ack);
      this.send(this.forth, n, TcpFlag.Ack);
    }
  }

  establishUdp(): void {
    for (let n = 0; n < this.flows; n++) {
      this.send(this.forth, n, 0);
      assert.ok(this.conntrack.confirm(this.conntrack.row));
    }
  }

  /** One packet of one of the flows, forth and back in turn, while time goes by. */
  next(n: number): void {
    this.clock.set(1_000_000 + (n >>> 15), n & 0x7fff);
    this.send((n & 1) === 0 ? this.forth : this.back, (n >>> 1) % this.flows, TcpFlag.Ack);
  }

  private send(packet: Packet, flow: number, flags: number): void {
    const port = FIRST_PORT + flow;
    if (packet === this.forth) packet.srcPortOrIcmpId = port;
    else packet.dstPortOrIcmpTypeCode = port;
    packet.tcpFlags = flags;
    this.conntrack.track(packet);
  }
}

function measure(flows: Flows): number {
  let wrong = 0;
  const bytes = bytesPerRound((n) => {
    flows.next(n);
    if (flows.conntrack.state !== CtStateBit.Established) wrong++;
  }, PACKETS);
  // Datagrams: the very first packet sees a connection that nobody has answered yet.
  assert.ok(wrong <= 1000, `${wrong} packets were not ESTABLISHED`);
  return bytes;
}

describe('an established packet allocates nothing', () => {
  for (const [family, ends] of [
    ['IPv4', ends4],
    ['IPv6', ends6],
  ] as const) {
    for (const count of [1, 1000]) {
      test(`TCP over ${family}, flows: ${count}`, () => {
        const flows = new Flows(ends, count, buildTcp);
        flows.establishTcp();
        const bytes = measure(flows);
        assert.ok(bytes < LIMIT_BYTES, `${bytes} bytes a packet`);
        assert.equal(flows.conntrack.table.count, count);
      });
    }
  }

  test('UDP, flows: 1000', () => {
    const flows = new Flows(ends4, 1000, buildUdp);
    flows.establishUdp();
    const bytes = measure(flows);
    assert.ok(bytes < LIMIT_BYTES, `${bytes} bytes a packet`);
  });
});

describe('the sweep of the packet loop', () => {
  test('allocates nothing while connections and announcements stand', () => {
    const flows = new Flows(ends4, 1000, buildTcp);
    flows.establishTcp();
    const { conntrack, clock } = flows;
    const { src: dst, dst: src } = ends4;
    for (let n = 0; n < 100; n++) {
      const master = { row: n, id: conntrack.table.get(n, Field.Id) };
      const announced = draft({ src, dst, dport: 50_000 + n, master });
      conntrack.expectations.add(announced, clock.ms, 300);
    }
    const bytes = bytesPerRound(() => conntrack.sweep(8), 20_000);
    assert.ok(bytes < LIMIT_BYTES, `${bytes} bytes a call`);
    assert.deepEqual([conntrack.table.count, conntrack.expectations.count], [1000, 100]);
  });
});

describe('the measure of allocation', () => {
  test('sees a tracker that would allocate', () => {
    const flows = new Flows(ends4, 1, buildTcp);
    flows.establishTcp();
    const kept: unknown[] = [];
    const bytes = bytesPerRound((n) => {
      flows.next(n);
      kept[n & 1023] = { state: flows.conntrack.state, n };
    }, PACKETS);
    assert.ok(bytes > LIMIT_BYTES, `${bytes} bytes a packet`);
  });
});
