/** The packet path allocates nothing: measured, not promised (docs: fewer than 0.1 bytes a packet). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';

const LIMIT_BYTES = 0.1;
const server = '198.51.100.9';
const gatewayOutside = '203.0.113.1';
const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

interface Traffic {
  readonly frame: Uint8Array;
  readonly interfaceName: string;
}

/** Bytes per packet over frames sent in turn, all of which must be forwarded. */
function measure(gateway: TestGateway, traffic: readonly Traffic[]): number {
  const { engine, datapath, clock } = gateway;
  const { packet } = datapath;
  const frames = traffic.map(({ frame }) => frame);
  const ids = traffic.map(({ interfaceName }) => datapath.interfaces.id(interfaceName));
  let at = 0;
  let refused = 0;
  const perRound = bytesPerRound((n) => {
    packet.loadRange(frames[at]!, 0, frames[at]!.length, LinkType.Ethernet);
    if (engine.process(packet, ids[at]!) !== Outcome.Forward) refused++;
    at = at + 1 === frames.length ? 0 : at + 1;
    // Time moves too, and with it expiry.
    if (n % 1000 === 0) clock.set((n / 100_000) | 0, n % 1000);
    if (n % 100 === 0) engine.sweep(16);
  });
  assert.equal(refused, 0);
  return perRound;
}

test('an established TCP connection under SNAT, both directions', () => {
  const gateway = makeGateway({ rules: masquerade });
  const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
  const perPacket = measure(gateway, [
    { frame: session.client.segment({ payload: 'x'.repeat(100) }), interfaceName: 'lan' },
    { frame: session.server.segment({ payload: 'y'.repeat(1000) }), interfaceName: 'wan' },
  ]);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});

test('UDP under SNAT, both directions', () => {
  const gateway = makeGateway({ rules: masquerade });
  const there = buildUdp({ src: '192.168.1.10', dst: server, sport: 5000, dport: 53 });
  const back = buildUdp({ src: server, dst: gatewayOutside, sport: 53, dport: 5000 });
  gateway.inject('lan', there);
  gateway.inject('wan', back);
  const perPacket = measure(gateway, [
    { frame: there, interfaceName: 'lan' },
    { frame: back, interfaceName: 'wan' },
  ]);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});

test('1,000 connections through some twenty rules, IPv4 and IPv6', () => {
  const strangers = Array.from({ length: 12 }, (_, i) => [
    `-A FORWARD -s 10.${i}.0.0/16 -p tcp --dport ${6000 + i} -j DROP`,
    `-A FORWARD -i dmz+ -p udp -m multiport --dports 1,2,${i + 3} -j DROP`,
  ]).flat();
  const accept = '-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT';
  const opening = ['-A FORWARD -i lan -m state --state NEW -j ACCEPT'];
  const lines = [...strangers.slice(0, 18), accept, ...opening].join('\n');
  const rules = `${masquerade}*filter\n:FORWARD DROP [0:0]\n${lines}\nCOMMIT\n`;
  const rules6 = `*filter\n:FORWARD DROP [0:0]\n${accept}\n${opening.join('\n')}\nCOMMIT\n`;
  const gateway = makeGateway({ rules, rules6 });
  const traffic: Traffic[] = [];
  for (let i = 0; i < 1000; i++) {
    const six = i % 4 === 3;
    const session = new TcpSession(gateway, {
      client: six
        ? { address: `fd00:1::${(16 + i).toString(16)}`, port: 1024 + i }
        : { address: `192.168.1.${10 + (i % 200)}`, port: 20_000 + i },
      server: six ? { address: '2001:db8:9::9', port: 80 } : { port: 80 },
    }).connect();
    traffic.push({ frame: session.client.segment({ payload: 'x' }), interfaceName: 'lan' });
    traffic.push({ frame: session.server.segment({ payload: 'y' }), interfaceName: 'wan' });
  }
  assert.equal(gateway.connections, 1000);
  const perPacket = measure(gateway, traffic);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});

