import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Tls } from '../../../../src/helpers/ftp/dialogue/session.ts';
import { Verb } from '../../../../src/helpers/ftp/grammar/verbs.ts';
import { greeted, Spoken } from './spoken.ts';

describe('the greeting', () => {
  test('is the first final reply, and answers no command', () => {
    const spoken = new Spoken();
    spoken.client('USER joe');
    assert.equal(spoken.server('120 wait'), 'Preliminary');
    assert.equal(spoken.session.isGreeted, false);
    assert.equal(spoken.server('220-ready'), 'Opening');
    assert.equal(spoken.session.isGreeted, false);
    assert.equal(spoken.server('220 go'), 'Final');
    assert.equal(spoken.session.isGreeted, true);
    assert.equal(spoken.server('331 password'), 'Final USER');
  });

  test('is no refusal, no passive reply, and nothing that is no reply', () => {
    const spoken = new Spoken();
    spoken.client('PASV');
    for (const line of ['HTTP/1.1 200 OK', '421 full', '500 what', '227 (192,0,2,2,200,10)']) {
      spoken.server(line);
      assert.equal(spoken.session.isGreeted, false, line);
      assert.equal(spoken.session.answered, Verb.None, line);
    }
    spoken.server('230 logged in at once');
    assert.equal(spoken.session.isGreeted, true);
  });

  test('has passed unseen where the connection was picked up in mid-stream', () => {
    const spoken = new Spoken();
    spoken.session.pickUp();
    spoken.server('rest of a line');
    assert.equal(spoken.session.isGreeted, false);
    assert.equal(spoken.asked('PASV', '226 of an earlier RETR'), 'Final');
    assert.equal(spoken.session.isGreeted, true);
    assert.equal(spoken.server('227 (192,0,2,2,200,10)'), 'Final PASV');
  });
});

describe('login', () => {
  test('by USER and PASS, ended by USER and REIN', () => {
    const spoken = greeted();
    const { session } = spoken;
    assert.equal(spoken.asked('USER joe', '331 password'), 'Final USER');
    assert.deepEqual([session.user, session.isLoggedIn], ['joe', false]);
    spoken.asked('PASS x', '230 in');
    assert.equal(session.isLoggedIn, true);
    spoken.asked('USER Anonymous', '331 mail address');
    assert.deepEqual([session.user, session.isLoggedIn], ['Anonymous', false]);
    spoken.asked('PASS x', '332 account');
    assert.equal(session.isLoggedIn, false);
    spoken.asked('ACCT x', '202 superfluous');
    assert.equal(session.isLoggedIn, true);
    spoken.client('REIN');
    assert.equal(spoken.server('120 soon'), 'Preliminary REIN');
    assert.equal(spoken.server('220 again'), 'Final REIN');
    assert.deepEqual([session.user, session.isLoggedIn], ['', false]);
  });

  test('a refused USER changes nothing, a refused PASS logs nobody in', () => {
    const spoken = greeted();
    const { session } = spoken;
    spoken.asked('USER joe', '230 in');
    assert.equal(spoken.asked('USER root', '530 no'), 'Final USER');
    assert.deepEqual([session.user, session.isLoggedIn], ['joe', true]);
    spoken.asked('USER ann', '331 password');
    spoken.asked('PASS x', '530 no');
    assert.deepEqual([session.user, session.isLoggedIn], ['ann', false]);
  });

  test('a pipelined second USER is not logged in by the PASS of the first', () => {
    const spoken = greeted();
    for (const line of ['USER joe', 'PASS x', 'USER ann']) spoken.client(line);
    for (const line of ['331 p', '230 in', '331 p']) spoken.server(line);
    assert.deepEqual([spoken.session.user, spoken.session.isLoggedIn], ['ann', false]);
  });
});

