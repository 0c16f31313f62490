/** What an operator sees of a control connection, over a whole dialogue with data connections. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import type { FtpSessionView } from '../../../../src/helpers/index.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';
import { PASV, PORT } from './play.ts';

const HEADERS = 40;

/** The two ends of a data connection through the gateway: enough of TCP to move bytes. */
class Data {
  private readonly session: ControlSession;
  private readonly to: { readonly dst: string; readonly dport: number };
  private readonly sport: number;
  private seq = 100;

  constructor(session: ControlSession, dst: string, dport: number, sport: number) {
    this.session = session;
    this.to = { dst, dport };
    this.sport = sport;
    const { dst: real, dport: port } = this.opener('S', 0, '');
    this.answer = { from: real, sport: port };
    this.answers('SA');
    this.seq++;
    this.opener('A', 501, '');
  }

  private readonly answer: { readonly from: string; readonly sport: number };

  /** Bytes of the end that has opened it, acknowledged by the other. */
  send(text: string): void {
    this.opener('PA', 501, text);
    this.seq += text.length;
    this.answers('A');
  }

  /** The end that has opened it resets. */
  reset(): void {
    this.opener('R', 0, '');
  }

  private opener(flags: string, ack: number, payload: string) {
    const { session, seq, sport } = this;
    const left = session.inject(session.client, { ...this.to, sport, flags, seq, ack, payload });
    assert.equal(left.outcome, Outcome.Forward, left.reason);
    return left.seen!;
  }

  private answers(flags: string): void {
    const { session, seq, sport } = this;
    const isSyn = flags === 'SA';
    const left = session.inject(session.server, {
      ...{ sport: this.answer.sport, dport: sport, flags },
      ...{ seq: isSyn ? 500 : 501, ack: isSyn ? seq + 1 : seq },
    });
    assert.equal(left.outcome, Outcome.Forward, left.reason);
  }
}

function seesAll(nat: NatKind): void {
  const session = ftpSession({ nat }, { warm: false });
  const { ftp } = session.around.engine.tracking;
  const row = session.around.engine.flight.row;
  const sees = (expected: Partial<FtpSessionView>): void => {
    const view = ftp.sessionOf(row)!;
    const keys = Object.keys(expected) as (keyof FtpSessionView)[];
    assert.deepEqual(Object.fromEntries(keys.map((key) => [key, view[key]])), expected);
  };
  const dialogue = (...lines: readonly string[]): void => {
    for (const line of lines) {
      if (/^\d/.test(line)) session.serverSays(`${line}\r\n`);
      else session.clientSays(`${line}\r\n`);
    }
  };
  sees({ row, user: '', isLoggedIn: false, isEncrypted: false, mode: '', command: '', file: '' });
  dialogue('220 hi', 'USER joe', '331 and?');
  sees({ user: 'joe', isLoggedIn: false, lastReply: '331' });
  dialogue('PASS sesame', '230 in, sesame');
  sees({ user: 'joe', isLoggedIn: true, lastReply: '230' });
  dialogue('CWD pub');
  sees({ command: 'CWD', file: 'pub' });
  dialogue('250 there');
  sees({ command: '', file: '', lastReply: '250 there', transfers: 0, bytes: 0 });

  session.clientSays(PASV);
  session.serverSays('227 Entering Passive Mode (192,0,2,2,200,10).\r\n');
  sees({ mode: 'passive' });
  const host = nat === 'dnat' ? '10.0.1.1' : '192.0.2.2';
  const up = new Data(session, host, 51_210, 40_001);
  dialogue('STOR pub/a b.txt', '150 go');
  up.send('x'.repeat(1000));
  // SYN, SYN+ACK, ACK; a segment and its acknowledgement.
  sees({ command: 'STOR', file: 'pub/a b.txt', lastReply: '150 go', bytes: 5 * HEADERS + 1000 });
  up.send('x'.repeat(500));
  sees({ transfers: 0, bytes: 7 * HEADERS + 1500 });
  up.reset();
  session.around.now(60);
  sees({ bytes: 8 * HEADERS + 1500 });
  dialogue('226 done');
  sees({ command: '', file: '', transfers: 1, lastReply: '226 done', bytes: 8 * HEADERS + 1500 });

  dialogue('EPSV', '229 ok (|||51211|)');
  const list = new Data(session, host, 51_211, 40_002);
  list.send('y'.repeat(10));
  sees({ bytes: 8 * HEADERS + 1500 + 5 * HEADERS + 10 });
  session.clientSays(PORT);
  session.serverSays('200 ok\r\n');
  sees({ mode: 'active' });
  dialogue('RETR nothing', '550 no such file');
  sees({ transfers: 1, lastReply: '550 no such file', command: '' });
  dialogue('REIN', '220 hi');
  sees({ user: '', isLoggedIn: false });
  assert.doesNotMatch(JSON.stringify(ftp.sessionOf(row)), /sesame/);
  session.inject(session.client, { flags: 'R' });
  session.around.now(120);
  assert.equal(ftp.sessionOf(row), null);
}

for (const nat of ['plain', 'snat', 'dnat'] as const) {
  test(`user, mode, command, file, bytes, transfers and last reply: ${nat}`, () => seesAll(nat));
}
