/** What a policy does to replies: greetings, SYST, and a 227 that is to be repaired. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';
import { PASV, perform, play, R227, TO_SERVER } from './play.ts';

const KINDS: readonly NatKind[] = ['plain', 'snat', 'dnat'];

function cold(nat: NatKind, policy: Partial<FtpPolicy>): ControlSession {
  return ftpSession({ nat, ftp: ftpPolicy(policy) }, { warm: false });
}

/** The rest of a login and an announcement: every number has to be right after what was changed. */
function goOn(session: ControlSession): void {
  session.clientAcks();
  session.clientSays('USER anonymous\r\n');
  session.serverSays('230 in\r\n');
  session.clientSays(PASV);
  session.serverSays(R227);
  session.clientSays('NOOP\r\n');
  assert.equal(session.expected().length, 1);
}

describe('the banner', () => {
  const banner = 'Welcome.';
  const long = `220 ${'x'.repeat(700)}\r\n`;
  for (const nat of KINDS) {
    for (const [name, greeting] of Object.entries({
      'one line': '220 ProFTPD 1.3.7 (Debian) [10.0.0.1]\r\n',
      'several lines':
        '220-ProFTPD\r\n220-227 (1,2,3,4,5,6)\r\n 220 hm\r\nand so on\r\n220 end\r\n',
      shorter: '220 x\r\n',
      'longer than can be held': long,
    })) {
      test(`${name}, ${nat}: whole, and in pieces`, () => {
        for (const size of [greeting.length, 100, 7, 1]) {
          const session = cold(nat, { banner });
          session.clientAcks();
          for (let at = 0; at < greeting.length; at += size) {
            session.serverSays(greeting.slice(at, at + size));
            // More than a few changes at a time wait for what the client has of them.
            if (at > 512) session.clientAcks();
          }
          assert.equal(session.client.received, `220 ${banner}\r\n`, `${size} bytes a segment`);
          goOn(session);
        }
      });
    }
  }
  test('a longer one than the line that is read, and no banner asked for', () => {
    const session = cold('snat', { maxLine: 64 });
    assert.equal(session.step('S', long), 'pass');
    goOn(session);
    assert.deepEqual(session.refusals().length, 1);
    assert.match(session.refusals()[0]!, /line-too-long pass/);
  });
  test('only the greeting: neither 421 nor a later 220', () => {
    const busy = cold('plain', { banner });
    assert.equal(busy.step('S', '421 too many users\r\n'), 'pass');
    const session = cold('plain', { banner });
    session.serverSays('120 soon\r\n');
    session.serverSays('220 hi\r\n');
    session.clientSays('REIN\r\n');
    assert.equal(session.step('S', '220 hi\r\n'), 'pass');
    assert.equal(session.client.received, `120 soon\r\n220 ${banner}\r\n220 hi\r\n`);
  });
  test('the longest there may be, in place of the shortest', () => {
    const session = cold('snat', { banner: 'b'.repeat(500) });
    session.serverSays('220 \r\n');
    assert.equal(session.client.received, `220 ${'b'.repeat(500)}\r\n`);
    goOn(session);
  });
});

describe('SYST', () => {
  const MASK = '215 UNIX Type: L8\r\n';
  for (const nat of KINDS) {
    test(`its answer says nothing, ${nat}`, () => {
      for (const reply of [
        '215 UNIX Type: L8 Version: BSD-199506 (secret.example)\r\n',
        '215-Windows_NT\r\n more\r\n215 end\r\n',
        '215 X\r\n',
      ]) {
        for (const size of [reply.length, 5, 1]) {
          const session = cold(nat, { maskSyst: true });
          session.serverSays('220 hi\r\n');
          session.clientSays('SYST\r\n');
          session.clientAcks();
          for (let at = 0; at < reply.length; at += size) {
            session.serverSays(reply.slice(at, at + size));
          }
          assert.equal(session.client.received, `220 hi\r\n${MASK}`, `${size} bytes a segment`);
          goOn(session);
        }
      }
    });
  }
  play('other replies stay, and so does a refusal', {
    policy: { maskSyst: true },
    steps: [
      ['C', 'NOOP\r\nSYST\r\nSTAT\r\n'],
      ['S', `200 ok\r\n215 secret\r\n211-x\r\n`, `200 ok\r\n${MASK}211-x\r\n`],
      ['S', '215 inside\r\n211 end\r\n'],
      ['C', 'SYST\r\n'],
      ['S', '530 log in first\r\n'],
    ],
  });
});

