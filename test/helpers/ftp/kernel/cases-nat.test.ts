/** The cases of the reference's list (c), column K: under address translation. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import { be32, join } from '../../../support/bytes.ts';
import { ftpWith } from '../../../support/ftp-options.ts';
import { makeGateway } from '../../../support/gateway.ts';
import { TcpSession } from '../../../support/tcp-session.ts';
import { isExpected } from '../ftp-session.ts';
import { KernelTalk, talk } from './talk.ts';

const PORT = 'PORT 10,0,1,2,200,10\r\n';
const TOLD = 'PORT 192,0,2,1,200,10\r\n';
const EXPECTED = '192.0.2.2>192.0.2.1:51210';

/** A second client beside the one of `first`, through the same gateway. */
function beside(first: KernelTalk, nat: 'plain' | 'snat', options = {}): KernelTalk {
  return new KernelTalk(first.around, { nat }, { clientPort: 50_941, ...options });
}

const portOf = (expectation: string) => Number(/:(\d+)$/.exec(expectation)![1]);

/** Warm, with addresses of a test's own, under one rule of the nat table. */
function translated(rule: string, client: string, server: string, target = server): TcpSession {
  const gateway = makeGateway({
    rules: `*nat\n${rule}\nCOMMIT\n`,
    interfaces: {
      lan: ['192.168.1.1/24', '192.168.123.1/24'],
      wan: '203.0.113.1/24',
    },
    settings: { ftp: ftpWith({}, { mode: 'kernel' }) },
  });
  const session = new TcpSession(gateway, {
    client: { address: client, port: 40_000 },
    server: { address: server, port: 21 },
    target: { address: target, port: 21 },
  });
  session.connect();
  session.serverSays('220 hi\r\n');
  session.clientSays('USER a\r\n');
  return session;
}

