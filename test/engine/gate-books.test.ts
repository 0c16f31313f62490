/** What passes through a gate is accounted for as if the engine had seen it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  defaultConntrackSettings,
  EntryCommands,
  Field,
  Status,
  TcpState,
} from '../../src/conntrack/index.ts';
import { buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { server } from './ftp-rules.ts';
import { type Gated, makeGated } from './gate-support.ts';

const state = `*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i lan -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

/** A connection whose two directions are in the gate; nine packets have passed the engine. */
function carried(gated: Gated): TcpSession {
  const session = new TcpSession(gated.gateway, { server: { port: 80, iss: 7000 } }).connect();
  session.clientSays('GET');
  session.serverAcks();
  session.serverSays('OK');
  for (let i = 0; i < 2; i++) session.clientAcks();
  session.serverAcks();
  assert.equal(gated.gate.actions(0), 'forward forward');
  return session;
}

function tableOf({ gateway }: Gated) {
  return gateway.engine.tracking.conntrack.table;
}

describe('counters', () => {
  test('of the connection, the rules and the engine', () => {
    const gated = makeGated({ rules: masquerade + state });
    carried(gated);
    const { gate, gateway } = gated;
    const table = tableOf(gated);
    const before = { ...gateway.engine.counters };
    const rule = gateway.count('filter', 'FORWARD', 1);
    gate.pass(0, 0, 10, 5000);
    gate.pass(0, 1, 20, 3_000_000_000);
    gateway.engine.tracking.conntrack.carried.collect(0);
    assert.equal(table.bytes(0, 1) > 3_000_000_000, true);
    assert.deepEqual([table.packets(0, 0), table.packets(0, 1)], [15, 24]);
    assert.equal(gateway.count('filter', 'FORWARD', 1), rule + 30);
    assert.equal(gateway.count('filter', 'FORWARD', 2), 1);
    const { counters } = gateway.engine;
    assert.equal(counters.packets, before.packets + 30);
    assert.equal(counters.forwarded, before.forwarded + 30);
    assert.equal(counters.rewritten, before.rewritten + 30);
    assert.deepEqual(gateway.eventTexts('update').length, 2);
  });

  test('are settled before the DESTROY that shows them', () => {
    const gated = makeGated();
    carried(gated);
    const { gate, gateway } = gated;
    const { conntrack } = gateway.engine.tracking;
    const shown: number[] = [];
    const { listener } = gateway.engine;
    gateway.engine.listener = {
      ...listener!,
      connectionDestroy: (row) => shown.push(conntrack.table.packets(row, 1)),
    };
    gate.pass(0, 1, 1000, 1000);
    conntrack.destroy(0);
    assert.deepEqual(shown, [1004]);
    assert.equal(gate.flows.size, 0);
  });

  test('are exact over a reload, which decides anew', () => {
    const gated = makeGated({ rules: state });
    const session = carried(gated);
    const { gate, gateway } = gated;
    const old = gateway.engine.rules;
    gate.pass(0, 0, 100, 5000);
    gateway.reload('*filter\n:FORWARD DROP [0:0]\nCOMMIT\n');
    assert.equal(gate.flows.size, 0);
    assert.equal(tableOf(gated).packets(0, 0), 105);
    assert.equal(session.clientAcks().reason, 'policy');
    assert.equal(gateway.count('filter', 'FORWARD', 0), 1);
    gateway.engine.setRules(old);
    assert.equal(gateway.count('filter', 'FORWARD', 1), 8 + 100);
  });

  test('are what rules see of them', () => {
    const rules =
      '*filter\n-A FORWARD -i lan -p tcp --tcp-flags FIN FIN -m connbytes --connbytes 5000: ' +
      '--connbytes-dir both --connbytes-mode bytes -j DROP\nCOMMIT\n';
    const gated = makeGated({ rules });
    const session = new TcpSession(gated.gateway, { server: { port: 80, iss: 7000 } }).connect();
    for (let i = 0; i < 6; i++) session.serverSays('x');
    assert.equal(gated.gate.actions(0), '- forward');
    gated.gate.passData(0, 1, 5000);
    session.client.expected = (session.client.expected + 5000) >>> 0;
    const { table } = gated.gateway.engine.tracking.conntrack;
    assert.ok(table.bytes(0, 1) < 5000);
    assert.equal(session.inject(session.client, { flags: 'FA' }).reason, 'rule-drop');
    assert.ok(table.bytes(0, 1) > 5000);
  });
});

