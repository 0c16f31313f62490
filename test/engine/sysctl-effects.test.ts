/** A setting changed while packets pass holds from the next packet on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sysctlsOfTracker, writeSysctls } from '../../src/conntrack/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { fragmentOf } from './fragment-support.ts';

const there = { src: '192.168.1.10', dst: '198.51.100.9' };
const back = { src: there.dst, dst: there.src };

function set(gateway: TestGateway, name: string, value: string): void {
  const { settings, tracking } = gateway.engine;
  const subject = sysctlsOfTracker(tracking.conntrack, settings.fragments);
  writeSysctls(subject, [{ name: `nf_conntrack_${name}`, value }]);
}

function udp(gateway: TestGateway, sport: number) {
  return gateway.inject('lan', buildUdp({ ...there, sport, dport: 53 }));
}

function secondsLeft(gateway: TestGateway, row = 0): number {
  return gateway.engine.tracking.conntrack.table.secondsLeft(row, gateway.clock);
}

test('a timeout: of the next packet, not of what lies there', () => {
  const gateway = makeGateway();
  udp(gateway, 1);
  set(gateway, 'udp_timeout', '7');
  assert.equal(secondsLeft(gateway), 30);
  udp(gateway, 1);
  assert.equal(secondsLeft(gateway), 7);
  gateway.now(7);
  assert.equal(gateway.connections, 0);
});

test('a timeout of a TCP state', () => {
  const gateway = makeGateway();
  const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
  set(gateway, 'tcp_timeout_established', '600');
  gateway.inject('lan', session.client.segment());
  assert.equal(secondsLeft(gateway), 600);
});

test('max: lowered below what is there, one goes for each that comes; nobody else is ended', () => {
  const gateway = makeGateway();
  set(gateway, 'buckets', '512');
  for (let sport = 1; sport <= 8; sport++) udp(gateway, sport);
  set(gateway, 'max', '4');
  assert.equal(gateway.connections, 8);
  for (let sport = 100; sport < 400; sport++) udp(gateway, sport);
  assert.ok(gateway.connections <= 8);
  set(gateway, 'max', '1000');
  for (let sport = 1000; sport < 1100; sport++) assert.equal(udp(gateway, sport).reason, '');
});

test('frag6_timeout', () => {
  const gateway = makeGateway();
  const ends = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5, dport: 53 };
  const whole = buildUdp({ ...ends, payload: 'x'.repeat(1500) });
  const { assembly } = gateway.engine;
  const begin = (id: number) =>
    gateway.inject('lan', fragmentOf(whole, { from: 0, to: 1000, more: true }, { id }));
  set(gateway, 'frag6_timeout', '5');
  begin(1);
  gateway.now(4);
  assert.equal(assembly.pending, 1);
  gateway.now(5);
  assert.equal(assembly.pending, 0);
});

test('expect_max: one more is not made', () => {
  const gateway = makeGateway();
  set(gateway, 'expect_max', '1');
  const announce = (port: number) => {
    const session = new TcpSession(gateway, { client: { port } }).connect().greet();
    const payload = `PORT 192,168,1,10,${port >> 8},${port & 255}\r\n`;
    gateway.inject('lan', session.client.segment({ payload }));
  };
  announce(40_001);
  announce(40_002);
  assert.equal(gateway.expectations, 1);
  set(gateway, 'expect_max', '2');
  announce(40_003);
  assert.equal(gateway.expectations, 2);
});

describe('read at each packet', () => {
  const pickedUp = () => buildTcp({ ...there, sport: 5, dport: 80, seq: 9, ack: 9, flags: 'A' });

  function ctState(gateway: TestGateway, frame: Uint8Array, from = 'lan'): number {
    gateway.datapath.inject(from, frame);
    return gateway.engine.flight.ctState;
  }

  test('tcp_loose', () => {
    const gateway = makeGateway();
    set(gateway, 'tcp_loose', '0');
    assert.equal(ctState(gateway, pickedUp()), 1);
    set(gateway, 'tcp_loose', '1');
    assert.equal(ctState(gateway, pickedUp()), 8);
  });

  test('tcp_be_liberal', () => {
    const gateway = makeGateway();
    const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
    const { client } = session;
    const far = client.segment({ seq: (client.next + 10_000_000) >>> 0, payload: 'x' });
    assert.equal(ctState(gateway, far), 1);
    set(gateway, 'tcp_be_liberal', '1');
    assert.equal(ctState(gateway, far), 2);
    set(gateway, 'tcp_be_liberal', '0');
    assert.equal(ctState(gateway, far), 1);
  });

  test('tcp_ignore_invalid_rst', () => {
    const gateway = makeGateway();
    const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
    const { server } = session;
    const old = server.segment({ seq: (server.next - 3000) >>> 0, flags: 'R' });
    assert.equal(ctState(gateway, old, 'wan'), 1);
    set(gateway, 'tcp_ignore_invalid_rst', '1');
    assert.equal(ctState(gateway, old, 'wan'), 2);
  });

  test('checksum', () => {
    const gateway = makeGateway();
    const bad = buildUdp({ ...there, sport: 5, dport: 53, payload: 'x', badChecksum: true });
    assert.equal(ctState(gateway, bad), 1);
    set(gateway, 'checksum', '0');
    assert.equal(ctState(gateway, bad), 8);
    set(gateway, 'checksum', '1');
    assert.equal(ctState(gateway, bad), 1);
  });

  test('acct 0: -m connbytes counts all the same', () => {
    const rules =
      '*filter\n-A FORWARD -m connbytes --connbytes 2 --connbytes-dir both --connbytes-mode packets\nCOMMIT\n';
    const gateway = makeGateway({ rules });
    set(gateway, 'acct', '0');
    udp(gateway, 5);
    gateway.inject('wan', buildUdp({ ...back, sport: 53, dport: 5 }));
    udp(gateway, 5);
    assert.equal(gateway.count('filter', 'FORWARD', 1), 2);
  });
});
