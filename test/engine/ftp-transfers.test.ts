/** A control connection and its data connections: how long it lives, and what it is told of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CtStateBit,
  Direction,
  defaultConntrackSettings,
  Field,
  TcpState,
} from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import type { FtpMode } from '../../src/helpers/index.ts';
import { ftpWith } from '../support/ftp-options.ts';
import { addressWords, makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { filter, nat, server } from './ftp-rules.ts';

const HOUR = 3600;
const masquerade = nat('-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1') + filter;

/** Established connections live for ten minutes of silence. */
function impatient(mode: FtpMode, rules = filter): TestGateway {
  const conntrack = { ...defaultConntrackSettings(), maximum: 4096 };
  conntrack.timeouts.tcp[TcpState.Established] = 600;
  return makeGateway({ rules, settings: { conntrack, ftp: ftpWith({}, { mode }) } });
}

/** A control connection whose server has just said where it listens. */
function announced(gateway: TestGateway): TcpSession {
  const control = new TcpSession(gateway).connect();
  control.serverSays('220 hello\r\n');
  control.clientSays('PASV\r\n');
  control.serverSays('227 Entering Passive Mode (198,51,100,9,117,48).\r\n');
  return control;
}

/** A control connection and the data connection that its 227 has announced. */
function passive(gateway: TestGateway): { control: TcpSession; data: TcpSession } {
  const control = announced(gateway);
  const ends = { client: { port: 40_001 }, server: { port: 30_000, iss: 7 } };
  const data = new TcpSession(gateway, ends).connect();
  control.clientSays('RETR x\r\n');
  control.serverSays('150 go\r\n');
  return { control, data };
}

/** A block every five minutes, acknowledged, for an hour. */
function transferForAnHour(gateway: TestGateway, data: TcpSession): void {
  for (let sec = 300; sec <= HOUR; sec += 300) {
    gateway.now(sec);
    data.serverSays('x'.repeat(1000));
    data.clientAcks();
  }
}

describe('a transfer of an hour', () => {
  for (const [name, rules] of [
    ['routed', filter],
    ['under source NAT', masquerade],
  ] as const) {
    test(`hardened, ${name}: the control connection is there for what follows`, () => {
      const gateway = impatient('hardened', rules);
      const { control, data } = passive(gateway);
      transferForAnHour(gateway, data);
      assert.deepEqual(gateway.eventTexts('destroy'), []);
      control.serverSays('226 done\r\n');
      assert.equal(gateway.engine.flight.ctState, CtStateBit.Established);
      control.clientSays('QUIT\r\n');
      assert.match(control.server.received, /QUIT\r\n$/);
    });
  }

  test('kernel: the control connection is over after ten minutes', () => {
    const gateway = impatient('kernel');
    const { data } = passive(gateway);
    transferForAnHour(gateway, data);
    assert.deepEqual(gateway.eventTexts('destroy'), ['192.168.1.10:40000>198.51.100.9:21']);
  });

  test('hardened: when the transfer is over, so is the silence that is granted', () => {
    const gateway = impatient('hardened');
    const { data } = passive(gateway);
    transferForAnHour(gateway, data);
    gateway.now(HOUR + 599);
    assert.equal(gateway.connections, 2);
    gateway.now(HOUR + 600);
    assert.equal(gateway.connections, 0);
  });

  test('hardened: one that never says anything goes at its time', () => {
    const gateway = impatient('hardened');
    new TcpSession(gateway).connect();
    gateway.now(600);
    assert.equal(gateway.connections, 0);
  });
});

describe('the bytes of data connections', () => {
  function told(gateway: TestGateway): [number, number][] {
    const ends: [number, number][] = [];
    gateway.engine.tracking.ftp.dataEnded = (row, bytes) => ends.push([row, bytes]);
    return ends;
  }

  test('are told once, when one ends, of both ways', () => {
    const gateway = makeGateway({ rules: filter });
    const ends = told(gateway);
    const { data } = passive(gateway);
    data.serverSays('x'.repeat(1000));
    data.clientAcks();
    const { conntrack } = gateway.engine.tracking;
    const { table } = conntrack;
    const row = gateway.engine.flight.row;
    const master = conntrack.masterOf(row);
    const bytes = table.bytes(row, Direction.Original) + table.bytes(row, Direction.Reply);
    assert.equal(bytes, 5 * 40 + 1000);
    assert.equal(conntrack.livingChildrenBytes(master), bytes);
    conntrack.destroy(row);
    assert.deepEqual(ends, [[master, bytes]]);
    assert.equal(conntrack.livingChildrenBytes(master), 0);
    conntrack.destroy(master);
    assert.equal(ends.length, 1);
  });

  test('are nobody’s where the control connection has ended before', () => {
    const gateway = makeGateway({ rules: filter });
    const ends = told(gateway);
    passive(gateway);
    const { conntrack } = gateway.engine.tracking;
    conntrack.destroy(0);
    conntrack.flush();
    assert.deepEqual(ends, []);
  });

  test('of one that was never let in are none', () => {
    const gateway = makeGateway({ rules: filter.replace('RELATED -m', 'INVALID -m') });
    const ends = told(gateway);
    announced(gateway);
    const syn = { src: '192.168.1.10', dst: server, sport: 40_001, dport: 30_000, flags: 'S' };
    assert.equal(gateway.inject('lan', buildTcp(syn)).outcome, Outcome.Drop);
    assert.equal(gateway.engine.flight.ctState, CtStateBit.Related);
    assert.deepEqual(ends, []);
  });
});

test('a range of ports under destination NAT: each leads to the same one inside', () => {
  const rules =
    nat('-A PREROUTING -i wan -p tcp --dport 21 -j DNAT --to-destination 192.168.1.20') + filter;
  const gateway = makeGateway({ rules });
  new TcpSession(gateway, {
    client: { interfaceName: 'wan', address: server },
    server: { interfaceName: 'lan', address: '192.168.1.20' },
    target: { address: '203.0.113.1', port: 21 },
  }).connect();
  const { conntrack } = gateway.engine.tracking;
  const words = (text: string) => [addressWords(text)[0]!, 0, 0, 0] as const;
  const span = {
    ...{ family: 4, protocol: 6, helper: 1, kind: 0, direction: Direction.Original },
    ...{ src: words(server), dst: words('203.0.113.1'), dport: 30_000, dportLast: 30_099 },
    ...{ masterRow: 0, masterId: conntrack.table.get(0, Field.Id) },
    ...{ savedAddress: words('192.168.1.20'), savedPort: 50_000, followsMasterNat: true },
  };
  conntrack.expectations.add(span, gateway.clock.ms, 3000);
  for (const [dport, inside] of [
    [30_000, 50_000],
    [30_042, 50_042],
    [30_099, 50_099],
  ]) {
    const ends = { src: server, dst: '203.0.113.1', sport: 41_000, dport: dport! };
    const syn = gateway.inject('wan', buildTcp({ ...ends, flags: 'S' }));
    assert.equal(gateway.engine.flight.ctState, CtStateBit.Related);
    assert.deepEqual([syn.seen?.dst, syn.seen?.dport], ['192.168.1.20', inside]);
  }
  assert.equal(gateway.expectations, 1);
  const beyond = { src: server, dst: '203.0.113.1', sport: 41_000, dport: 30_100, flags: 'S' };
  assert.equal(gateway.inject('wan', buildTcp(beyond)).outcome, Outcome.Deliver);
  assert.notEqual(gateway.engine.flight.ctState, CtStateBit.Related);
});
