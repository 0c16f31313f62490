/** FTPS (RFC 4217): what is known of a control connection that cannot be read, and where reading resumes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../../src/conntrack/index.ts';
import { Outcome } from '../../../../src/engine/index.ts';
import type { FtpEncrypted, FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { type ControlSession, ftpSession, type NatKind } from '../ftp-session.ts';
import { PASV, PORT, R227, R229, TO_CLIENT, TO_SERVER } from './play.ts';

const KINDS: readonly NatKind[] = ['plain', 'snat', 'dnat'];
const range = { first: 50_000, last: 50_010 } as const;
const wide = { first: 50_000, last: 52_000 } as const;

/** A TLS record whose body is full of what lines begin and end with. */
function record(type: number, length: number): string {
  const body = 'PORT 10,0,1,9,4,1\r\n227 (1,2,3,4,5,6)\r\n'
    .repeat(1 + length / 38)
    .slice(0, length);
  return `${String.fromCharCode(type, 3, 3, length >> 8, length & 255)}${body}`;
}
const HELLO = record(22, 300);
/** The same as an honest client has it: any bytes, line ends among them. */
const NOISE = Array.from({ length: 295 }, (_, i) => String.fromCharCode((i * 37 + 5) & 255)).join(
  '',
);
const HONEST_HELLO = HELLO.slice(0, 5) + NOISE;
const DATA = record(23, 90);
const BYE = record(21, 2);

/** Lets FTP and what belongs to it through, and translates nothing. */
const NO_NAT = `*filter
:FORWARD DROP
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
COMMIT
`;

interface Tls {
  readonly session: ControlSession;
  readonly events: FtpEncrypted[];
}

function listened(session: ControlSession): Tls {
  const { engine } = session.around;
  const events: FtpEncrypted[] = [];
  engine.listener = { ...engine.listener!, controlEncrypted: (event) => events.push(event) };
  return { session, events };
}

/** A session of which the server has agreed to encrypt, in the middle of a dialogue. */
function encrypted(nat: NatKind, policy: Partial<FtpPolicy> = {}, before = ''): Tls {
  const tls = listened(ftpSession({ nat, ftp: ftpPolicy(policy) }));
  const { session } = tls;
  if (before !== '') {
    session.clientSays(before);
    session.serverSays('200 ok\r\n'.repeat(before.split('\n').length - 1));
  }
  session.clientSays('AUTH TLS\r\n');
  session.serverSays('234 go\r\n');
  return tls;
}

/** Of the connection that the last packet belonged to. */
function view({ around: { engine } }: ControlSession) {
  return engine.tracking.ftp.sessionOf(engine.flight.row)!;
}

function dataState(session: ControlSession, host: string, port: number): string {
  const left = session.dataSyn(session.client, 30_000 + port - 49_000, host, port);
  if (left.outcome !== Outcome.Forward) return 'dropped';
  const { ctState } = session.around.engine.flight;
  const { dst, dport } = left.seen!;
  return `${(ctState & CtStateBit.Related) !== 0 ? 'related' : 'new'} ${dst}:${dport}`;
}

describe('AUTH and 234', () => {
  for (const what of ['TLS', 'SSL', 'tls-p']) {
    test(`AUTH ${what}: said once, with the ports that must be open`, () => {
      for (const passiveRange of [null, range]) {
        const { session, events } = listened(ftpSession({ ftp: ftpPolicy({ passiveRange }) }));
        session.clientSays(`AUTH ${what}\r\n`);
        assert.equal(view(session).isEncrypted, false);
        session.serverSays('234 go\r\n');
        assert.deepEqual(events, [{ row: view(session).row, passiveRange }]);
        session.clientSays(HELLO);
        assert.equal(view(session).isEncrypted, true);
        const { refusals } = session.around.engine.tracking.ftp;
        assert.equal(refusals.byReason().encrypted, 1);
      }
    });
  }
  for (const reply of ['534 no', '504 what?', '431 later', '500 what?', '502 no', '334 more']) {
    test(`${reply.slice(0, 3)} leaves it readable`, () => {
      const { session, events } = listened(ftpSession({ nat: 'dnat' }));
      session.clientSays('AUTH TLS\r\n');
      session.serverSays(`${reply}\r\n`);
      session.clientSays(PASV);
      assert.notEqual(session.step('S', R227), 'pass');
      assert.deepEqual(session.expected(), ['10.0.1.2>10.0.1.1:51210']);
      assert.deepEqual(events, []);
    });
  }
  for (const nat of KINDS) {
    test(`records pass untouched both ways behind lines of other lengths: ${nat}`, () => {
      const { session } = encrypted(nat, {}, `${PORT}EPRT |1|10.0.1.2|51210|\r\n`);
      const [there, back] = [session.server.received.length, session.client.received.length];
      const said = { client: '', server: '' };
      for (let i = 0; i < 20; i++) {
        const [out, answer] = [record(23, 40 + i * 30), record(23, 400 - i * 17)];
        said.client += out;
        said.server += answer;
        // One byte a segment too; `TcpSession` compares all sequence and acknowledgement numbers.
        const pieces = i === 3 ? [...out] : [out];
        for (const piece of pieces) assert.equal(session.step('C', piece), 'pass');
        assert.equal(session.step('S', answer), 'pass');
      }
      assert.equal(session.server.received.slice(there), said.client);
      assert.equal(session.client.received.slice(back), said.server);
      assert.equal(session.around.refusals.length, 0);
      session.close();
    });
  }
  test('a PORT behind AUTH in one segment keeps nothing open once it is encrypted', () => {
    const { session } = listened(ftpSession());
    session.clientSays(`AUTH TLS\r\n${PORT}`);
    assert.equal(session.step('S', '534 no\r\n200 ok\r\n'), 'pass');
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    const other = ftpSession();
    other.clientSays(`AUTH TLS\r\n${PORT}`);
    other.serverSays('234 go\r\n');
    assert.deepEqual(other.expected(), []);
  });
});