describe('commands and replies', () => {
  test('a transfer, from its command to its final reply', () => {
    const spoken = greeted();
    const { session } = spoken;
    const seq = spoken.client('RETR /pub/a b');
    assert.deepEqual([session.view(3).command, session.view(3).file], ['RETR', '/pub/a b']);
    assert.equal(spoken.server('150 here'), 'Preliminary RETR');
    assert.equal(session.lastReply, '150 here');
    assert.equal(spoken.server('226-a'), 'Opening');
    assert.deepEqual([session.isInsideReply, session.replyCode], [true, 226]);
    assert.equal(spoken.server('227 (192,0,2,2,200,10)'), 'Inside');
    assert.deepEqual([session.answered, session.replyCode], [Verb.None, 226]);
    assert.equal(session.view(3).command, 'RETR');
    assert.equal(spoken.server('226 done'), 'Final RETR');
    assert.equal(session.answeredSeq, seq);
    assert.deepEqual([session.transfers, session.lastReply], [1, '226 done']);
    assert.deepEqual([session.view(3).command, session.view(3).file], ['', '']);
  });

  test('the oldest of several, and none that was refused', () => {
    const spoken = greeted();
    spoken.client('RETR a');
    spoken.client('DELE b');
    assert.equal(spoken.session.view(0).file, 'a');
    spoken.server('550 no');
    assert.deepEqual([spoken.session.view(0).command, spoken.session.transfers], ['DELE', 0]);
    spoken.server('250 gone');
    assert.deepEqual([spoken.session.view(0).command, spoken.session.transfers], ['', 0]);
  });

  test('ABOR during a transfer, and a reply that nobody asked for', () => {
    const spoken = greeted();
    spoken.client('RETR a');
    spoken.client('ABOR');
    assert.equal(spoken.server('426 aborted'), 'Final RETR');
    assert.equal(spoken.server('226 closed'), 'Final ABOR');
    assert.equal(spoken.server('421 timeout'), 'Final');
    assert.equal(spoken.session.lastReply, '421');
    assert.equal(spoken.session.transfers, 0);
  });

  test('the mode is the one the server has agreed to', () => {
    const spoken = greeted();
    const { session } = spoken;
    spoken.asked('PORT 10,0,1,2,200,10', '500 no');
    assert.equal(session.mode, '');
    spoken.asked('LPRT 4,4,10,0,1,2,2,200,10', '200 ok');
    assert.equal(session.mode, 'active');
    spoken.asked('PASV', '425 no');
    assert.equal(session.mode, 'active');
    spoken.asked('EPSV', '229 x (|||5|)');
    assert.equal(session.mode, 'passive');
    spoken.asked('NOOP', '227 (192,0,2,2,200,10)');
    spoken.asked('EPRT |1|10.0.1.2|5|', '200 ok');
    assert.equal(session.mode, 'active');
  });

  test('EPSV ALL holds from its line on, unless it is refused', () => {
    const spoken = greeted();
    const { session } = spoken;
    spoken.asked('EPSV 1', '229 x (|||5|)');
    assert.equal(session.epsvAll, false);
    spoken.client('epsv  all ');
    assert.equal(session.epsvAll, true);
    spoken.server('501 no');
    assert.equal(session.epsvAll, false);
    spoken.client('EPSV');
    spoken.client('EPSV ALL');
    spoken.server('425 that was the first');
    assert.equal(session.epsvAll, true);
    spoken.server('200 ok');
    assert.equal(session.epsvAll, true);
  });

  test('AUTH, encryption, and CCC', () => {
    const spoken = greeted();
    const { session } = spoken;
    spoken.client('AUTH TLS');
    assert.equal(session.tls, Tls.Asked);
    spoken.server('504 no');
    assert.equal(session.tls, Tls.Clear);
    spoken.asked('NOOP', '234 not asked');
    assert.equal(session.tls, Tls.Clear);
    for (const line of ['RETR x', 'AUTH SSL', 'PASV']) spoken.client(line);
    spoken.server('550 no');
    assert.equal(spoken.server('234 go'), 'Final AUTH');
    assert.deepEqual([session.tls, session.pendingCount], [Tls.Encrypted, 0]);
    assert.equal(session.view(0).isEncrypted, true);
    session.becameReadable();
    assert.equal(session.tls, Tls.Clear);
    assert.equal(spoken.server('227 to what was sent before'), 'Final');
    assert.equal(spoken.asked('PASV', '227 x'), 'Final PASV');
  });

  test('more commands than are kept in mind', () => {
    const spoken = greeted();
    for (let i = 0; i < 40; i++) spoken.client(`RETR ${i}`);
    spoken.client('EPSV ALL');
    assert.equal(spoken.session.epsvAll, true, 'it holds all the same');
    for (let i = 0; i < 32; i++) assert.equal(spoken.server('226 x'), 'Final RETR');
    assert.equal(spoken.session.view(0).command, '');
    for (let i = 0; i < 9; i++) assert.equal(spoken.server('226 x'), 'Final OTHER');
    assert.equal(spoken.server('226 x'), 'Final');
    assert.equal(spoken.session.transfers, 32);
  });

  test('what is shown is escaped, and cut at 128 characters', () => {
    const spoken = greeted();
    for (const count of [127, 128, 129, 255, 256, 257]) {
      spoken.asked(`USER ${'u'.repeat(count)}`, '331 p');
      spoken.client(`RETR ${'f'.repeat(count)}`);
      const shown = (letter: string) => letter.repeat(Math.min(count, 128));
      const cut = count > 128 ? '...' : '';
      assert.equal(spoken.session.user, shown('u') + cut);
      assert.equal(spoken.session.view(0).file, shown('f') + cut);
      spoken.server(`226 ${'r'.repeat(count)}`);
      assert.ok(spoken.session.lastReply.length <= 131);
    }
    spoken.asked('USER j\x1b[31m\xff', '331 p');
    assert.equal(spoken.session.user, 'j\\x1b[31m\\xff');
  });

  test('the view is that of the row asked for', () => {
    const spoken = greeted();
    spoken.asked('USER joe', '230 in');
    spoken.asked('PWD', '257 "/"');
    spoken.session.bytes += 12;
    assert.deepEqual(spoken.session.view(7), {
      row: 7,
      user: 'joe',
      isLoggedIn: true,
      isEncrypted: false,
      mode: '',
      command: '',
      file: '',
      transfers: 0,
      bytes: 12,
      lastReply: '257 "/"',
    });
  });
});
