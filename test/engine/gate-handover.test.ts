/** Which directions of which connections are handed to a gate, and with which packet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Field, Status, TcpState } from '../../src/conntrack/index.ts';
import { GateAction, Outcome } from '../../src/engine/index.ts';
import { buildIcmp, buildTcp, buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { filter, server } from './ftp-rules.ts';
import { type Gated, makeGated } from './gate-support.ts';

const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';
const WEB = { server: { port: 80, iss: 7000 } };

/** A connection of TCP with seven packets. */
function talk({ gateway }: Gated): TcpSession {
  const session = new TcpSession(gateway, WEB).connect();
  session.clientSays('GET');
  session.serverAcks();
  session.serverSays('OK');
  session.clientAcks();
  return session;
}

describe('TCP', () => {
  test('from the eighth packet on, each direction with its own', () => {
    const gated = makeGated({ rules: masquerade });
    const session = talk(gated);
    const { gate } = gated;
    assert.deepEqual(gate.offers, []);
    session.clientAcks();
    assert.equal(gate.actions(0), 'forward -');
    session.serverAcks();
    assert.equal(gate.actions(0), 'forward forward');
    session.serverAcks();
    session.clientAcks();
    assert.equal(gate.offers.length, 2);
  });

  test('one that is opened, says a byte and is closed is never offered', () => {
    const { gate, gateway } = makeGated();
    const session = new TcpSession(gateway, WEB).connect();
    session.clientSays('x');
    session.serverAcks();
    session.close();
    assert.deepEqual(gate.offers, []);
  });

  test('the offer says where it goes, how it is counted and what is known of its windows', () => {
    const gated = makeGated({ rules: '*filter\n-A FORWARD -j ACCEPT\nCOMMIT\n' });
    const { gate, gateway } = gated;
    talk(gated).clientAcks();
    const [offer] = gate.offers;
    assert.ok(offer);
    assert.equal(offer.inIf, gateway.datapath.interfaces.id('lan'));
    assert.equal(offer.outIf, gateway.datapath.interfaces.id('wan'));
    assert.equal(offer.mtu, 1500);
    assert.equal(offer.hopFamily, 4);
    assert.equal(offer.hop0 >>> 0, 0xcb0071fe);
    assert.ok(offer.path > 0);
    assert.equal(offer.checkWindow, true);
    const sent = 1000 + 1 + 3;
    assert.equal(offer.sides[0], sent);
    assert.equal(offer.sides[7], sent);
    assert.equal(offer.sides[3], 7000 + 1 + 2);
  });

  test('scales and SACK as the handshake agreed on them', () => {
    const { gate, gateway } = makeGated();
    const session = new TcpSession(gateway, { ...WEB, options: true }).connect();
    for (let i = 0; i < 5; i++) session.clientAcks();
    const { originalSack, replySack, originalScale, replyScale } = gate.offers[0]!;
    assert.deepEqual([originalSack, replySack, originalScale, replyScale], [true, true, 7, 7]);
  });

  test('windows that were picked up in mid-stream are not watched', () => {
    const { gate, gateway } = makeGated();
    const ends = { src: '192.168.1.10', dst: server, sport: 4000, dport: 80 };
    const back = { src: server, dst: '192.168.1.10', sport: 80, dport: 4000 };
    for (let i = 0; i < 5; i++) {
      gateway.inject('lan', buildTcp({ ...ends, flags: 'A', seq: 5000, ack: 9000 }));
      gateway.inject('wan', buildTcp({ ...back, flags: 'A', seq: 9000, ack: 5000 }));
    }
    assert.equal(gate.offers[0]?.checkWindow, false);
  });

  const odd = {
    'a segment with URG': { flags: 'AU' },
    'a FIN': { flags: 'FA' },
    'a segment outside the window': { seq: 1_000_000_000 },
    'IP options': { ipOptions: Uint8Array.of(1, 1, 1, 1) },
  };
  for (const [name, more] of Object.entries(odd)) {
    test(`${name} is no measure for those that follow`, () => {
      const gated = makeGated();
      const session = talk(gated);
      session.inject(session.client, { flags: 'A', ...more });
      assert.deepEqual(gated.gate.offers, []);
    });
  }

  test('a connection picked up in mid-stream waits until both sides are known', () => {
    const { gate, gateway } = makeGated();
    const there = { src: '192.168.1.10', dst: server, sport: 4000, dport: 80 };
    for (let i = 0; i < 9; i++) {
      gateway.inject('lan', buildTcp({ ...there, flags: 'A', seq: 5000, ack: 9000 }));
    }
    assert.deepEqual(gate.offers, []);
  });
});

