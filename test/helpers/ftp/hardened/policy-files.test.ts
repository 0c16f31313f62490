/** File patterns: which commands they govern, and which part of a line is the name. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { ftpSession } from '../ftp-session.ts';

function isDenied(policy: Partial<FtpPolicy>, line: string): boolean {
  const session = ftpSession({ ftp: ftpPolicy(policy) });
  const fate = session.step('C', `${line}\r\n`);
  const { refusals } = session.around;
  assert.equal(fate !== 'pass', refusals.length === 1, line);
  if (refusals.length > 0) assert.equal(refusals[0]!.reason, 'denied-command');
  return fate !== 'pass';
}

const VERBS = ['RETR', 'STOR', 'STOU', 'APPE', 'DELE', 'RNFR', 'RNTO', 'SIZE', 'MDTM', 'MLST'];
const FACTS = ['MFMT 20260102030405', 'MFCT 20260102030405', 'MFF Type=a;Modify=2026;'];

describe('file patterns', () => {
  for (const verb of [...VERBS, 'XCRC', 'HASH', ...FACTS]) {
    test(`${verb} names a file`, () => {
      assert.equal(isDenied({ files: ['*.txt'] }, `${verb} pub/a.txt`), false);
      assert.equal(isDenied({ files: ['*.txt'] }, `${verb} a.exe`), true);
      assert.equal(isDenied({ denyFiles: ['*.exe'] }, `${verb} a.txt`), false);
      assert.equal(isDenied({ denyFiles: ['*.exe'] }, `${verb} pub/a.exe`), true);
      assert.equal(isDenied({ denyFiles: ['*.exe'] }, `${verb.toLowerCase()}  a.exe `), true);
    });
  }
  test('the time of MFMT is no part of the name', () => {
    assert.equal(isDenied({ files: ['20*'] }, 'MFMT 20260102030405 secret'), true);
    assert.equal(isDenied({ denyFiles: ['2026*'] }, 'MFMT 20260102030405 a b.txt'), false);
    assert.equal(isDenied({ files: ['a b.txt'] }, 'MFMT 20260102030405 a b.txt'), false);
  });
  test('of these only, and never of those', () => {
    const policy = { files: ['*.txt', 'pub/*'], denyFiles: ['secret*'] };
    assert.equal(isDenied(policy, 'RETR a.txt'), false);
    assert.equal(isDenied(policy, 'RETR pub/a.exe'), false);
    assert.equal(isDenied(policy, 'RETR a.exe'), true);
    assert.equal(isDenied(policy, 'RETR secret.txt'), true);
    assert.equal(isDenied(policy, 'RETR pub/secret'), true);
    assert.equal(isDenied(policy, 'RETR'), true);
  });
  test('commands that name no file are none of theirs', () => {
    for (const line of ['LIST secret', 'CWD secret', 'NOOP', 'SITE secret', 'PASV', 'TYPE I']) {
      assert.equal(isDenied({ files: ['*.txt'], denyFiles: ['secret'] }, line), false, line);
    }
  });
  test('a name with Telnet sequences in it counts as every server may read it', () => {
    const session = ftpSession({ ftp: ftpPolicy({ denyFiles: ['secret'] }) });
    for (const name of [
      'sec\xff\xf1ret',
      'sec\xff\xfb\x01ret',
      'sec\xff\xfdret',
      'secret\0',
      'secret\r',
      'secret\0.txt',
    ]) {
      session.step('C', `RETR ${name}\r\n`);
      assert.ok(!session.server.received.includes('RETR'), JSON.stringify(name));
    }
  });
  test('a name in UTF-8, and one in Latin-1', () => {
    const utf8 = Buffer.from('grün.txt').toString('latin1');
    assert.equal(isDenied({ files: ['grün.txt'] }, `RETR ${utf8}`), false);
    assert.equal(isDenied({ files: ['gr?n.txt'] }, `RETR ${utf8}`), false);
    assert.equal(isDenied({ denyFiles: ['gr?n.txt'] }, 'RETR gr\xfcn.txt'), true);
  });
  test('a name of many segments decides when it is whole', () => {
    const session = ftpSession({ ftp: ftpPolicy({ files: ['*.txt'] }) });
    for (const byte of 'RETR a.txt') assert.equal(session.step('C', byte), 'hold');
    assert.equal(session.step('C', '\r\n'), 'RETR a.txt\r\n');
    for (const byte of 'RETR a.exe') session.step('C', byte);
    assert.equal(session.step('C', '\r\n'), 'XXXX a.exe\r\n');
  });
});
