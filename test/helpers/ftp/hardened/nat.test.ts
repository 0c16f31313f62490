import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../../src/conntrack/index.ts';
import { Outcome } from '../../../../src/engine/index.ts';
import { ControlSession, ftpGateway, ftpSession } from '../ftp-session.ts';

const PORT = 'PORT 10,0,1,2,200,10\r\n';
const TOLD = 'PORT 192,0,2,1,200,10\r\n';
const EXPECTED = '192.0.2.2>192.0.2.1:51210';

/** The port of a `PORT a,b,c,d,p,q`. */
function portOf(line: string): number {
  const match = /^PORT \d+,\d+,\d+,\d+,(\d+),(\d+)\r\n$/.exec(line);
  assert.ok(match, line);
  return Number(match[1]) * 256 + Number(match[2]);
}

describe('source NAT', () => {
  test('PORT and EPRT are announced under the outside address', () => {
    const session = ftpSession({ nat: 'snat' });
    assert.equal(session.step('C', PORT), TOLD);
    assert.deepEqual(session.expected(), [EXPECTED]);
    assert.equal(session.step('C', 'eprt !1!10.0.1.2!4444!\r\n'), 'eprt !1!192.0.2.1!4444!\r\n');
    const v6 = ftpSession({ nat: 'snat', ipv6: true });
    assert.equal(
      v6.step('C', 'EPRT |2|2001:db8:1::2|51210|\r\n'),
      'EPRT |2|2001:db8:2::1|51210|\r\n',
    );
    assert.deepEqual(v6.expected(), ['2001:db8:2::2>2001:db8:2::1:51210']);
  });

  test('replies stay as they are', () => {
    const session = ftpSession({ nat: 'snat' });
    session.step('C', 'PASV\r\nEPSV\r\n');
    assert.equal(session.step('S', '227 hi (192,0,2,2,200,10)\r\n'), 'pass');
    assert.equal(session.step('S', '229 hi (|||51211|)\r\n'), 'pass');
    assert.deepEqual(session.expected(), ['10.0.1.2>192.0.2.2:51211']);
  });

  test('active data arrives at the client, whatever the gateway was told to masquerade', () => {
    const session = ftpSession({ nat: 'snat' });
    session.step('C', PORT);
    const syn = session.dataSyn(session.server, 20, '192.0.2.1', 51210);
    assert.equal(syn.outcome, Outcome.Forward);
    assert.equal(session.around.engine.flight.ctState & CtStateBit.Related, CtStateBit.Related);
    const { src, sport, dst, dport } = syn.seen!;
    assert.deepEqual([src, sport, dst, dport], ['192.0.2.2', 20, '10.0.1.2', 51210]);
    const numbers = { seq: 500, ack: 78 };
    const ports = { sport: 51210, dport: 20 };
    const answer = session.inject(session.client, { ...ports, ...numbers, flags: 'SA' });
    assert.deepEqual([answer.seen!.src, answer.seen!.sport], ['192.0.2.1', 51210]);
  });

  test('lines grow and shrink, and both ends keep their own numbers', () => {
    // TcpSession compares sequence and acknowledgement numbers of every segment.
    const session = ftpSession({ nat: 'snat' });
    const forms = [
      PORT,
      'PORT 010,000,001,002,200,010\r\n',
      `${PORT}LIST\r\n`,
      'EPRT |1|10.0.1.2|51210|\r\n',
      `NOOP\r\n${PORT}PORT 10,0,1,2,9,99\r\nNOOP\r\n`,
    ];
    for (const form of [...forms, ...forms]) {
      session.step('C', form);
      session.step('S', '200 ok\r\n'.repeat(form.split('\n').length - 1));
      session.clientAcks();
    }
    assert.ok(session.server.received.endsWith(`NOOP\r\n${TOLD}PORT 192,0,2,1,9,99\r\nNOOP\r\n`));
    assert.ok(session.server.received.includes(`${TOLD}LIST\r\n`));
  });

  test('a retransmitted PORT gets the same replacement, also when it has been used', () => {
    const session = ftpSession({ nat: 'snat' });
    const at = session.client.next;
    session.step('C', PORT);
    assert.equal(session.stepAt(session.client, at, PORT), TOLD);
    session.dataSyn(session.server, 20, '192.0.2.1', 51210);
    assert.deepEqual(session.expected(), []);
    assert.equal(session.stepAt(session.client, at, PORT), TOLD);
    assert.equal(session.stepAt(session.client, at, `${PORT}LIST\r\n`), `${TOLD}LIST\r\n`);
    assert.deepEqual(session.expected(), []);
    session.client.next += 6;
    session.server.expected = (session.server.expected + 6) >>> 0;
    assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
  });

  test('a segment that cuts through replaced bytes carries the whole replacement', () => {
    const session = ftpSession({ nat: 'snat' });
    const at = session.client.next;
    session.step('C', PORT);
    for (const [from, to] of [
      [8, PORT.length],
      [0, 8],
      [3, 9],
    ] as const) {
      const again = session.inject(session.client, {
        seq: at + from,
        payload: PORT.slice(from, to),
      });
      assert.equal(again.seen!.text, TOLD);
      assert.equal(again.seen!.seq, (session.server.expected - TOLD.length) >>> 0);
    }
  });

  test('a port that is expected already is replaced by a free one, and that is announced', () => {
    const gateway = ftpGateway({ nat: 'snat' });
    const sessions = [0, 1, 2].map(
      (i) =>
        new ControlSession(
          gateway,
          {},
          { clientPort: 50_940 + i, clientAddress: `10.0.1.${2 + i}` },
        ),
    );
    const told = sessions.map((session, i) => {
      session.step('C', `PORT 10,0,1,${2 + i},200,10\r\n`);
      return portOf(session.server.received.slice(session.server.received.lastIndexOf('PORT')));
    });
    assert.equal(told[0], 51_210);
    assert.equal(new Set(told).size, 3);
    assert.ok(told.every((port) => port >= 1024));
    assert.equal(sessions[0]!.expected().length, 3);
    const last = sessions[2]!;
    const syn = last.dataSyn(last.server, 20, '192.0.2.1', told[2]!);
    assert.deepEqual([syn.seen!.dst, syn.seen!.dport], ['10.0.1.4', 51_210]);
    assert.equal(last.step('C', 'NOOP\r\n'), 'pass');
  });

  test('split anywhere it is rewritten, in one piece', () => {
    for (let at = 1; at < PORT.length; at++) {
      const session = ftpSession({ nat: 'snat' });
      assert.equal(session.step('C', PORT.slice(0, at)), 'hold', `split at ${at}`);
      assert.equal(session.step('C', PORT.slice(at)), TOLD, `split at ${at}`);
      assert.deepEqual(session.expected(), [EXPECTED]);
      session.step('C', 'NOOP\r\n');
    }
  });

  test('what is kept back is acknowledged to its sender', () => {
    const session = ftpSession({ nat: 'snat' });
    session.serverAcks();
    const { client, server } = session;
    const [ack] = session.inject(client, { payload: 'PORT 10,0,', flags: 'PA' }).answers;
    const { src, sport, dst, dport, seq, text } = ack!.seen;
    assert.deepEqual([src, sport], [client.peerAddress, 21]);
    assert.deepEqual([dst, dport], [client.address, client.port]);
    assert.deepEqual([seq, ack!.seen.ack, text], [client.expected, client.next + 10, '']);
    // What the server says meanwhile must not take that back.
    const reply = session.inject(server, { payload: '200 late\r\n', flags: 'PA' });
    assert.equal(reply.seen!.ack, client.next + 10);
  });

  test('the numbers of that acknowledgement are those of its receiver, and up to date', () => {
    const session = ftpSession({ nat: 'dnat' });
    session.step('C', 'PASV\r\n');
    // Longer by a byte than it was sent, so that the numbers of the two ends differ.
    session.step('S', '227 (192,0,2,2,200,10)\r\n');
    session.clientAcks();
    session.serverAcks();
    const { client, server } = session;
    const late = session.inject(server, { payload: '150 late\r\n', flags: 'PA' });
    const [ack] = session.inject(client, { payload: 'PORT 10,0,', flags: 'PA' }).answers;
    assert.equal(ack!.seen.seq, late.seen!.seq + '150 late\r\n'.length);
    assert.equal(ack!.seen.ack, client.next + 10);
  });

  test('what a segment that is kept back acknowledges is not kept back', () => {
    const session = ftpSession({ nat: 'snat' });
    session.serverSays('200 ok\r\n');
    const { client, server } = session;
    const left = session.inject(client, { payload: 'PORT 10', flags: 'PA' });
    assert.deepEqual([left.seen?.text, left.seen?.ack], ['', server.next]);
    assert.deepEqual([left.seen?.src, left.seen?.seq], ['192.0.2.1', server.expected]);
    // Once is enough: a second one would look like loss.
    const again = session.inject(client, { payload: 'PORT 10', flags: 'PA' });
    assert.equal(again.seen, null);
  });

  test('a 227 that is split', () => {
    const session = ftpSession({ nat: 'snat' });
    session.step('C', 'PASV\r\n');
    assert.equal(session.step('S', '227 hi (192,0,2,2,2'), 'hold');
    assert.equal(session.step('S', '00,10)\r\n'), '227 hi (192,0,2,2,200,10)\r\n');
    assert.deepEqual(session.expected(), ['10.0.1.2>192.0.2.2:51210']);
  });

  test('hundreds of PORTs, then the first again: it must not pass unrewritten', () => {
    const session = ftpSession({ nat: 'snat' });
    const at = session.client.next;
    for (let i = 0; i < 500; i++) {
      session.step('C', `PORT 10,0,1,2,${100 + (i % 100)},${i % 256}\r\n`);
      session.step('S', '200 ok\r\n');
    }
    assert.equal(session.expected().length, 1);
    // The server has it: nothing of it is sent again, but the server is made to say so again.
    assert.equal(session.stepAt(session.client, at, 'PORT 10,0,1,2,100,0\r\n'), 'hold');
    session.step('C', 'NOOP\r\n');
  });
});

