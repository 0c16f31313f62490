/** Which commands a policy lets through, and how it stops the others, however they are sent. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { type ControlSession, ftpSession } from '../ftp-session.ts';
import { perform, play } from './play.ts';

type Policy = Partial<FtpPolicy>;

/** Lines under a policy, and their fates: `pass`, or the text as it went on. */
function check(policy: Policy, lines: Readonly<Record<string, string>>): void {
  for (const [line, fate] of Object.entries(lines)) {
    const session = ftpSession({ ftp: ftpPolicy(policy) });
    const wanted = fate === 'struck' ? `XXXX${line.slice(4)}\r\n` : fate;
    assert.equal(session.step('C', `${line}\r\n`), wanted, line);
  }
}

function struck(session: ControlSession): string[] {
  return session.around.refusals.map((r) => `${r.kind} ${r.reason} ${r.action}`);
}

const noDelete: Policy = { deny: ['DELE', 'SITE'] };

describe('allow and deny', () => {
  test('deny takes these verbs, in any case of letters, and no others', () => {
    check(noDelete, {
      'DELE a': 'struck',
      'dElE a': 'struck',
      DELE: 'struck',
      'SITE CHMOD 777 a': 'struck',
      DELETE: 'pass',
      DEL: 'pass',
      'RETR DELE': 'pass',
      'XMKD a': 'pass',
    });
  });
  test('a verb that FTP does not have may be denied, too', () => {
    check(
      { deny: ['FROB', 'EXTRAORDINARILY'] },
      {
        'frob x': 'struck',
        'Extraordinarily x': 'struck',
        'FROBX x': 'pass',
      },
    );
  });
  test('allow leaves nothing else, and deny wins over it', () => {
    const allow = ['USER', 'PASS', 'RETR', 'DELE', 'PORT', 'FROB'];
    check(
      { allow, deny: ['DELE'] },
      {
        'RETR a': 'pass',
        'frob a': 'pass',
        'PORT 10,0,1,2,200,10': 'pass',
        'DELE a': 'struck',
        'LIST a': 'struck',
        NOOP: 'struck',
        'FOO bar': 'struck',
        'EPRT |1|10.0.1.2|51210|': 'struck',
        '': 'pass',
      },
    );
  });
  test('a denied PORT opens nothing', () => {
    perform({
      policy: { deny: ['PORT'] },
      steps: [['C', 'PORT 10,0,1,2,200,10\r\n', 'XXXX 10,0,1,2,200,10\r\n']],
      refuses: ['PORT denied-command reject'],
    });
  });
  test('upload, download and list take what they say', () => {
    const all = ['STOR a', 'STOU', 'APPE a', 'RETR a', 'LIST', 'NLST', 'MLSD', 'MLST a', 'REST 5'];
    const taken = (policy: Policy) =>
      all.filter(
        (line) => ftpSession({ ftp: ftpPolicy(policy) }).step('C', `${line}\r\n`) !== 'pass',
      );
    assert.deepEqual(taken({}), []);
    assert.deepEqual(taken({ upload: false }), ['STOR a', 'STOU', 'APPE a']);
    assert.deepEqual(taken({ download: false }), ['RETR a']);
    assert.deepEqual(taken({ list: false }), ['LIST', 'NLST', 'MLSD']);
  });
  test('nobody but anonymous and ftp logs in', () => {
    check(
      { anonymousOnly: true },
      {
        'USER anonymous': 'pass',
        'user FTP': 'pass',
        'USER  ftp ': 'pass',
        'USER root': 'struck',
        'USER ftpadmin': 'struck',
        'USER ftp@example.org': 'struck',
        USER: 'struck',
      },
    );
  });
  test('AUTH is refused by the server itself, whatever it asks for', () => {
    const session = ftpSession({ ftp: ftpPolicy({ authTls: 'reject' }) });
    for (const what of ['TLS', 'SSL', 'tls-c']) {
      assert.equal(session.step('C', `AUTH ${what}\r\n`), `XXXX ${what}\r\n`);
      session.step('S', '500 what?\r\n');
    }
    // No answer makes the session unreadable either.
    session.step('S', '234 go\r\n');
    session.step('C', 'PORT 10,0,1,2,200,10\r\n');
    assert.equal(session.expected().length, 1);
    check({}, { 'AUTH TLS': 'pass' });
  });
});