/** A 227 and what it becomes, and where it leads. */
function repaired(nat: NatKind, line: string, became: string, expects: string): void {
  const session = perform({
    nat,
    policy: { repair: true },
    steps: [
      ['C', PASV],
      [
        'S',
        `227 Entering (${line}).\r\n`,
        became === '' ? 'pass' : `227 Entering (${became}).\r\n`,
      ],
    ],
    expects: [expects],
  });
  session.clientSays('NOOP\r\n');
}

describe('repair', () => {
  const wrong = ['0,0,0,0', '192,168,5,5', '127,0,0,1', '203,0,113,77'];
  for (const address of wrong) {
    test(`${address} becomes the server's`, () => {
      const line = `${address},200,10`;
      repaired('plain', line, '192,0,2,2,200,10', TO_SERVER);
      repaired('snat', line, '192,0,2,2,200,10', TO_SERVER);
      repaired('dnat', line, '10,0,1,1,200,10', '10.0.1.2>10.0.1.1:51210');
    });
  }
  test('what is right stays', () => {
    repaired('plain', '192,0,2,2,200,10', '', TO_SERVER);
    repaired('dnat', '10,0,1,1,200,10', '', '10.0.1.2>10.0.1.1:51210');
  });
  play('switched off it opens nothing, and nobody is told anything else', {
    steps: [
      ['C', PASV],
      ['S', '227 Entering (0,0,0,0,200,10).\r\n'],
    ],
    refuses: ['227 address-mismatch pass'],
  });
  play('no address makes a bad port good', {
    policy: { repair: true },
    steps: [
      ['C', PASV],
      ['S', '227 Entering (0,0,0,0,0,22).\r\n'],
    ],
    refuses: ['227 port-below-minimum pass'],
  });
  test('split, under translation or not', () => {
    for (const nat of KINDS) {
      const session = ftpSession({ nat, ftp: ftpPolicy({ repair: true }) });
      session.clientSays(PASV);
      session.clientAcks();
      for (const byte of '227 Entering (0,0,0,0,200,10).\r\n') session.serverSays(byte);
      const own = nat === 'dnat' ? '10,0,1,1' : '192,0,2,2';
      assert.ok(session.client.received.endsWith(`227 Entering (${own},200,10).\r\n`));
      session.clientSays('NOOP\r\n');
    }
  });
  for (const nat of KINDS) {
    test(`over IPv6 a 227 leads nowhere, and the client is told of EPSV: ${nat}`, () => {
      const session = ftpSession({ nat, ipv6: true, ftp: ftpPolicy({ repair: true }) });
      session.clientSays(PASV);
      assert.match(session.step('S', R227), /^501 .*EPSV.*\r\n$/);
      const { row } = session.around.engine.flight;
      const { mode, lastReply } = session.around.engine.tracking.ftp.sessionOf(row)!;
      assert.deepEqual([mode, lastReply], ['', '501']);
      session.clientSays('EPSV\r\n');
      assert.equal(session.step('S', '229 ok (|||51210|)\r\n'), 'pass');
      assert.equal(session.expected().length, 1);
    });
  }
  play('without repair it passes, over IPv6 too', {
    ipv6: true,
    steps: [
      ['C', PASV],
      ['S', R227],
    ],
    refuses: ['227 family-mismatch pass'],
  });
});
