/** Connections that are closed in the gate: the tracker learns of it, a little later. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Field, Status, TcpSideFlag, TcpState } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { buildTcp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { type Gated, makeGated } from './gate-support.ts';

const accepting = '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n';

interface Carried extends Gated {
  readonly session: TcpSession;
  /** The states that were told of. */
  readonly told: number[];
}

/** A connection whose two directions are in the gate. */
function carried(rules = accepting): Carried {
  const gated = makeGated({ rules });
  const session = new TcpSession(gated.gateway, { server: { port: 80, iss: 7000 } }).connect();
  session.clientSays('GET');
  session.serverAcks();
  session.serverSays('OK');
  for (let i = 0; i < 2; i++) session.clientAcks();
  session.serverAcks();
  assert.equal(gated.gate.actions(0), 'forward forward');
  return { ...gated, session, told: listenTo(gated) };
}

function listenTo({ gateway }: Gated): number[] {
  const { conntrack } = gateway.engine.tracking;
  const told: number[] = [];
  const { listener } = conntrack;
  assert.ok(listener);
  const connectionUpdate = (row: number) => told.push(conntrack.table.get(row, Field.State));
  conntrack.listen(Object.assign(Object.create(listener), { connectionUpdate }));
  gateway.events.length = 0;
  return told;
}

function rowOf({ gateway }: Gated) {
  const { conntrack } = gateway.engine.tracking;
  const { table } = conntrack;
  return {
    conntrack,
    collect: () => conntrack.carried.collect(0),
    state: () => table.get(0, Field.State),
    left: () => table.secondsLeft(0, gateway.clock),
    packets: () => [table.packets(0, 0), table.packets(0, 1)],
    isInGate: () => table.hasStatus(0, Status.InGate),
  };
}

describe('FINs may pass', () => {
  const alike = [
    '-p tcp ! --syn -m conntrack --ctstate NEW -j DROP',
    '-p tcp --tcp-flags SYN,FIN SYN,FIN -j DROP',
    '-p tcp --tcp-flags ALL NONE -j DROP',
    '-p tcp --tcp-flags ALL FIN,URG,PSH -j DROP',
    '-p tcp --tcp-flags ACK,FIN FIN -j DROP',
    '-p tcp --tcp-flags SYN,RST SYN,RST -j DROP',
    '-p tcp --dport 81 -m limit --limit 1/s -j LOG',
  ];
  for (const rule of alike) {
    test(`with ${rule}`, () => {
      const { gate } = carried(accepting.replace('-A', `-A FORWARD ${rule}\n-A`));
      assert.deepEqual(
        gate.offers.map(({ closes }) => closes),
        [true, true],
      );
    });
  }

  const told = [
    '-p tcp --tcp-flags FIN FIN -j ACCEPT',
    '-p tcp ! --tcp-flags FIN FIN -j ACCEPT',
    '-p tcp --tcp-flags ALL ACK,FIN -j ACCEPT',
    '-p tcp --tcp-flags SYN,ACK,FIN,RST ACK -j ACCEPT',
    '-p tcp --tcp-flags FIN FIN -m limit --limit 1/s -j LOG',
  ];
  for (const rule of told) {
    test(`but not with ${rule}`, () => {
      const { gate } = carried(accepting.replace('-A', `-A FORWARD ${rule}\n-A`));
      assert.deepEqual(
        gate.offers.map(({ closes }) => closes),
        [false, false],
      );
    });
  }

  test('nor where the windows are not watched, and of what is no TCP', () => {
    const gated = makeGated({ rules: accepting });
    gated.gateway.engine.tracking.conntrack.settings.tcpBeLiberal = true;
    const session = new TcpSession(gated.gateway, { server: { port: 80 } }).connect();
    for (let i = 0; i < 9; i++) session.clientAcks();
    assert.deepEqual(
      gated.gate.offers.map(({ checkWindow, closes }) => [checkWindow, closes]),
      [[true, true]],
    );
  });
});