describe('what happens to a denied command', () => {
  play('reject: the server is made to say so, and counts on', {
    policy: noDelete,
    steps: [
      ['C', 'DELE a\r\nPASV\r\n', 'XXXX a\r\nPASV\r\n'],
      ['S', '500 what?\r\n227 Entering (192,0,2,2,200,10).\r\n'],
    ],
    expects: ['10.0.1.2>192.0.2.2:51210'],
    refuses: ['DELE denied-command reject'],
  });
  test('drop: taken out, acknowledged to the client, and never answered', () => {
    const session = ftpSession({ ftp: ftpPolicy({ ...noDelete, denied: 'drop' }) });
    session.serverAcks();
    const { client } = session;
    const left = session.inject(client, { payload: 'DELE a\r\n', flags: 'PA' });
    assert.equal(left.answers[0]?.seen.ack, client.next + 8);
    client.next += 8;
    assert.equal(session.step('C', 'PASV\r\n'), 'pass');
    session.step('S', '227 Entering (192,0,2,2,200,10).\r\n');
    assert.deepEqual(session.expected(), ['10.0.1.2>192.0.2.2:51210']);
    assert.equal(session.step('C', 'NOOP\r\nDELE b\r\nNOOP\r\n'), 'NOOP\r\nNOOP\r\n');
    assert.ok(!session.server.received.includes('DELE'));
    assert.deepEqual(struck(session), Array(2).fill('DELE denied-command drop'));
  });
  test('reset: both ends, and nothing of the segment', () => {
    const session = ftpSession({ ftp: ftpPolicy({ ...noDelete, denied: 'reset' }) });
    assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
    assert.equal(session.step('C', 'DELE a\r\n'), 'reset');
    assert.equal(session.step('C', 'DELE a\r\n'), 'reset');
  });
});

describe('however it is sent', () => {
  for (const denied of ['reject', 'drop', 'reset'] as const) {
    test(`one byte a segment, ${denied}`, () => {
      const session = ftpSession({ ftp: ftpPolicy({ ...noDelete, denied }) });
      const fates = [...'dele secret\r\n'].map((byte) => session.step('C', byte));
      assert.ok(
        fates.slice(0, -1).every((fate) => fate === 'hold'),
        String(fates),
      );
      if (denied === 'reset') assert.equal(fates.at(-1), 'reset');
      else assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
      assert.ok(!/dele/i.test(session.server.received));
      assert.equal(struck(session).length, 1);
    });
  }
  test('split anywhere, with what came before and after it', () => {
    const text = 'NOOP\r\nDELE a\r\nNOOP\r\n';
    for (let at = 1; at < text.length; at++) {
      const session = ftpSession({ ftp: ftpPolicy(noDelete) });
      session.step('C', text.slice(0, at));
      session.step('C', text.slice(at));
      assert.ok(session.server.received.endsWith('NOOP\r\nXXXX a\r\nNOOP\r\n'), `split at ${at}`);
    }
  });
  test('behind Telnet sequences, blanks, a bare CR or a NUL', () => {
    for (const line of [
      '\xff\xf1DELE a',
      'DE\xff\xf1LE a',
      '\xff\xfd\x01DELE a',
      // RFC 854 takes the D for an option; servers that know two-byte sequences alone do not.
      '\xff\xfdDELE a',
      '  DELE a',
      '\tDELE a',
      'NOOP\rDELE a',
      'NOOP\0DELE a',
      '\0DELE a',
      '\xff\xfa\x18\0 \xff\xf0DELE a',
    ]) {
      const session = ftpSession({ ftp: ftpPolicy(noDelete) });
      session.step('C', `${line}\r\n`);
      const arrived = session.server.received.split('\r\n').at(-2)!;
      assert.ok(!/DELE/.test(arrived), JSON.stringify([line, arrived]));
      assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
    }
  });
  test('no Telnet of an honest client is in the way of a policy', () => {
    const session = ftpSession({
      ftp: ftpPolicy({ allow: ['USER', 'PASS', 'ABOR', 'RETR'], files: ['*.txt'] }),
    });
    assert.equal(session.step('C', '\xff\xf4\xff\xf2ABOR\r\n'), 'pass');
    assert.equal(session.step('C', '\xff\xfb\x06RETR a.txt\r\n'), 'pass');
    assert.deepEqual(struck(session), []);
  });
});