describe('what keeps a flow in the engine', () => {
  const kept: Record<string, string> = {
    'a rule that looks at single packets':
      '*filter\n-A FORWARD -m length --length 0:1400 -j ACCEPT\nCOMMIT\n',
    'a rule that counts bytes':
      '*filter\n-A FORWARD -m connbytes --connbytes 1000000: --connbytes-dir both --connbytes-mode bytes -j DROP\nCOMMIT\n',
    'a target that changes the packet': '*mangle\n-A FORWARD -j TTL --ttl-set 9\nCOMMIT\n',
    'a zone': '*raw\n-A PREROUTING -j CT --zone 3\nCOMMIT\n',
  };
  for (const [name, rules] of Object.entries(kept)) {
    test(name, () => {
      const gated = makeGated({ rules });
      talk(gated).clientAcks();
      assert.deepEqual(gated.gate.offers, []);
    });
  }

  test('sequence numbers that are adjusted, without a helper', () => {
    const gated = makeGated();
    const session = talk(gated);
    const { table } = gated.gateway.engine.tracking.conntrack;
    table.addStatus(0, Status.SeqAdjust);
    session.clientAcks();
    assert.deepEqual(
      gated.gate.offers.map(({ action }) => action),
      [GateAction.Known, GateAction.Known],
    );
  });

  test('routes that look at the TOS octet', () => {
    const gated = makeGated();
    const { routes, interfaces } = gated.gateway.datapath;
    const prefix = [0xc633_6400 | 0];
    const lan = interfaces.id('lan');
    routes.addRoute({ family: 4, prefix, prefixLength: 24, kind: 0, outIf: lan, tos: 16 });
    talk(gated).clientAcks();
    assert.deepEqual(gated.gate.offers, []);
  });

  test('the loser of a clash', () => {
    const gated = makeGated();
    const session = talk(gated);
    gated.gateway.engine.tracking.conntrack.table.addStatus(0, Status.NatClash);
    session.clientAcks();
    assert.deepEqual(gated.gate.offers, []);
  });

  test('a packet longer than the way out takes', () => {
    const gated = makeGated();
    const session = talk(gated);
    gated.gateway.datapath.routes.setMtu(gated.gateway.datapath.interfaces.id('wan'), 1000);
    const frame = session.client.segment({ payload: 'x'.repeat(1200), dontFragment: false });
    assert.equal(gated.gateway.inject('lan', frame).outcome, Outcome.Forward);
    assert.deepEqual(gated.gate.offers, []);
  });

  test('a full gate is asked again some packets later', () => {
    const gated = makeGated();
    gated.gate.isFull = true;
    const session = talk(gated);
    for (let i = 0; i < 7; i++) session.clientAcks();
    assert.equal(gated.gate.offers.length, 1);
    session.clientAcks();
    assert.equal(gated.gate.offers.length, 2);
  });

  test('nobody is offered anything where there is no gate any more', () => {
    const gated = makeGated();
    const session = talk(gated);
    session.clientAcks();
    gated.gateway.engine.setFlowGate(null);
    assert.deepEqual(gated.gate.calls, ['withdraw 0']);
    session.clientAcks();
    assert.equal(gated.gate.offers.length, 1);
  });
});

describe('packets that come though they are carried', () => {
  test('were on their way, however many: the direction stays where it is', () => {
    const gated = makeGated();
    const session = talk(gated);
    for (let i = 0; i < 5_000; i++) session.clientAcks();
    gated.gateway.clock.set(gated.gateway.clock.sec + 1, 900_000);
    session.clientAcks();
    assert.deepEqual(gated.gate.calls, []);
    assert.equal(gated.gate.offers.length, 1);
  });

  test('and go on coming for seconds: taken back, and offered anew', () => {
    const gated = makeGated();
    const session = talk(gated);
    session.clientAcks();
    session.clientAcks();
    gated.gateway.clock.set(gated.gateway.clock.sec + 2, 0);
    session.clientAcks();
    assert.deepEqual(gated.gate.calls, ['withdraw 0']);
    session.clientAcks();
    assert.equal(gated.gate.actions(0), 'forward -');
    assert.equal(gated.gate.offers.length, 2);
  });
});

