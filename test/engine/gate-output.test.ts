/** What this host sends, fully enforced: OUTPUT and what it may do to the way of a packet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Field, type Tuple } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { type GatewayOptions, LAN_AND_WAN, makeGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { server } from './ftp-rules.ts';
import { makeGated } from './gate-support.ts';

const own = '203.0.113.1';
const interfaces = { lo: ['127.0.0.1/8', '::1/128'], ...LAN_AND_WAN };

function gatewayWith(options: GatewayOptions) {
  return makeGateway({ interfaces, ...options });
}

test('its owner is known to rules, and forgotten with the next packet', () => {
  const rules = '*filter\n-A OUTPUT -m owner --uid-owner 33 -j DROP\nCOMMIT\n';
  const { datapath, engine } = gatewayWith({ rules });
  const wan = datapath.interfaces.id('wan');
  engine.context.socketGid = 100;
  const send = (uid?: number) => {
    const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
    datapath.packet.load(frame, LinkType.Ethernet);
    return engine.processOutput(datapath.packet, wan, uid);
  };
  assert.equal(send(33), Outcome.Drop);
  assert.equal(send(34), Outcome.Forward);
  assert.equal(send(), Outcome.Forward);
  assert.equal(engine.context.socketUid, -1);
});

describe('the mark of its socket', () => {
  const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
  const sender = (rules: string) => {
    const gated = makeGated({ rules, interfaces });
    const { datapath, engine } = gated.gateway;
    const wan = datapath.interfaces.id('wan');
    const send = (mark?: number, uid = -1) => {
      datapath.packet.load(frame, LinkType.Ethernet);
      return engine.processOutput(datapath.packet, wan, uid, mark);
    };
    return { ...gated, engine, send };
  };

  test('is seen by rules, saved by CONNMARK, and forgotten with the next packet', () => {
    const rules =
      '*mangle\n-A OUTPUT -j CONNMARK --save-mark\nCOMMIT\n' +
      '*filter\n:OUTPUT DROP [0:0]\n-A OUTPUT -m mark --mark 0xfe000017 -j ACCEPT\nCOMMIT\n';
    const { engine, gateway, send } = sender(rules);
    assert.equal(send(0xfe00_0017 | 0), Outcome.Forward);
    const { table } = engine.tracking.conntrack;
    assert.equal(table.get(engine.flight.row, Field.Mark), 0xfe00_0017 | 0);
    assert.equal(send(0x17), Outcome.Drop);
    assert.equal(send(), Outcome.Drop);
    assert.equal(engine.context.mark, 0);
    assert.equal(gateway.connections, 1);
  });

  test('is no reason for another way; changed by mangle it is', () => {
    const rules = '*mangle\n-A OUTPUT -m mark --mark 3 -j MARK --set-mark 4\nCOMMIT\n';
    const { engine, send } = sender(rules);
    assert.equal(send(5), Outcome.Forward);
    assert.equal(engine.flight.rerouted, false);
    assert.equal(send(3), Outcome.Forward);
    assert.equal(engine.flight.rerouted, true);
    assert.equal(engine.context.mark, 4);
    assert.equal(send(4), Outcome.Forward);
    assert.equal(engine.flight.rerouted, false);
  });

  test('taken off by mangle asks for another way, too; by another table it does not', () => {
    const { engine, send } = sender('*mangle\n-A OUTPUT -j MARK --set-mark 0\nCOMMIT\n');
    send(5);
    assert.equal(engine.flight.rerouted, true);
    const other = sender('*raw\n-A OUTPUT -j MARK --set-mark 1\nCOMMIT\n');
    other.send();
    assert.equal(other.engine.flight.rerouted, false);
    assert.equal(other.engine.context.mark, 1);
  });

  test('goes with the flow into the gate', () => {
    const { gate, send } = sender('');
    for (let i = 0; i < 16; i++) send(0xca6c);
    assert.equal(gate.actions(0), 'out -');
    assert.equal(gate.offers[0]?.mark, 0xca6c);
  });
});

describe('another destination', () => {
  const dnat = (to: string) =>
    `*nat\n-A OUTPUT -d ${server} -j DNAT --to-destination ${to}\n-A POSTROUTING -o lan -j SNAT --to-source 192.168.1.1\nCOMMIT\n`;

  test('is routed anew, before POSTROUTING', () => {
    const gateway = gatewayWith({ rules: dnat('192.168.1.20') });
    const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
    const left = gateway.output('wan', frame);
    assert.equal(left.interfaceName, 'lan');
    assert.deepEqual([left.seen?.dst, left.seen?.src], ['192.168.1.20', '192.168.1.1']);
    assert.ok(gateway.engine.flight.rerouted);
    const answer = buildUdp({ src: '192.168.1.20', dst: '192.168.1.1', sport: 53, dport: 5000 });
    const back = gateway.inject('lan', answer);
    assert.equal(back.outcome, Outcome.Deliver);
    assert.deepEqual([back.seen?.src, back.seen?.dst], [server, own]);
  });

  test('that nothing leads to is refused', () => {
    const gateway = gatewayWith({ rules: dnat('10.9.9.9'), defaultOut: '' });
    const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
    const left = gateway.output('wan', frame);
    assert.equal(left.reason, 'no-route');
    assert.deepEqual(left.answers, []);
    assert.equal(gateway.connections, 0);
  });

  test('that is this host: delivered, by way of lo', () => {
    const rules =
      '*nat\n-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\n' +
      '*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -p tcp --dport 8080 -j ACCEPT\nCOMMIT\n';
    const gateway = gatewayWith({ rules });
    const syn = buildTcp({ src: own, dst: server, sport: 4000, dport: 80, flags: 'S', seq: 1 });
    const left = gateway.output('wan', syn);
    assert.equal(left.outcome, Outcome.Deliver);
    assert.deepEqual([left.seen?.dst, left.seen?.dport], ['127.0.0.1', 8080]);
    assert.equal(gateway.connections, 1);
  });

  test('its answers over lo are watched for until it ends, translated back, and delivered', () => {
    const rules =
      '*nat\n-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 5353\nCOMMIT\n' +
      '*filter\n:INPUT DROP [0:0]\n-A INPUT -i lo -p udp --dport 5353 -j ACCEPT\n' +
      '-A INPUT -i lo -m state --state ESTABLISHED -j ACCEPT\n' +
      ':OUTPUT DROP [0:0]\n-A OUTPUT -m state --state NEW -j ACCEPT\n' +
      '-A OUTPUT -o lo -m state --state ESTABLISHED -j ACCEPT\nCOMMIT\n';
    const gateway = gatewayWith({ rules });
    const watched: string[] = [];
    const say = (what: string) => (ends: Tuple) => {
      watched.push(`${what} ${ends.srcPort} ${ends.dstPort}`);
      return true;
    };
    gateway.engine.setHomeWatch({ watch: say('watch'), forget: say('forget') });
    const ask = buildUdp({ src: own, dst: server, sport: 4000, dport: 53 });
    for (let n = 0; n < 2; n++) assert.equal(gateway.output('wan', ask).outcome, Outcome.Deliver);
    assert.deepEqual(watched, ['watch 5353 4000']);
    const answer = buildUdp({ src: '127.0.0.1', dst: own, sport: 5353, dport: 4000 });
    const back = gateway.output('lo', answer);
    assert.equal(back.outcome, Outcome.Deliver);
    assert.deepEqual([back.seen?.src, back.seen?.sport, back.seen?.dst], [server, 53, own]);
    gateway.now(1000);
    assert.deepEqual(watched, ['watch 5353 4000', 'forget 5353 4000']);
  });

  test('a mark alone asks for the way anew, too', () => {
    const gateway = gatewayWith({ rules: '*mangle\n-A OUTPUT -j MARK --set-mark 1\nCOMMIT\n' });
    const frame = buildUdp({ src: own, dst: '192.168.1.20', sport: 5000, dport: 53 });
    assert.equal(gateway.output('wan', frame).interfaceName, 'lan');
    assert.ok(gateway.engine.flight.rerouted);
  });

  test('a flow that goes another way than its sender meant stays in the engine', () => {
    const rules = '*mangle\n-A OUTPUT -j MARK --set-mark 1\nCOMMIT\n';
    const { gate, gateway } = makeGated({ rules, interfaces });
    const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
    for (let i = 0; i < 20; i++) gateway.output('wan', frame);
    assert.deepEqual(gate.offers, []);
  });
});

test('a flow of this host, one way: out of the gate', () => {
  const { gate, gateway } = makeGated();
  const frame = buildUdp({ src: own, dst: server, sport: 5000, dport: 53 });
  for (let i = 0; i < 16; i++) gateway.output('wan', frame);
  assert.equal(gate.actions(0), 'out -');
  assert.equal(gate.offers[0]?.hopFamily, 0);
  assert.equal(gate.offers[0]?.mtu, 1500);
});

test('an FTP server on the gateway: its 227 opens the pinhole, and its port is known', () => {
  const rules = `*filter
:INPUT DROP [0:0]
-A INPUT -p tcp --dport 21 -j ACCEPT
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
COMMIT
*nat
-A PREROUTING -p tcp --dport 2121 -j REDIRECT --to-ports 21
COMMIT
`;
  const { gate, gateway } = makeGated({ rules });
  const there = { src: server, dst: own, sport: 40_000, dport: 2121 };
  const back = { src: own, dst: server, sport: 21, dport: 40_000 };
  gateway.inject('wan', buildTcp({ ...there, flags: 'S', seq: 100 }));
  gateway.output('wan', buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
  gateway.inject('wan', buildTcp({ ...there, flags: 'A', seq: 101, ack: 901 }));
  assert.equal(gate.actions(0), 'known known');
  gateway.output(
    'wan',
    buildTcp({ ...back, flags: 'PA', seq: 901, ack: 101, payload: '220 \r\n' }),
  );
  gateway.inject(
    'wan',
    buildTcp({ ...there, flags: 'PA', seq: 101, ack: 907, payload: 'PASV\r\n' }),
  );
  const payload = '227 Entering Passive Mode (203,0,113,1,117,48).\r\n';
  const left = gateway.output(
    'wan',
    buildTcp({ ...back, flags: 'PA', seq: 907, ack: 107, payload }),
  );
  assert.equal(left.seen?.sport, 2121);
  assert.equal(gateway.expectations, 1);
  const data = { src: server, dst: own, sport: 40_001, dport: 30_000 };
  const answer = { src: own, dst: server, sport: 30_000, dport: 40_001 };
  assert.equal(
    gateway.inject('wan', buildTcp({ ...data, flags: 'S', seq: 5 })).outcome,
    Outcome.Deliver,
  );
  gateway.output('wan', buildTcp({ ...answer, flags: 'SA', seq: 70, ack: 6 }));
  gateway.inject('wan', buildTcp({ ...data, flags: 'A', seq: 6, ack: 71 }));
  gateway.output('wan', buildTcp({ ...answer, flags: 'A', seq: 71, ack: 6, payload: 'x' }));
  assert.equal(gate.actions(1), 'local out');
});