describe('a known passive range', () => {
  for (const [nat, host, policy] of [
    ['plain', '192.0.2.2', {}],
    ['snat', '192.0.2.2', {}],
    ['dnat', '10.0.1.1', {}],
    // Whom an earlier line was about must not matter.
    [
      'dnat',
      '10.0.1.1',
      { thirdParties: [{ family: 4, words: [0x0a000109, 0, 0, 0], prefixLen: 32 }] },
    ],
  ] as const) {
    const hasFriend = 'thirdParties' in policy;
    test(`several of its ports at once, and no other: ${nat}${hasFriend ? ', FXP before' : ''}`, () => {
      const before = hasFriend ? 'PORT 10,0,1,9,200,10\r\n' : '';
      const { session } = encrypted(nat, { ...policy, passiveRange: range }, before);
      assert.deepEqual(session.expected(), [`10.0.1.2>${host}:50000`]);
      // No rule translates these: they follow their control connection.
      session.around.reload(NO_NAT);
      for (const port of [50_000, 50_003, 50_010]) {
        assert.equal(dataState(session, host, port), `related 192.0.2.2:${port}`);
      }
      for (const port of [49_999, 50_011]) assert.equal(dataState(session, host, port), 'dropped');
      const stranger = session.inject(session.server, {
        ...{ dst: '10.0.1.2', dport: 50_004, sport: 50_005, flags: 'S', ack: 0 },
      });
      assert.equal(stranger.outcome, Outcome.Drop, 'the other way');
      assert.equal(session.step('C', HELLO), 'pass');
      session.close();
      assert.deepEqual(session.expected(), []);
      assert.equal(dataState(session, host, 50_005), 'dropped');
    });
  }
  test('a range of one port is not used up by its first connection', () => {
    const { session } = encrypted('dnat', { passiveRange: { first: 50_004, last: 50_004 } });
    const { client } = session;
    for (const sport of [30_001, 30_002]) {
      const left = session.dataSyn(client, sport, '10.0.1.1', 50_004);
      assert.equal(left.seen?.dst, '192.0.2.2');
    }
    assert.equal(session.expected().length, 1);
  });
  test('it stays open as long as the session does', () => {
    const { session } = encrypted('plain', { passiveRange: range, holeLifetime: 5 });
    for (let minute = 1; minute < 20; minute++) {
      session.around.now(minute * 60);
      session.clientSays(DATA);
      session.serverSays(DATA);
    }
    assert.equal(dataState(session, '192.0.2.2', 50_001), 'related 192.0.2.2:50001');
  });
  test('without one nothing is open', () => {
    const { session } = encrypted('plain');
    assert.deepEqual(session.expected(), []);
    assert.equal(dataState(session, '192.0.2.2', 50_001), 'dropped');
  });
});