describe('FTP', () => {
  test('of the control connection acknowledgements, all of the data connection by its SYN/ACK', () => {
    const { gate, gateway } = makeGated({ rules: masquerade + filter });
    const control = new TcpSession(gateway);
    control.connect();
    assert.equal(gate.actions(0), 'acks acks');
    control.serverSays('220 hello\r\n');
    control.clientSays('PASV\r\n');
    control.serverSays('227 Entering Passive Mode (198,51,100,9,117,48).\r\n');
    const data = new TcpSession(gateway, { client: { port: 40_001 }, server: { port: 30_000 } });
    const table = gateway.engine.tracking.conntrack.table;
    const states: number[] = [];
    const install = gate.install.bind(gate);
    gate.install = (offer) => states.push(table.get(offer.row, Field.State)) > 0 && install(offer);
    data.connect();
    assert.equal(gate.actions(1), 'forward forward');
    assert.deepEqual(states, [TcpState.SynRecv, TcpState.SynRecv]);
    data.serverSays('x');
    assert.equal(gate.offers.length, 4);
    control.close();
    assert.equal(gate.actions(0), '- -');
  });
});

describe('UDP', () => {
  const there = buildUdp({ src: '192.168.1.10', dst: server, sport: 5000, dport: 53 });
  const back = buildUdp({ src: server, dst: '192.168.1.10', sport: 53, dport: 5000 });

  test('a stream once it is ASSURED', () => {
    const { gate, gateway } = makeGated();
    gateway.inject('lan', there);
    gateway.inject('wan', back);
    gateway.inject('lan', there);
    assert.deepEqual(gate.offers, []);
    gateway.now(3);
    gateway.inject('lan', there);
    gateway.inject('wan', back);
    assert.equal(gate.actions(0), 'forward forward');
  });

  test('one way after sixteen packets; the first answer takes it back', () => {
    const { gate, gateway } = makeGated();
    for (let i = 0; i < 15; i++) gateway.inject('lan', there);
    assert.deepEqual(gate.offers, []);
    gateway.inject('lan', there);
    assert.equal(gate.actions(0), 'forward -');
    gate.pass(0, 0, 100, 2900);
    gateway.inject('wan', back);
    const { table } = gateway.engine.tracking.conntrack;
    assert.deepEqual(gate.calls, ['withdraw 0']);
    assert.deepEqual([table.packets(0, 0), table.packets(0, 1)], [116, 1]);
    assert.ok(table.hasStatus(0, Status.SeenReply));
    assert.ok(!table.hasStatus(0, Status.Assured));
  });
});

test('ICMP queries after three answers', () => {
  const { gate, gateway } = makeGated();
  const ends = { src: '192.168.1.10', dst: server };
  const ping = (i: number) => {
    const query = { ...ends, type: 8, code: 0, id16: 7, seq16: i };
    gateway.inject('lan', buildIcmp(query));
    gateway.inject('wan', buildIcmp({ ...query, src: server, dst: ends.src, type: 0 }));
  };
  for (let i = 0; i < 2; i++) ping(i);
  assert.deepEqual(gate.offers, []);
  ping(2);
  ping(3);
  assert.equal(gate.actions(0), 'forward forward');
});

test('connections to this host: in by the one action, out by the other', () => {
  const rules = '*nat\n-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\n';
  const { gate, gateway } = makeGated({ rules });
  const own = '192.168.1.1';
  const there = { src: '192.168.1.10', dst: own, sport: 4000, dport: 80 };
  const back = { src: own, dst: '192.168.1.10', sport: 8080, dport: 4000 };
  const left = gateway.inject('lan', buildTcp({ ...there, flags: 'S', seq: 100 }));
  assert.equal(left.outcome, Outcome.Deliver);
  assert.equal(left.seen?.dport, 8080);
  const answer = gateway.output('lan', buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
  assert.equal(answer.outcome, Outcome.Forward);
  assert.equal(answer.seen?.sport, 80);
  for (let i = 0; i < 4; i++) {
    gateway.inject('lan', buildTcp({ ...there, flags: 'A', seq: 101, ack: 901 }));
    gateway.output('lan', buildTcp({ ...back, flags: 'A', seq: 901, ack: 101 }));
  }
  assert.equal(gate.actions(0), 'local out');
  const [out, local] = gate.offers;
  assert.deepEqual([out?.inIf, out?.outIf], [-1, gateway.datapath.interfaces.id('lan')]);
  assert.deepEqual([local?.inIf, local?.outIf], [gateway.datapath.interfaces.id('lan'), -1]);
  const { counters } = gateway.engine;
  const before = { ...counters };
  gate.pass(0, 0, 5, 500);
  gate.pass(0, 1, 7, 700);
  gate.collect(0);
  assert.equal(counters.delivered - before.delivered, 5);
  assert.equal(counters.forwarded - before.forwarded, 7);
  assert.equal(counters.packets - before.packets, 12);
});
