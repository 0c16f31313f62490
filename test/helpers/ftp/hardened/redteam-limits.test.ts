/** What an attacker may try besides a bounce: time, denied verbs, other protocols, old connections. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { ControlSession, ftpGateway, ftpSession } from '../ftp-session.ts';
import { ENDS, PORT, play, TO_CLIENT } from './play.ts';

describe('honest lines that look odd', () => {
  play('names with the letters of announcing verbs, in other scripts, and long', {
    steps: [
      ['C', 'STOR REPORT 1, 2, 3.pdf\r\n'],
      ['C', `RETR ${'dir/'.repeat(30)}REPORT 2, 3.pdf\r\n`],
      ['C', `CWD ${'\xe4\xbd\x8a'.repeat(60)}PORT\r\n`],
      ['C', 'STOR \xf0\x9f\x98\x8aPORT.txt\r\n'],
      ['C', 'RETR Port au Prince, 1, 2.jpg\r\n'],
      ['C', 'SITE CHMOD 644 x\r\n'],
      ['C', 'HELP PORT\r\n'],
      ['C', '\xff\xf4\xff\xf2ABOR\r\n'],
    ],
  });
  play('numbers with leading zeros are written as all servers read them', {
    steps: [['C', 'PORT 010,000,001,002,200,010\r\n', PORT]],
    expects: [TO_CLIENT],
  });
  play('a long line with a name of many bytes that comes in pieces', {
    steps: [
      ['C', `STOR ${'\xc3\xa4'.repeat(100)}`],
      ['C', `${'\xc3\xb6'.repeat(400)}\r\n`],
    ],
  });
});

describe('verbs that are denied', () => {
  const policy = { deny: ['SITE'], upload: false };
  for (const [line, struck] of [
    ['\xc5\xbfITE EXEC x\r\n', 'a long s, which Python makes a capital S'],
    ['\xc5\xbfTOR x\r\n', 'the same in STOR'],
    ['\xef\xac\x86OR x\r\n', 'a ligature of s and t'],
    ['S\xc4\xb1TE x\r\n', 'a dotless i'],
    ['\xd3ITE x\r\n', 'seven bits'],
    ['S\xff\xfd\nITE x\r\n', 'an LF as option of Telnet'],
  ] as const) {
    for (const size of [1, 99]) {
      test(`${struck}, in pieces of ${size}`, () => {
        const session = ftpSession({ ftp: ftpPolicy(policy) });
        let passed = '';
        for (let at = 0; at < line.length; at += size) {
          const text = session.step('C', line.slice(at, at + size));
          passed += text === 'pass' ? line.slice(at, at + size) : text;
        }
        assert.match(passed, /X\r\n|X x\r\n|reset|X\n|XX/, JSON.stringify(passed));
      });
    }
  }
  play('behind a bare CR of a line that never ends', {
    policy,
    steps: [['C', 'NOOP\rSITE x\r', 'hold']],
  });
});

describe('other protocols', () => {
  for (const line of ['NOOP / HTTP/1.1\r\n', 'USER /x HTTP/1.0\r\n']) {
    play(`a browser's request that begins with a verb: ${line.trim()}`, {
      warm: false,
      steps: [
        ['S', '220 hi\r\n'],
        ['C', line],
        ['S', '200 ok\r\n'],
        ['C', PORT],
      ],
      refuses: ['PORT not-ftp pass'],
    });
  }
});

function pickedUp(): ControlSession {
  const session = ftpSession();
  session.around.engine.tracking.conntrack.flush();
  session.clientAcks();
  session.serverAcks();
  return session;
}

/** Milliseconds that the gateway needs for a line that comes in segments of `size`. */
function timeOf(line: string, size: number, maxLine: number): number {
  const session = ftpSession({ ftp: ftpPolicy({ maxLine, deny: ['SITE'] }) });
  const { client, server } = session;
  const began = process.cpuUsage();
  for (let at = 0; at < line.length; at += size) {
    const payload = line.slice(at, at + size);
    session.inject(client, { payload, flags: 'PA' });
    client.next = (client.next + payload.length) >>> 0;
    const ack = (server.expected + at + payload.length) >>> 0;
    session.inject(server, { flags: 'A', ack });
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

describe('time', () => {
  const units = {
    NUL: '\0',
    'NUL and TAB': '\0\t',
    'bare CR': '\r',
    'CR and SB': '\r\xff\xfa',
    IAC: '\xff\xf1',
    'long options': 'x\xff\xfd',
    'verbs without numbers': '\rPORT ',
    'verbs and digits': '\rPORT 1,',
    'verbs of EPRT': '\rEPRT |',
    blanks: ' ',
    commas: 'PORT ,',
  };
  for (const [name, unit] of Object.entries(units)) {
    test(`does not grow with the square of a line of ${name}`, () => {
      const lineOf = (bytes: number) => `NOOP ${unit.repeat(Math.floor(bytes / unit.length))}\r\n`;
      timeOf(lineOf(4000), 1400, 65_535);
      const short = timeOf(lineOf(15_000), 1400, 65_535);
      const long = timeOf(lineOf(60_000), 1400, 65_535);
      assert.ok(long < 100 + 8 * short, `${short} ms, and ${long} ms for four times as much`);
    });
    test(`one byte a segment: ${name}`, () => {
      const line = `NOOP ${unit.repeat(Math.floor(4000 / unit.length))}\r\n`;
      const spent = timeOf(line, 1, 4096);
      assert.ok(spent < 1000, `${spent} ms for ${line.length} segments`);
    });
  }
});

describe('a control connection that comes after another in the same place', () => {
  test('nothing of the earlier one is known to it', () => {
    const gateway = ftpGateway();
    const first = new ControlSession(gateway, {}, {});
    first.clientSays('EPSV ALL\r\n');
    first.serverSays('200 ok\r\n');
    first.close();
    const second = new ControlSession(gateway, {}, { warm: false });
    second.serverSays('220 hi\r\n');
    assert.equal(second.step('C', PORT), 'pass');
    assert.deepEqual(second.expected(), [TO_CLIENT]);
  });
  test('a SYN with another number does not carry a bounce over', () => {
    const session = ftpSession({}, { warm: false });
    const { client, server } = session;
    session.inject(client, { flags: 'S', seq: client.next + 5000, ack: 0 });
    session.serverSays('220 hi\r\n');
    const left = session.inject(client, { payload: 'PORT 6,6,6,6,0,80\r\n', flags: 'PA' });
    assert.ok(left.outcome !== Outcome.Forward || !left.seen!.text.startsWith('PORT'));
    assert.equal(server.address, ENDS.server);
  });
});

describe('a stream picked up midway', () => {
  test('what has gone on ahead of a hole is not completed to a command', () => {
    const session = pickedUp();
    const { client } = session;
    const at = client.next;
    const rest = session.stepAt(client, at + 2, 'RT 6,6,6,6,0,80\r\n');
    assert.equal(rest, 'pass');
    session.serverAcks();
    // A receiver that keeps the first copy of each byte would read PORT.
    assert.equal(session.stepAt(client, at, 'POX\r\n'), 'reset');
  });
  test('an honest stream in disorder goes on', () => {
    const session = pickedUp();
    const { client } = session;
    const at = client.next;
    assert.equal(session.stepAt(client, at + 6, 'LIST\r\n'), 'pass');
    session.serverAcks();
    assert.equal(session.stepAt(client, at, 'NOOP\r\n'), 'pass');
    assert.equal(session.stepAt(client, at, 'NOOP\r\nLIST\r\n'), 'pass');
    assert.equal(session.stepAt(client, at + 12, 'PWD\r\n'), 'pass');
  });
});

test('a full window of a long reply goes on before any of it is acknowledged', () => {
  for (const nat of ['plain', 'snat'] as const) {
    const session = ftpSession({ nat });
    session.step('C', 'STAT -R\r\n');
    const { server } = session;
    const at = server.next;
    const line = `213-${'x'.repeat(1440)}\r\n`;
    for (let sent = 0; sent + line.length < 65_535; sent += line.length) {
      assert.equal(session.stepAt(server, at + sent, line), 'pass', `${nat}, after ${sent} bytes`);
    }
  }
});

test('a TLS handshake from the first byte is not touched for what looks like Telnet or a lone LF', () => {
  const session = ftpSession({}, { warm: false });
  const hello = '\x16\x03\x01\x00\x20\x01abc\x05\n\xff\xfd\nxyz\xff\nabc\xff\xfa\x02';
  assert.equal(session.step('C', hello), 'pass');
  assert.equal(session.step('S', '\x16\x03\x03\x00\x02ab'), 'pass');
});