describe('a connection that is closed in the gate', () => {
  /** The server says goodbye, then the client. */
  function close({ gate }: Gated): void {
    gate.passFin(0, 1);
    gate.passAck(0, 0);
    gate.passFin(0, 0);
    gate.passAck(0, 1);
  }

  test('comes to each state, and every one is told of', () => {
    const gated = carried();
    const row = rowOf(gated);
    const before = row.packets();
    close(gated);
    assert.equal(row.state(), TcpState.Established, 'nobody has asked');
    row.collect();
    assert.equal(row.state(), TcpState.TimeWait);
    const { FinWait, CloseWait, LastAck, TimeWait } = TcpState;
    assert.deepEqual(gated.told, [FinWait, CloseWait, LastAck, TimeWait]);
    assert.deepEqual(row.packets(), [before[0]! + 2, before[1]! + 2]);
    assert.equal(row.left(), 120);
  });

  test('goes back to the engine by itself, and ends two minutes after its last packet', () => {
    const gated = carried();
    const { gate, gateway } = gated;
    const row = rowOf(gated);
    gateway.now(10);
    close(gated);
    gateway.now(11);
    assert.equal(row.isInGate(), true, 'nobody has collected');
    row.collect();
    assert.equal(row.left(), 119);
    gateway.now(12);
    assert.equal(row.isInGate(), false);
    assert.equal(gate.flows.size, 0);
    gateway.now(129);
    assert.equal(gateway.connections, 1);
    gateway.now(130);
    assert.equal(gateway.connections, 0);
  });

  test('counts at the rules', () => {
    const gated = carried();
    const before = gated.gateway.count('filter', 'FORWARD', 1);
    close(gated);
    rowOf(gated).collect();
    assert.equal(gated.gateway.count('filter', 'FORWARD', 1), before + 4);
  });

  test('may be closed one way, and data goes on the other way', () => {
    const gated = carried();
    const { gate, gateway } = gated;
    const row = rowOf(gated);
    gate.passFin(0, 0);
    row.collect();
    assert.deepEqual([row.state(), row.left()], [TcpState.FinWait, 120]);
    for (let sec = 20; sec < 200; sec += 20) {
      gateway.now(sec);
      gate.passData(0, 1, 5000);
      gate.passAck(0, 0);
      row.collect();
      assert.deepEqual([row.state(), row.left()], [TcpState.CloseWait, 60]);
    }
    assert.equal(gate.actions(0), 'forward forward');
    gateway.now(241);
    assert.equal(gateway.connections, 0);
  });

  test('is known as such before a packet of it is judged', () => {
    const gated = carried();
    const { gate, session } = gated;
    const row = rowOf(gated);
    gate.passFin(0, 1);
    session.server.next += 1;
    session.client.expected += 1;
    session.inject(session.client, { flags: 'R', seq: session.client.next });
    assert.deepEqual([row.state(), row.left()], [TcpState.Close, 10]);
    assert.deepEqual(gated.told, [TcpState.FinWait, TcpState.Close]);
    assert.equal(gate.flows.size, 0);
  });

  test('leaves its ports to the next one at once', () => {
    const gated = carried();
    const { gateway, session } = gated;
    close(gated);
    gateway.events.length = 0;
    const again = session.inject(session.client, { flags: 'S', seq: 900_000 });
    assert.equal(again.reason, '');
    assert.equal(gateway.eventTexts('new').length, 1);
    assert.equal(gateway.eventTexts('destroy').length, 1);
    assert.equal(gateway.connections, 1);
  });

  test('keeps a timeout that was fixed', () => {
    const gated = carried();
    const row = rowOf(gated);
    const { table } = row.conntrack;
    table.refresh(0, gated.gateway.clock, 7);
    table.addStatus(0, Status.FixedTimeout);
    close(gated);
    row.collect();
    assert.deepEqual([row.state(), row.left()], [TcpState.TimeWait, 7]);
  });

  test('shows who closed it', () => {
    const gated = carried();
    const { tcp } = rowOf(gated).conntrack.trackers;
    close(gated);
    rowOf(gated).collect();
    assert.equal(tcp.flags(0, 0) & TcpSideFlag.CloseInit, 0);
    assert.notEqual(tcp.flags(0, 1) & TcpSideFlag.CloseInit, 0);
  });
});