describe('source NAT', () => {
  test('case 18: PORT is rewritten, and later numbers are shifted', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(session.step('C', PORT), TOLD);
    assert.deepEqual(session.expected(), [EXPECTED]);
    const { ftp } = session.around.engine.tracking;
    assert.deepEqual([ftp.counters.announced, ftp.counters.rewritten, ftp.edited], [1, 1, 1]);
    // The books of the session demand seq + 1 there and ack - 1 here.
    assert.deepEqual(session.steps('CNOOP\r\n', 'S200 ok\r\n'), ['pass', 'pass']);
  });

  test('case 19: three PORTs, and every line arrives', () => {
    const session = talk({ nat: 'snat' });
    for (let i = 0; i < 3; i++) {
      const [port, reply] = session.steps(`CPORT 10,0,1,2,200,${i}\r\n`, 'S200 ok\r\n');
      assert.deepEqual([port, reply], [`PORT 192,0,2,1,200,${i}\r\n`, 'pass']);
    }
    assert.deepEqual(session.steps('CNOOP\r\n', 'S200 ok\r\n'), ['pass', 'pass']);
    assert.equal(session.server.expected, (session.client.next + 3) >>> 0);
  });

  test('case 20: what stands behind PORT in its segment is kept', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(session.step('C', `${PORT}LIST\r\n`), `${TOLD}LIST\r\n`);
    assert.deepEqual(session.expected(), [EXPECTED]);
    assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
  });

  test('case 21: leading zeros go', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(
      session.step('C', 'port 010,000,001,002,200,010\r\n'),
      TOLD.replace('PORT', 'port'),
    );
    assert.deepEqual(session.expected(), [EXPECTED]);
    assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
  });

  test('case 22: EPRT gets the usual delimiter', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(session.step('C', 'EPRT !1!10.0.1.2!51210!\r\n'), 'EPRT |1|192.0.2.1|51210|\r\n');
    assert.deepEqual(session.expected(), [EXPECTED]);
  });

  test('case 23: EPRT over IPv6 gets the address in full', () => {
    const session = talk({ nat: 'snat', ipv6: true });
    assert.equal(
      session.step('C', 'EPRT |2|2001:db8:1::2|51210|\r\n'),
      'EPRT |2|2001:0db8:0002:0000:0000:0000:0000:0001|51210|\r\n',
    );
    assert.deepEqual(session.expected(), ['2001:db8:2::2>2001:db8:2::1:51210']);
    assert.deepEqual(session.steps('CNOOP\r\n', 'S200 ok\r\n'), ['pass', 'pass']);
  });

  test('case 24: 227 and 229 stay as they are', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(session.step('S', '227 hi (192,0,2,2,200,10).\r\n'), 'pass');
    assert.deepEqual(session.expected(), ['10.0.1.2>192.0.2.2:51210']);
    assert.equal(session.step('S', '229 hi (|||51211|)\r\n'), 'pass');
    assert.deepEqual(session.expected(), ['10.0.1.2>192.0.2.2:51211']);
    // They are written anew all the same, in the usual form.
    assert.equal(session.step('S', '229 hi (~~~0051212~) x\r\n'), '229 hi (|||51212|) x\r\n');
    const { counters } = session.around.engine.tracking.ftp;
    assert.deepEqual([counters.announced, counters.rewritten], [3, 1]);
  });

  test('case 29: two clients announce the same port: the second gets another one', () => {
    const first = talk({ nat: 'snat' });
    const second = beside(first, 'snat', { clientAddress: '10.0.1.3' });
    first.step('C', PORT);
    const told = second.step('C', 'PORT 10,0,1,3,200,10\r\n');
    const [, ...ports] = first
      .expected()
      .map(portOf)
      .sort((a, b) => a - b);
    assert.equal(ports.length, 1);
    const [port = 0] = ports;
    assert.ok(port > 51_210 && port <= 65_534, `${port}`);
    assert.equal(told, `PORT 192,0,2,1,${port >> 8},${port & 255}\r\n`);
    const syn = second.dataSyn(second.server, 20, '192.0.2.1', port);
    assert.deepEqual([syn.seen!.dst, syn.seen!.dport], ['10.0.1.3', 51_210]);
  });

  test('case 30: behind port 65535 there is no other one', () => {
    const first = talk({ nat: 'snat' });
    const second = beside(first, 'snat', { clientAddress: '10.0.1.3' });
    assert.equal(first.step('C', 'PORT 10,0,1,2,255,255\r\n'), 'PORT 192,0,2,1,255,255\r\n');
    assert.equal(second.step('C', 'PORT 10,0,1,3,255,255\r\n'), 'drop');
    assert.deepEqual(first.expected(), ['192.0.2.2>192.0.2.1:65535']);
  });

  test('case 31: the same endpoint from a second control connection, without NAT', () => {
    const first = talk();
    const second = beside(first, 'plain');
    assert.equal(first.step('C', PORT), 'pass');
    assert.equal(second.step('C', PORT), 'drop');
    // The place behind the dropped line is known all the same.
    assert.equal(second.step('C', 'PORT 10,0,1,2,200,11\r\n'), 'pass');
    assert.equal(first.expected().length, 2);
  });

  test('case 32: port 0 is dropped, and its expectation stays', () => {
    const session = talk({ nat: 'snat' });
    assert.equal(session.step('C', 'PORT 10,0,1,2,0,0\r\n'), 'drop');
    assert.deepEqual(session.expected(), ['192.0.2.2>192.0.2.1:0']);
  });

  test("case 32: a second port 0 is somebody else's: another one is found", () => {
    const first = talk({ nat: 'snat' });
    const second = beside(first, 'snat', { clientAddress: '10.0.1.3' });
    first.step('C', 'PORT 10,0,1,2,0,0\r\n');
    assert.match(second.step('C', 'PORT 10,0,1,3,0,0\r\n'), /^PORT 192,0,2,1,\d+,\d+\r\n$/);
    assert.equal(first.expected().length, 2);
  });

  test('case 33: 234 spaces behind the line are kept; before its end they are its end', () => {
    const rule = '-A POSTROUTING -o wan -j SNAT --to-source 192.168.1.1';
    const session = translated(rule, '192.168.123.2', '198.51.100.9');
    const spaces = ' '.repeat(234);
    session.clientSays(`PORT 192,168,123,2,113,42\r\n${spaces}\n`);
    assert.ok(session.server.received.endsWith(`PORT 192,168,1,1,113,42\r\n${spaces}\n`));
    const dropped = session.clientSays(`PORT 192,168,123,2,113,42${spaces}\r\n`);
    assert.equal(dropped.outcome, Outcome.Drop);
  });

  test('case 34: PORT again gets the same text, and the numbers are shifted once', () => {
    const session = talk({ nat: 'snat' });
    const at = session.client.next;
    session.step('C', PORT);
    const again = session.inject(session.client, { seq: at, payload: PORT, flags: 'PA' });
    assert.equal(again.seen!.text, TOLD);
    assert.equal(again.seen!.seq, at);
    assert.deepEqual(session.expected(), [EXPECTED]);
    assert.deepEqual(session.steps('CNOOP\r\n', 'S200 ok\r\n'), ['pass', 'pass']);
  });

  test('case 34: two lines later its place is forgotten, and it passes as it is', () => {
    const session = talk({ nat: 'snat' });
    const at = session.client.next;
    session.steps(`C${PORT}`, 'CNOOP\r\n', 'CNOOP\r\n');
    assert.equal(session.stepAt(session.client, at, PORT), 'pass');
  });

  test('case 35: SACK edges behind the rewritten line are shifted', () => {
    const session = talk({ nat: 'snat' });
    const { client, server } = session;
    const before = server.expected;
    session.step('C', PORT);
    const noop = client.next;
    session.step('C', 'NOOP\r\n');
    const left = (before + TOLD.length) >>> 0;
    const head = Uint8Array.of(1, 1, 5, 10);
    const block = join(head, be32(left), be32((left + 6) >>> 0));
    const sack = session.inject(server, { flags: 'A', ack: before, options: block });
    const { options, ack } = sack.seen!;
    assert.equal(ack, (noop - PORT.length) >>> 0);
    assert.deepEqual(options, join(head, be32(noop), be32((noop + 6) >>> 0)));
  });
});