describe('lifetime', () => {
  test('a connection whose traffic is in the gate does not expire', () => {
    const conntrack = { ...defaultConntrackSettings(), maximum: 4096 };
    conntrack.timeouts.tcp[TcpState.Established] = 600;
    const gated = makeGated({ settings: { conntrack } });
    carried(gated);
    const { gate, gateway } = gated;
    for (let sec = 500; sec <= 5000; sec += 500) {
      gateway.clock.set(sec, 0);
      gate.passData(0, 0, 100);
      gateway.now(sec + 200);
      assert.equal(gateway.connections, 1);
    }
    assert.deepEqual(new Set(gate.calls), new Set(['collect 0']));
    gateway.now(5000 + 599);
    assert.equal(gateway.connections, 1);
    gateway.now(5000 + 600);
    assert.equal(gateway.connections, 0);
    assert.equal(gate.flows.size, 0);
  });

  test('data that nobody acknowledges leaves it five minutes', () => {
    const gated = makeGated();
    carried(gated);
    const { gate, gateway } = gated;
    gate.passData(0, 0, 100);
    gate.flows.get(0)!.sides[7]! -= 100;
    gateway.engine.tracking.conntrack.carried.collect(0);
    assert.equal(tableOf(gated).secondsLeft(0, gateway.clock), 300);
    gate.passData(0, 0, 0);
    gate.pass(0, 1, 1, 40);
    gate.flows.get(0)!.sides[7]! += 100;
    gateway.engine.tracking.conntrack.carried.collect(0);
    assert.equal(tableOf(gated).secondsLeft(0, gateway.clock), 432_000);
  });

  test('a fixed timeout stays, and an old settlement shortens nothing', () => {
    const gated = makeGated();
    carried(gated);
    const { gate, gateway } = gated;
    const table = tableOf(gated);
    const { carried: flows } = gateway.engine.tracking.conntrack;
    const expires = table.get(0, Field.ExpiresAt);
    gateway.clock.set(50, 0);
    gate.passData(0, 0, 100);
    table.addStatus(0, Status.FixedTimeout);
    flows.collect(0);
    assert.equal(table.get(0, Field.ExpiresAt), expires);
    table.removeStatus(0, Status.FixedTimeout);
    gate.passData(0, 0, 100);
    gateway.clock.set(60, 0);
    table.refresh(0, gateway.clock, 432_000);
    flows.collect(0);
    assert.equal(table.secondsLeft(0, gateway.clock), 432_000);
  });

  test('of UDP: a stream, one way, and by a policy of its own', () => {
    const there = buildUdp({ src: '192.168.1.10', dst: server, sport: 5000, dport: 53 });
    const one = makeGated();
    for (let i = 0; i < 16; i++) one.gateway.inject('lan', there);
    one.gateway.clock.set(20, 0);
    one.gate.pass(0, 0, 1, 29);
    one.gate.collect(0);
    assert.equal(tableOf(one).secondsLeft(0, one.gateway.clock), 30);

    const two = makeGated();
    const back = buildUdp({ src: server, dst: '192.168.1.10', sport: 53, dport: 5000 });
    for (const sec of [0, 3]) {
      two.gateway.now(sec);
      two.gateway.inject('lan', there);
      two.gateway.inject('wan', back);
    }
    two.gateway.clock.set(50, 0);
    two.gate.pass(0, 1, 1, 29);
    two.gate.collect(0);
    assert.equal(tableOf(two).secondsLeft(0, two.gateway.clock), 120);
  });
});

describe('what takes a connection back', () => {
  const commands = (gated: Gated) =>
    new EntryCommands(gated.gateway.engine.tracking.conntrack, gated.gateway.clock);

  test('a command that changes it', () => {
    const gated = makeGated();
    const session = carried(gated);
    gated.gate.pass(0, 0, 4, 160);
    commands(gated).change(0, { mark: { value: 7, mask: -1 } });
    assert.equal(gated.gate.flows.size, 0);
    assert.equal(tableOf(gated).packets(0, 0), 9);
    session.clientAcks();
    assert.equal(gated.gate.actions(0), 'forward -');
  });

  test('a rule that marks it or gives it a label', () => {
    for (const target of ['CONNMARK --set-mark 5', 'CONNMARK --set-mark 6']) {
      const rules = `*mangle\n-A FORWARD -p tcp --tcp-flags URG URG -j ${target}\nCOMMIT\n`;
      const gated = makeGated({ rules });
      const session = carried(gated);
      session.inject(session.client, { flags: 'AU' });
      assert.deepEqual(gated.gate.calls, ['withdraw 0']);
    }
  });

  test('other routes, and an end of the gate', () => {
    const gated = makeGated();
    const session = carried(gated);
    gated.gateway.engine.reconsiderFlows();
    assert.equal(gated.gate.flows.size, 0);
    assert.equal(tableOf(gated).hasStatus(0, Status.InGate), false);
    session.clientAcks();
    assert.equal(gated.gate.actions(0), 'forward -');
  });

  test('a flush', () => {
    const gated = makeGated();
    carried(gated);
    assert.equal(gated.gateway.engine.tracking.conntrack.flush(), 1);
    assert.deepEqual(gated.gate.calls, ['withdraw 0']);
  });
});