describe('FTP', () => {
  /** A control connection in passive mode, and its data connection behind the SYN/ACK. */
  function announced() {
    const gated = makeGated();
    const { gateway, gate } = gated;
    const control = new TcpSession(gateway).connect();
    control.serverSays('220 hello\r\n');
    control.clientSays('PASV\r\n');
    control.serverSays('227 Entering Passive Mode (198,51,100,9,117,48).\r\n');
    control.clientAcks();
    return { ...gated, control, told: listenTo(gated), row: rowOf(gated), gate };
  }

  test('a data connection that is opened and closed in the gate', () => {
    const { gateway, gate, told } = announced();
    const { conntrack } = gateway.engine.tracking;
    const { table } = conntrack;
    const [client, server] = ['192.168.1.10', '198.51.100.9'];
    const there = { src: client, dst: server, sport: 40_001, dport: 30_000 };
    const back = { src: server, dst: client, sport: 30_000, dport: 40_001 };
    gateway.inject('lan', buildTcp({ ...there, flags: 'S', seq: 100 }));
    gateway.inject('wan', buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    assert.equal(gate.actions(1), 'forward forward');
    assert.equal(gate.flows.get(1)?.sides[3], 900, 'before all that will be acknowledged');
    gate.passAck(1, 0);
    gate.passData(1, 1, 4096);
    gate.passFin(1, 1);
    gate.passAck(1, 0);
    gate.passFin(1, 0);
    gate.passAck(1, 1);
    assert.equal(table.get(1, Field.State), TcpState.SynRecv);
    told.length = 0;
    conntrack.carried.collect(1);
    const { Established, FinWait, CloseWait, LastAck, TimeWait } = TcpState;
    assert.deepEqual(told, [Established, FinWait, CloseWait, LastAck, TimeWait]);
    assert.ok(table.hasStatus(1, Status.Assured));
    assert.equal(table.secondsLeft(1, gateway.clock), 120);
  });

  test('an answer that comes before anybody has collected finds it open', () => {
    const { gateway, gate } = announced();
    const { conntrack } = gateway.engine.tracking;
    const [client, server] = ['192.168.1.10', '198.51.100.9'];
    const there = { src: client, dst: server, sport: 40_001, dport: 30_000 };
    const back = { src: server, dst: client, sport: 30_000, dport: 40_001 };
    gateway.inject('lan', buildTcp({ ...there, flags: 'S', seq: 100 }));
    gateway.inject('wan', buildTcp({ ...back, flags: 'SA', seq: 900, ack: 101 }));
    gate.passAck(1, 0);
    const left = gateway.inject('wan', buildTcp({ ...back, flags: 'AU', seq: 901, ack: 101 }));
    assert.equal(left.outcome, Outcome.Forward);
    assert.equal(conntrack.table.get(1, Field.State), TcpState.Established);
    assert.equal(gate.actions(1), 'forward forward');
  });

  test('of a control connection the first FIN is seen, what follows passes', () => {
    const { gateway, gate, control, row } = announced();
    const { ftp } = gateway.engine.tracking;
    assert.equal(gate.actions(0), 'acks acks');
    assert.equal(gateway.expectations, 1);
    control.inject(control.server, { flags: 'FA' });
    assert.equal(gateway.expectations, 0);
    assert.equal(row.state(), TcpState.FinWait);
    assert.equal(gate.actions(0), 'acks acks');
    gate.passAck(0, 0);
    gate.passFin(0, 0);
    gate.passAck(0, 1);
    row.collect();
    assert.equal(row.state(), TcpState.TimeWait);
    assert.ok(ftp.sessionOf(0));
    assert.equal(ftp.isQuiet(0), false, 'nobody follows it any more');
    gateway.now(1);
    assert.equal(gate.flows.size, 0);
  });
});
