/**
 * The list of cases of the reference, hardened column: under translation. Each test is named after
 * its case.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ControlSession, ftpGateway, ftpSession } from '../ftp-session.ts';
import { PASV, PORT, perform, play, R227, R229, TO_OUTSIDE, TO_SERVER } from './play.ts';

const REWRITTEN = 'PORT 192,0,2,1,200,10\r\n';

describe('source NAT', () => {
  play('case 18: PORT', { nat: 'snat', steps: [['C', PORT, REWRITTEN]], expects: [TO_OUTSIDE] });
  test('case 19: three PORTs on one connection, every line arrives', () => {
    const session = ftpSession({ nat: 'snat' });
    for (const low of [10, 11, 12]) {
      session.step('C', `PORT 10,0,1,2,200,${low}\r\n`);
      session.step('S', '200 ok\r\n');
    }
    assert.match(session.server.received, /(PORT 192,0,2,1,200,1[012]\r\n){3}$/);
    assert.match(session.client.received, /(200 ok\r\n){3}$/);
  });
  play('case 20: PORT and LIST in one segment', {
    nat: 'snat',
    steps: [['C', `${PORT}LIST\r\n`, `${REWRITTEN}LIST\r\n`]],
    expects: [TO_OUTSIDE],
  });
  play('case 21: leading zeros', {
    nat: 'snat',
    steps: [['C', 'PORT 010,000,001,002,200,010\r\n', REWRITTEN]],
    expects: [TO_OUTSIDE],
  });
  play('case 22: EPRT keeps its delimiter', {
    nat: 'snat',
    steps: [['C', 'EPRT !1!10.0.1.2!51210!\r\n', 'EPRT !1!192.0.2.1!51210!\r\n']],
    expects: [TO_OUTSIDE],
  });
  play('case 23: EPRT over IPv6', {
    nat: 'snat',
    ipv6: true,
    steps: [['C', 'EPRT |2|2001:db8:1::2|51210|\r\n', 'EPRT |2|2001:db8:2::1|51210|\r\n']],
    expects: ['2001:db8:2::2>2001:db8:2::1:51210'],
  });
  play('case 24: 227 and 229 of the server stay as they are', {
    nat: 'snat',
    steps: [
      ['C', PASV],
      ['S', R227],
      ['C', 'EPSV\r\n'],
      ['S', R229],
    ],
    expects: [TO_SERVER],
  });
  test('case 29: two clients announce the same port', () => {
    const ftp = { nat: 'snat' } as const;
    const gateway = ftpGateway(ftp);
    const first = new ControlSession(gateway, ftp, { clientPort: 50_001 });
    const second = new ControlSession(gateway, ftp, { clientPort: 50_002 });
    first.step('C', PORT);
    const other = second.step('C', PORT);
    assert.match(other, /^PORT 192,0,2,1,\d+,\d+\r\n$/);
    assert.notEqual(other, REWRITTEN);
    assert.equal(first.expected().length, 2);
  });
  test('case 30: the same with port 65535: another one is found', () => {
    const ftp = { nat: 'snat' } as const;
    const gateway = ftpGateway(ftp);
    const last = 'PORT 10,0,1,2,255,255\r\n';
    new ControlSession(gateway, ftp, { clientPort: 50_001 }).step('C', last);
    const second = new ControlSession(gateway, ftp, { clientPort: 50_002 });
    assert.match(second.step('C', last), /^PORT 192,0,2,1,\d+,\d+\r\n$/);
    assert.equal(second.expected().length, 2);
  });
  play('case 32: port 0', {
    nat: 'snat',
    steps: [['C', 'PORT 10,0,1,2,0,0\r\n']],
    refuses: ['PORT port-zero pass'],
  });
  play('case 33: 234 blanks behind the numbers', {
    nat: 'snat',
    steps: [['C', `PORT 10,0,1,2,113,42${' '.repeat(234)}\r\n`]],
    refuses: ['PORT malformed pass'],
  });
  play('a client that announces its public address already', {
    nat: 'snat',
    steps: [['C', REWRITTEN]],
    expects: [TO_OUTSIDE],
  });
  play('PORT 0,0,0,0 becomes the address that the server can reach', {
    nat: 'snat',
    steps: [['C', 'PORT 0,0,0,0,200,10\r\n', REWRITTEN]],
    expects: [TO_OUTSIDE],
  });
  test('case 34: a retransmitted PORT is rewritten once', () => {
    const session = ftpSession({ nat: 'snat' });
    const { seq } = { seq: session.client.next };
    session.step('C', PORT);
    assert.equal(session.stepAt(session.client, seq, PORT), REWRITTEN);
    assert.equal(session.around.engine.tracking.ftp.counters.announced, 1);
    session.step('C', 'LIST\r\n');
    assert.match(session.server.received, /PORT 192,0,2,1,200,10\r\nLIST\r\n$/);
  });
  test('case 50 under NAT: one byte a segment', () => {
    const session = ftpSession({ nat: 'snat' });
    for (const byte of PORT) session.step('C', byte);
    session.step('C', 'LIST\r\n');
    assert.match(session.server.received, /PORT 192,0,2,1,200,10\r\nLIST\r\n$/);
    assert.deepEqual(session.expected(), [TO_OUTSIDE]);
  });
});

describe('destination NAT', () => {
  play('case 25: 227 of the server', {
    nat: 'dnat',
    steps: [
      ['C', PASV],
      ['S', R227, '227 Entering Passive Mode (10,0,1,1,200,10).\r\n'],
      ['S', '150 go\r\n'],
    ],
    expects: ['10.0.1.2>10.0.1.1:51210'],
  });
  test('case 27: active, the data connection comes from the public address', () => {
    const session = perform({
      nat: 'dnat',
      steps: [['C', PORT]],
      expects: ['192.0.2.2>10.0.1.2:51210'],
    });
    const left = session.dataSyn(session.server, 20, '10.0.1.2', 51_210);
    assert.equal(left.seen?.src, '10.0.1.1');
    assert.equal(left.seen?.sport, 20);
  });
  play('case 28: a server that announces its public address already', {
    nat: 'dnat',
    steps: [
      ['C', PASV],
      ['S', '227 Entering Passive Mode (10,0,1,1,200,10).\r\n'],
    ],
    expects: ['10.0.1.2>10.0.1.1:51210'],
  });
  play('a reply split over segments', {
    nat: 'dnat',
    steps: [
      ['C', PASV],
      ['S', '227 Entering Passive Mode (192,0,', 'hold'],
      ['S', '2,2,200,10).\r\n', '227 Entering Passive Mode (10,0,1,1,200,10).\r\n'],
    ],
    expects: ['10.0.1.2>10.0.1.1:51210'],
  });
});

describe('two control connections, one endpoint', () => {
  test('case 31: without translation the second one is told so by the server', () => {
    const gateway = ftpGateway();
    const first = new ControlSession(gateway, {}, { clientPort: 50_001 });
    const second = new ControlSession(gateway, {}, { clientPort: 50_002 });
    first.step('C', PORT);
    assert.equal(second.step('C', PORT), 'XXXX 10,0,1,2,200,10\r\n');
    assert.deepEqual(
      second.refusals().at(-1),
      'PORT already-expected reject "PORT 10,0,1,2,200,10"',
    );
  });
});
