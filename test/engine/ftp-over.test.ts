/** Control connections that both ends have closed: little is left of them, and nothing goes wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Field, TcpState } from '../../src/conntrack/index.ts';
import { collectGarbage } from '../support/allocation.ts';
import { makeGateway } from '../support/gateway.ts';
import { hasFlags, TcpSession } from '../support/tcp-session.ts';
import { filter, nat } from './ftp-rules.ts';

const rules = nat('-A POSTROUTING -o wan -j MASQUERADE') + filter;

function converse(session: TcpSession): void {
  session.connect().greet();
  session.clientSays('USER somebody\r\n');
  session.serverSays('230 Welcome.\r\n');
  session.clientSays('PORT 192,168,1,10,200,10\r\n');
  session.serverSays('200 PORT command successful.\r\n');
  session.clientSays('QUIT\r\n');
  session.serverSays('221 Goodbye.\r\n');
}

test('what is sent once more goes on without what it says', () => {
  const gateway = makeGateway({ rules });
  const session = new TcpSession(gateway);
  converse(session);
  const { next } = session.client;
  session.close();
  assert.equal(gateway.engine.tracking.conntrack.table.get(0, Field.State), TcpState.TimeWait);
  const again = session.inject(session.client, {
    payload: 'PORT 192,168,1,10,200,10\r\nQUIT\r\n',
    flags: 'PA',
    seq: (next - 32) >>> 0,
  });
  assert.equal(again.seen?.text, '');
  assert.ok(hasFlags(again.seen, 'PA'));
  const fin = session.inject(session.client, { flags: 'FA', seq: next });
  assert.ok(hasFlags(fin.seen, 'FA'));
  assert.equal(gateway.engine.tracking.ftp.sessionOf(0)?.user, 'somebody');
});

/** Heap that a connection to this port leaves behind: of the gateway, and of what records its events. */
function heapOfEach(port: number): number {
  const gateway = makeGateway({ rules: nat('-A POSTROUTING -o wan -j MASQUERADE') });
  const pass = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) {
      const ends = { client: { port: n }, server: { port } };
      const session = new TcpSession(gateway, ends).connect().greet();
      session.clientSays('USER somebody\r\n');
      session.serverSays('230 Welcome.\r\n');
      session.clientSays('QUIT\r\n');
      session.serverSays('221 Goodbye.\r\n');
      session.close();
    }
  };
  pass(10_000, 500);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  pass(20_000, 2_000);
  collectGarbage();
  const each = (process.memoryUsage().heapUsed - before) / 2_000;
  assert.equal(gateway.connections, 2_500);
  return each;
}

test('an entry that lives on keeps no dialogue', () => {
  const plain = heapOfEach(80);
  const followed = heapOfEach(21);
  assert.ok(followed - plain < 800, `${followed} bytes, ${plain} without a helper`);
});