test('no refusal shows a password, wherever it stands', () => {
  const session = ftpSession({ ftp: ftpPolicy({ deny: ['NOOP', 'PASS'], anonymousOnly: true }) });
  for (const line of [
    'PASS sesame',
    'NOOP\rPASS sesame',
    'USER joe\0PASS sesame',
    '\xff\xf1PASS sesame',
    'QUIT\rPASS sesame',
    `${' '.repeat(600)}PASS sesame`,
  ]) {
    session.step('C', `${line}\r\n`);
  }
  // One more for the login that came before.
  assert.equal(struck(session).length, 7);
  assert.doesNotMatch(JSON.stringify(session.around.refusals), /sesame/);
});

describe('in long lines', () => {
  const long = { ...noDelete, maxLine: 64 };
  test('longer than is read: the rest goes with it', () => {
    const session = ftpSession({ ftp: ftpPolicy(long) });
    session.step('C', `DELE ${'a'.repeat(100)}\r\nNOOP\r\n`);
    assert.match(session.server.received, /XXXX a+\r\nNOOP\r\n$/);
    assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
  });
  test('an allowed command of any length goes on', () => {
    check(long, { [`RETR ${'a'.repeat(3000)}`]: 'pass' });
  });
  test('longer than can be held, in pieces', () => {
    for (const denied of ['reject', 'drop'] as const) {
      const session = ftpSession({ ftp: ftpPolicy({ ...noDelete, denied }) });
      for (let i = 0; i < 8; i++) {
        session.step('C', i === 0 ? `DELE ${'a'.repeat(95)}` : 'a'.repeat(100));
        session.clientAcks();
        session.serverAcks();
      }
      session.step('C', '\r\n');
      session.step('C', 'NOOP\r\n');
      assert.ok(!session.server.received.includes('DELE'));
      assert.match(session.server.received, /\r\nNOOP\r\n$/);
    }
  });
  test('a verb that does not come within what is read may be any: it does not pass', () => {
    for (const [filler, verb] of [
      [' ', 'DELE a'],
      ['\xff\xf1', 'DELE a'],
      ['\0', 'DELE a'],
      ['\xff\xf1', 'PORT 10,0,1,9,200,10'],
      [' ', 'PORT 10,0,1,9,200,10'],
    ] as const) {
      for (const maxLine of [64, 4096]) {
        const session = ftpSession({ ftp: ftpPolicy({ ...noDelete, maxLine }) });
        session.serverAcks();
        const text = `${filler.repeat(Math.ceil(600 / filler.length))}${verb}\r\n`;
        session.step('C', text.slice(0, 520));
        session.step('C', text.slice(520));
        session.step('C', 'NOOP\r\n');
        assert.ok(!session.server.received.includes(verb.slice(0, 4)), `${verb} ${maxLine}`);
        assert.match(session.server.received, /\r\nNOOP\r\n$/);
      }
    }
  });
  test('a command whose argument decides is denied where that is not known whole', () => {
    const name = `${'a'.repeat(80)}.txt`;
    check({ files: ['*.txt'], maxLine: 128 }, { [`RETR ${name}`]: 'pass' });
    check({ files: ['*.txt'], maxLine: 64 }, { [`NOOP ${name}`]: 'pass' });
    const session = ftpSession({ ftp: ftpPolicy({ files: ['*.txt'], maxLine: 64 }) });
    session.step('C', `RETR ${name}\r\n`);
    assert.match(session.server.received, /XXXX a+\r\n$/);
    assert.deepEqual(struck(session), ['RETR denied-command reject']);
  });
  test('an announcement that is too long opens nothing, and does not reach the server', () => {
    const session = ftpSession({ ftp: ftpPolicy({ maxLine: 64 }) });
    session.step('C', `PORT 10,0,1,2,200,10${' '.repeat(80)}\r\n`);
    assert.match(session.server.received, /XXXX 10,0,1,2,200,10 +\r\n$/);
    assert.deepEqual(session.expected(), []);
    assert.deepEqual(struck(session), ['PORT line-too-long reject']);
  });
});