test('packets that are dropped: by policy, as INVALID, as malformed', () => {
  const gateway = makeGateway({
    rules: '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m state --state INVALID -j DROP\nCOMMIT\n',
  });
  const ends = { src: '192.168.1.10', dst: server, sport: 5000, dport: 53 };
  const frames = [
    buildUdp(ends),
    buildTcp({ ...ends, flags: 'SF' }),
    buildUdp({ ...ends, badChecksum: true }),
    buildUdp({ ...ends, badIpChecksum: true }),
  ];
  const { engine, datapath } = gateway;
  const lan = datapath.interfaces.id('lan');
  let at = 0;
  const perPacket = bytesPerRound(() => {
    datapath.packet.loadRange(frames[at]!, 0, frames[at]!.length, LinkType.Ethernet);
    engine.process(datapath.packet, lan);
    at = (at + 1) % frames.length;
  });
  assert.equal(gateway.connections, 0);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});

test('with a gate: known, waiting, refused and handed over', () => {
  const gateway = makeGateway({ rules: masquerade });
  const { engine } = gateway;
  const moved = new Int32Array(9);
  let offers = 0;
  engine.setFlowGate({
    install: ({ row }) => {
      offers++;
      return row !== 1;
    },
    collect: () => {},
    readSides: (_, into) => {
      into.set(moved);
      return 0;
    },
    stampOf: () => 0,
    writeSides: (_row, _before, after) => moved.set(after),
    noteFin: () => false,
    withdraw: (row) => engine.ledger.settle(row, 0, 0, 1, 40, engine.clock.ms),
    withdrawAll: () => {},
    collectAll: () => {},
  });
  const control = new TcpSession(gateway, { server: { port: 21 } }).connect();
  const refused = new TcpSession(gateway, { client: { port: 41_000 }, server: { port: 80 } });
  refused.connect();
  const carried = new TcpSession(gateway, { client: { port: 42_000 }, server: { port: 80 } });
  carried.connect();
  engine.tracking.conntrack.carried.copySides(2, moved);
  const perPacket = measure(
    gateway,
    [control, refused, carried].flatMap(({ client, server: end }) => [
      { frame: client.segment(), interfaceName: 'lan' },
      { frame: end.segment(), interfaceName: 'wan' },
    ]),
  );
  assert.ok(offers > 1000);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});

test('with a gate: handed over both ways again and again, by rehearsals', () => {
  const marks =
    '*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n-A FORWARD -i lan -j MARK --set-mark 1\n' +
    '-A POSTROUTING -o lan -m limit -j LOG\nCOMMIT\n';
  const accept = '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n';
  const rules = `${masquerade}*filter\n${accept}COMMIT\n`;
  // Over IPv4 both ways are steady, over IPv6 the rehearsal ends at a row.
  const gateway = makeGateway({ rules, rules6: marks });
  const { engine } = gateway;
  const { carried } = engine.tracking.conntrack;
  const taken = [0, 0];
  engine.setFlowGate({
    install: ({ original }) => {
      taken[original.family === 4 ? 0 : 1]! += 1;
      return true;
    },
    collect: () => {},
    readSides: () => -1,
    stampOf: () => 0,
    writeSides: () => {},
    noteFin: () => false,
    withdraw: () => {},
    withdrawAll: () => {},
    collectAll: () => {},
  });
  const sessions = ['192.168.1.10', 'fd00:1::10'].map((address, row) => {
    const end = { address: row === 0 ? server : '2001:db8:9::9', port: 80 };
    const session = new TcpSession(gateway, { client: { address }, server: end }).connect();
    engine.tracking.conntrack.table.addStatus(row, Status.Expected);
    for (let n = 0; n < 5; n++) session.clientAcks();
    return session;
  });
  const { datapath } = gateway;
  const lan = datapath.interfaces.id('lan');
  const frames = sessions.map(({ client }) => client.segment());
  const before = [...taken];
  let refused = 0;
  const perPacket = bytesPerRound((n) => {
    const frame = frames[n & 1]!;
    carried.withdraw(n & 1);
    datapath.packet.loadRange(frame, 0, frame.length, LinkType.Ethernet);
    if (engine.process(datapath.packet, lan) !== Outcome.Forward) refused++;
  });
  assert.equal(refused, 0);
  const [both = 0, one = 0] = taken.map((count, i) => count - before[i]!);
  assert.ok(one > 1000 && both === 2 * one, `${both} and ${one}`);
  assert.ok(perPacket < LIMIT_BYTES, `${perPacket} bytes per packet`);
});