describe('destination NAT', () => {
  test('case 25: 227 shows the public address, and the data connection finds the server', () => {
    const session = talk({ nat: 'dnat' });
    assert.equal(
      session.step('S', '227 hi (192,0,2,2,200,10).\r\n'),
      '227 hi (10,0,1,1,200,10).\r\n',
    );
    assert.deepEqual(session.expected(), ['10.0.1.2>10.0.1.1:51210']);
    assert.deepEqual(session.steps('CRETR x\r\n', 'S150 go\r\n', 'CNOOP\r\n'), [
      'pass',
      'pass',
      'pass',
    ]);
    assert.equal(session.client.expected, (session.server.next - 1) >>> 0);
    const syn = session.dataSyn(session.client, 40_000, '10.0.1.1', 51_210);
    assert.deepEqual([syn.seen!.dst, syn.seen!.dport], ['192.0.2.2', 51_210]);
  });

  test('case 26: the address may grow', () => {
    const rule = '-A PREROUTING -i lan -d 10.1.1.200 -j DNAT --to-destination 10.1.100.1';
    const session = translated(rule, '192.168.1.10', '10.1.100.1', '10.1.1.200');
    session.serverSays('227 Entering Passive Mode (10,1,100,1,200,10).\r\n');
    session.serverSays('150 go\r\n');
    assert.ok(
      session.client.received.endsWith(
        '227 Entering Passive Mode (10,1,1,200,200,10).\r\n150 go\r\n',
      ),
    );
    session.clientSays('NOOP\r\n');
  });

  test('case 27: active data comes from the public address, source port 20 kept', () => {
    const session = talk({ nat: 'dnat' });
    assert.equal(session.step('C', PORT), 'pass');
    const syn = session.dataSyn(session.server, 20, '10.0.1.2', 51_210);
    assert.equal(syn.outcome, Outcome.Forward);
    assert.ok(isExpected(session.around));
    const { src, sport, dst, dport } = syn.seen!;
    assert.deepEqual([src, sport, dst, dport], ['10.0.1.1', 20, '10.0.1.2', 51_210]);
  });

  test('case 28: a server that says its public address opens nothing', () => {
    const session = talk({ nat: 'dnat' });
    assert.equal(session.step('S', '227 hi (10,0,1,1,200,10).\r\n'), 'pass');
    assert.deepEqual(session.expected(), []);
  });
});