describe('destination NAT', () => {
  test('227 is announced under the public address, and leads to the server', () => {
    const session = ftpSession({ nat: 'dnat' });
    session.step('C', 'PASV\r\n');
    assert.equal(
      session.step('S', '227 hi (192,0,2,2,200,10).\r\n'),
      '227 hi (10,0,1,1,200,10).\r\n',
    );
    assert.deepEqual(session.expected(), ['10.0.1.2>10.0.1.1:51210']);
    const syn = session.dataSyn(session.client, 40_000, '10.0.1.1', 51210);
    assert.deepEqual([syn.seen!.dst, syn.seen!.dport], ['192.0.2.2', 51_210]);
    session.step('C', 'NOOP\r\n');
    session.step('S', '200 ok\r\n');
    session.step('C', 'NOOP\r\n');
  });

  test('229 stays as it is, and is expected at the public address', () => {
    for (const ipv6 of [false, true]) {
      const session = ftpSession({ nat: 'dnat', ipv6 });
      session.step('C', 'EPSV\r\n');
      assert.equal(session.step('S', '229 hi (|||51210|)\r\n'), 'pass');
      const expected = ipv6 ? '2001:db8:1::2>2001:db8:1::1:51210' : '10.0.1.2>10.0.1.1:51210';
      assert.deepEqual(session.expected(), [expected]);
    }
  });

  test('PORT stays as it is; the client sees data come from the public address', () => {
    const session = ftpSession({ nat: 'dnat' });
    assert.equal(session.step('C', PORT), 'pass');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51210']);
    const syn = session.dataSyn(session.server, 20, '10.0.1.2', 51210);
    assert.deepEqual([syn.seen!.src, syn.seen!.sport], ['10.0.1.1', 20]);
  });
});
