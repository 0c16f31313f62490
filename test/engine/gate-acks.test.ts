/** Control connections of which a gate lets acknowledgements pass: for as long as nobody needs them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultFtpOptions } from '../../src/helpers/index.ts';
import { TcpSession } from '../support/tcp-session.ts';
import { filter } from './ftp-rules.ts';
import { type Gated, makeGated } from './gate-support.ts';

const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

interface Dialogue extends Gated {
  readonly session: TcpSession;
}

function greeted(
  rules = masquerade + filter,
  ftpMode: 'hardened' | 'kernel' = 'hardened',
): Dialogue {
  const gated = makeGated({ rules, settings: { ftp: { ...defaultFtpOptions, mode: ftpMode } } });
  const session = new TcpSession(gated.gateway, { options: true }).connect();
  session.serverSays('220 hello\r\n');
  return { ...gated, session };
}

/** An acknowledgement of everything passes in the gate: the engine does not see it. */
function ackPasses({ gate }: Gated, session: TcpSession, from: 0 | 1, stamp = 0): void {
  const end = from === 0 ? session.client : session.server;
  gate.pass(0, from, 1, 52);
  gate.flows.get(0)!.sides[4 * from + 3] = end.expected | 0;
  gate.flows.get(0)!.spokeLast = from;
  gate.flows.get(0)!.stamps[from] = stamp;
}

describe('acknowledgements that pass without the engine', () => {
  test('change nothing for what follows', () => {
    const dialogue = greeted();
    const { gate, gateway, session } = dialogue;
    assert.equal(gate.actions(0), 'acks acks');
    for (let n = 0; n < 20; n++) {
      ackPasses(dialogue, session, 0);
      session.clientSays(`CWD /some/where/${n}\r\n`);
      ackPasses(dialogue, session, 1);
      session.serverSays('250 Directory changed.\r\n');
    }
    assert.deepEqual(gate.calls, []);
    gate.collect(0);
    const { table } = gateway.engine.tracking.conntrack;
    assert.deepEqual([table.packets(0, 0), table.packets(0, 1)], [2 + 40, 2 + 40]);
    session.close();
    assert.equal(gate.actions(0), '- -');
  });

  test('set free what is kept for retransmissions, however long a reply is', () => {
    const dialogue = greeted();
    const { gate, session } = dialogue;
    ackPasses(dialogue, session, 0);
    const line = `250-${'x'.repeat(1000)}\r\n`;
    for (let n = 0; n < 200; n++) {
      session.serverSays(line);
      ackPasses(dialogue, session, 0);
    }
    assert.equal(session.client.received.length, 11 + 200 * line.length);
    assert.deepEqual(gate.calls, []);
  });

  test('are counted by the rules that let them pass', () => {
    const { gate, gateway } = greeted();
    const before = gateway.count('filter', 'FORWARD', 1);
    gate.pass(0, 0, 5, 260);
    gate.collect(0);
    assert.equal(gateway.count('filter', 'FORWARD', 1), before + 5);
  });

  test('a connection with a helper as the kernel has it, too', () => {
    const dialogue = greeted(masquerade + filter, 'kernel');
    assert.equal(dialogue.gate.actions(0), 'acks acks');
  });
});

describe('every packet comes to the engine', () => {
  test('where rules look at single packets', () => {
    const limit = '*filter\n-A FORWARD -p tcp -m limit --limit 5/s\nCOMMIT\n';
    assert.equal(greeted(limit).gate.actions(0), 'known known');
  });

  test('where only one direction would be forwarded for good', () => {
    const oneWay =
      '*filter\n-A FORWARD -i wan -p tcp -m length --length 0:1500 -j ACCEPT\nCOMMIT\n';
    assert.equal(greeted(oneWay).gate.actions(0), 'known known');
  });

  test('from the first byte on that is held back, and until its receiver has it', () => {
    const dialogue = greeted();
    const { gate, session } = dialogue;
    ackPasses(dialogue, session, 0);
    const kept = session.inject(session.client, { payload: 'PORT 192,', flags: 'PA' });
    assert.equal(kept.seen?.text, '', 'what it acknowledges goes on');
    assert.equal(kept.answers.length, 1);
    assert.deepEqual(gate.calls, ['withdraw 0']);
    session.client.next += 9;
    const left = session.inject(session.client, { payload: '168,1,10,200,10\r\n', flags: 'PA' });
    assert.match(left.seen?.text ?? '', /^PORT 203,0,113,1,/);
    assert.equal(gate.actions(0), 'known known');
  });

  test('as soon as numbers differ', () => {
    const dialogue = greeted();
    const { gate, session } = dialogue;
    ackPasses(dialogue, session, 0);
    const port = 'PORT 192,168,1,10,200,10\r\n';
    const left = session.inject(session.client, { payload: port, flags: 'PA' });
    assert.notEqual(left.seen?.text.length, port.length);
    assert.deepEqual(gate.calls, ['withdraw 0']);
    assert.equal(gate.actions(0), 'known known');
  });
});

test('what is promised in the name of an end bears no older timestamp than the end has sent', () => {
  const dialogue = greeted();
  const { gate, session } = dialogue;
  // The client's last segment here bore a 1.
  session.clientSays('PASV\r\n');
  ackPasses(dialogue, session, 0, 77);
  const { answers } = session.inject(session.server, { payload: '227 Entering', flags: 'PA' });
  assert.equal(answers.length, 1);
  const options = Buffer.from(answers[0]!.seen.options);
  assert.equal(options.readUInt32BE(4), 77);
  assert.deepEqual(gate.calls, ['withdraw 0']);
  // Nor do later ones, though that acknowledgement is gone from the gate.
  session.server.next += 12;
  const again = session.inject(session.server, { payload: ' Passive', flags: 'PA' });
  assert.equal(Buffer.from(again.answers[0]!.seen.options).readUInt32BE(4), 77);
});