describe('TLS from the first byte', () => {
  for (const nat of KINDS) {
    test(`is seen when the server answers alike: ${nat}`, () => {
      for (const size of [400, 3, 1]) {
        const options = { nat, ftp: ftpPolicy({ passiveRange: wide }) };
        const { session, events } = listened(ftpSession(options, { warm: false }));
        for (let at = 0; at < HONEST_HELLO.length; at += size) {
          assert.equal(session.step('C', HONEST_HELLO.slice(at, at + size)), 'pass');
        }
        assert.equal(session.step('S', HELLO), 'pass');
        assert.equal(events.length, 1);
        assert.equal(view(session).isEncrypted, true);
        assert.equal(session.expected().length, 1);
        assert.equal(session.step('C', DATA), 'pass');
        assert.equal(session.step('S', DATA), 'pass');
        session.clientSays(`${BYE}${PASV}`);
        session.serverSays(`${BYE}${R227}`);
        assert.equal(view(session).isEncrypted, false);
        assert.equal(session.expected().length, 1);
      }
    });
  }
  test('a server that speaks plainly is read, and so is what the client has hidden in it', () => {
    const evil = `\x16\x03\r\nUSER a\r\nPASS b\r\nDELE x\r\nPORT 10,0,1,9,200,10\r\n`;
    for (const size of [evil.length, 9, 1]) {
      const options = { ftp: ftpPolicy({ deny: ['DELE'] }) };
      const { session, events } = listened(ftpSession(options, { warm: false }));
      for (let at = 0; at < evil.length; at += size) {
        if (session.step('C', evil.slice(at, at + size)) === 'reset') break;
      }
      const { received } = session.server;
      assert.doesNotMatch(received, /(DELE x|PORT 10,0,1,9,200,10)\r\n/);
      session.inject(session.server, { payload: '220 hi\r\n', flags: 'PA' });
      assert.deepEqual(events, []);
      assert.deepEqual(session.expected(), []);
    }
  });
  test('no bytes of a client make a greeted session unreadable', () => {
    const { session, events } = listened(ftpSession({ ftp: ftpPolicy({ deny: ['DELE'] }) }));
    session.clientSays('\x16\x03\x01\r\n');
    session.serverSays('500 what?\r\n');
    assert.equal(session.step('C', 'DELE a\r\n'), 'XXXX a\r\n');
    assert.deepEqual(events, []);
  });
});

describe('CCC: plain text again', () => {
  for (const nat of KINDS) {
    test(`PORT, PASV and EPSV work, wherever the segments end: ${nat}`, () => {
      for (const size of [2000, 50, 1]) {
        const { session } = encrypted(nat, { passiveRange: wide }, PORT);
        const says = (from: 'C' | 'S', text: string) => {
          for (let at = 0; at < text.length; at += size) {
            session.step(from, text.slice(at, at + size));
            session.clientAcks();
            session.serverAcks();
          }
        };
        const there = session.server.received.length;
        says('C', HELLO + DATA);
        says('S', HELLO + DATA);
        assert.equal(view(session).isEncrypted, true);
        says('C', `${DATA}${BYE}NOOP\r\n${PORT}`);
        says('S', `${DATA}${BYE}200 ok\r\n200 ok\r\n`);
        assert.equal(view(session).isEncrypted, false);
        const told = nat === 'snat' ? 'PORT 192,0,2,1,200,10\r\n' : PORT;
        assert.equal(
          session.server.received.slice(there + HELLO.length + 2 * DATA.length),
          `${BYE}NOOP\r\n${told}`,
        );
        assert.deepEqual(session.expected(), [
          nat === 'snat' ? '192.0.2.2>192.0.2.1:51210' : TO_CLIENT,
        ]);
        says('C', PASV);
        says('S', R227);
        says('C', 'EPSV\r\n');
        says('S', R229);
        assert.deepEqual(session.expected(), [
          nat === 'dnat' ? '10.0.1.2>10.0.1.1:51210' : TO_SERVER,
        ]);
        assert.match(
          session.client.received,
          nat === 'dnat' ? /227 .*10,0,1,1/ : /227 .*192,0,2,2/,
        );
      }
    });
  }
  test('what was announced before AUTH is not mistaken for what comes after CCC', () => {
    const { session } = listened(ftpSession());
    session.clientSays(`${PORT}AUTH TLS\r\n`);
    session.serverSays('200 ok\r\n234 go\r\n');
    session.clientSays(`${HELLO}${BYE}${PORT}`);
    session.serverSays(`${HELLO}${BYE}500 no\r\n`);
    assert.deepEqual(session.expected(), [], 'the refused one is closed');
  });
  test('encrypted again, and denied commands in between', () => {
    const { session, events } = encrypted('snat', { deny: ['DELE'] });
    for (let round = 0; round < 3; round++) {
      session.clientSays(`${HELLO}${BYE}`);
      session.serverSays(`${HELLO}${BYE}`);
      assert.equal(session.step('C', 'DELE a\r\n'), 'XXXX a\r\n');
      session.serverSays('500 what?\r\n');
      session.clientSays('AUTH TLS\r\n');
      session.serverSays('234 go\r\n');
      assert.equal(events.length, 2 + round);
    }
  });
});