describe('what comes back of a connection of TCP', () => {
  const GIGABYTE = 1_000_000_000;

  function afterGigabyte(): { gated: Gated; session: TcpSession } {
    const gated = makeGated({ rules: state });
    const session = carried(gated);
    gated.gate.passData(0, 1, GIGABYTE);
    session.server.next = (session.server.next + GIGABYTE) >>> 0;
    session.client.expected = session.server.next;
    return { gated, session };
  }

  test('a FIN is judged by the windows as they are, and ends the stay in the gate', () => {
    const { gated, session } = afterGigabyte();
    session.close();
    const table = tableOf(gated);
    assert.equal(table.get(0, Field.State), TcpState.TimeWait);
    assert.equal(table.secondsLeft(0, gated.gateway.clock), 120);
    assert.equal(gated.gate.flows.size, 0);
    assert.equal(table.hasStatus(0, Status.InGate), false);
  });

  test('a reset with the numbers of before is doubted, one with those of now closes', () => {
    const { gated, session } = afterGigabyte();
    const table = tableOf(gated);
    const { server: end } = session;
    const old = session.inject(end, { flags: 'R', seq: (end.next - GIGABYTE) >>> 0 });
    assert.equal(old.reason, 'policy');
    assert.equal(table.get(0, Field.State), TcpState.Established);
    assert.equal(gated.gate.actions(0), 'forward forward');
    session.inject(end, { flags: 'R' });
    assert.equal(table.get(0, Field.State), TcpState.Close);
    assert.equal(table.secondsLeft(0, gated.gateway.clock), 10);
    assert.equal(gated.gate.flows.size, 0);
  });

  test('a reset right behind data that is not acknowledged yet closes', () => {
    const { gated, session } = afterGigabyte();
    gated.gate.passData(0, 1, 5000);
    const held = gated.gate.flows.get(0)!;
    held.sides[3]! -= 5000;
    held.spokeLast = 1;
    session.inject(session.server, { flags: 'R', seq: (session.server.next + 5000) >>> 0 });
    assert.equal(tableOf(gated).get(0, Field.State), TcpState.Close);
  });

  test('a reset behind data is doubted where the other side spoke last', () => {
    const { gated, session } = afterGigabyte();
    gated.gate.passData(0, 1, 5000);
    const held = gated.gate.flows.get(0)!;
    held.sides[3]! -= 5000;
    held.spokeLast = 0;
    session.inject(session.server, { flags: 'R', seq: (session.server.next + 5000) >>> 0 });
    assert.equal(tableOf(gated).get(0, Field.State), TcpState.Established);
  });

  test('what the tracker learns goes to the gate, except where that knows better', () => {
    const { gated, session } = afterGigabyte();
    const held = gated.gate.flows.get(0)!;
    session.inject(session.client, { flags: 'AU', payload: 'urgent' });
    const { next } = session.client;
    assert.equal(held.sides[0]! >>> 0, next + 6);
    assert.equal(held.sides[3]! >>> 0, session.client.expected);
    assert.equal(gated.gate.actions(0), 'forward forward');
  });

  test('a SYN takes it back, though it is let pass', () => {
    const { gated, session } = afterGigabyte();
    session.inject(session.client, { flags: 'S', seq: 5 });
    assert.equal(gated.gate.flows.size, 0);
    assert.equal(tableOf(gated).get(0, Field.State), TcpState.Established);
  });

  test('in mid-stream, after data: nothing that passed before counts as a retransmission', () => {
    const { gated, session } = afterGigabyte();
    for (let i = 0; i < 5; i++) {
      gated.gate.passData(0, 1, 100);
      session.server.next += 100;
      session.client.expected += 100;
      session.clientAcks();
    }
    assert.equal(tableOf(gated).secondsLeft(0, gated.gateway.clock), 432_000);
  });
});

test('a master lives on while a connection that it announced moves in the gate', () => {
  const gated = makeGated();
  const { gateway, gate } = gated;
  const { conntrack } = gateway.engine.tracking;
  conntrack.keepsMasters = true;
  conntrack.settings.timeouts.tcp[TcpState.Established] = 600;
  const control = new TcpSession(gateway).connect();
  control.serverSays('220 hello\r\n');
  control.clientSays('PASV\r\n');
  control.serverSays('227 Entering Passive Mode (198,51,100,9,117,48).\r\n');
  const data = new TcpSession(gateway, { client: { port: 40_001 }, server: { port: 30_000 } });
  data.connect();
  data.serverSays('x');
  data.clientAcks();
  for (let sec = 500; sec < 3000; sec += 500) {
    gateway.clock.set(sec, 0);
    gate.passData(1, 1, 1000);
    gateway.now(sec + 300);
    assert.equal(gateway.connections, 2);
  }
  assert.ok(conntrack.livingChildrenBytes(0) > 5000);
});
