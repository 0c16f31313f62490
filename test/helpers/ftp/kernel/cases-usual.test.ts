/** The cases of the reference's list (c), column K: usual dialogues. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import { ftpWith } from '../../../support/ftp-options.ts';
import { makeGateway, type TestGateway } from '../../../support/gateway.ts';
import { TcpSession } from '../../../support/tcp-session.ts';
import { isExpected } from '../ftp-session.ts';
import { talk } from './talk.ts';

const PORT = 'PORT 10,0,1,2,200,10\r\n';
const TO_CLIENT = ['192.0.2.2>10.0.1.2:51210'];
const TO_SERVER = ['10.0.1.2>192.0.2.2:51210'];

/** A client on the LAN and a server outside, through rules of a test's own. */
function gatewayWith(raw: string, related: string): TestGateway {
  return makeGateway({
    rules: [
      ...(raw === '' ? [] : ['*raw', raw, 'COMMIT']),
      '*filter',
      ':FORWARD DROP',
      '-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT',
      '-A FORWARD -i lan -p tcp -m multiport --dports 21,11111 -j ACCEPT',
      related,
      'COMMIT',
      '',
    ].join('\n'),
    settings: { ftp: ftpWith({}, { mode: 'kernel' }) },
  });
}

const RELATED = '-A FORWARD -m conntrack --ctstate RELATED -j ACCEPT';

function controlThrough(gateway: TestGateway, port = 21): TcpSession {
  const session = new TcpSession(gateway, {
    client: { address: '192.168.1.10', port: 40_000 },
    server: { address: '198.51.100.9', port },
  });
  session.connect();
  session.serverSays('220 hi\r\n');
  session.clientSays('USER a\r\n');
  return session;
}

/** What becomes of the server's data connection to `port`. */
function activeData(session: TcpSession, port: number): number {
  const { client, server } = session;
  const syn = { dst: client.address, sport: 20, dport: port, flags: 'S', seq: 9, ack: 0 };
  return session.inject(server, syn).outcome;
}

function expectedOf(from: 'C' | 'S', line: string, ipv6 = false): string[] {
  const session = talk({ ipv6 });
  assert.equal(session.step(from, line), 'pass', line);
  return session.expected();
}

describe('announcements', () => {
  test('case 1: PORT opens for the server, for 300 seconds', () => {
    const session = talk();
    assert.equal(session.step('C', PORT), 'pass');
    assert.deepEqual(session.expected(), TO_CLIENT);
    const { clock } = session.around;
    const [expectation] = session.around.engine.tracking.conntrack.expectations.all();
    assert.equal((expectation!.expiresAt - clock.ms) | 0, 300_000);
    assert.deepEqual([expectation!.class, expectation!.flags], [0, 0]);
  });

  test('case 2: port in lower case', () => {
    assert.deepEqual(expectedOf('C', PORT.toLowerCase()), TO_CLIENT);
    assert.deepEqual(expectedOf('C', PORT.replace('PORT', 'pOrT')), TO_CLIENT);
  });

  test('case 3: 227 after PASV', () => {
    const session = talk();
    const [, verdict] = session.steps(
      'CPASV\r\n',
      'S227 Entering Passive Mode (192,0,2,2,200,10).\r\n',
    );
    assert.equal(verdict, 'pass');
    assert.deepEqual(session.expected(), TO_SERVER);
  });

  test('case 4: 227 without parentheses', () => {
    assert.deepEqual(expectedOf('S', '227 =192,0,2,2,200,10\r\n'), TO_SERVER);
    assert.deepEqual(expectedOf('S', '227 192,0,2,2,200,10\r\n'), TO_SERVER);
  });

  test('case 5: 229', () => {
    assert.deepEqual(expectedOf('S', '229 hi (|||51210|)\r\n'), TO_SERVER);
  });

  test('case 6: 229 with another delimiter', () => {
    assert.deepEqual(expectedOf('S', '229 hi (!!!51210!)\r\n'), TO_SERVER);
  });

  test('case 7: EPRT', () => {
    assert.deepEqual(expectedOf('C', 'EPRT |1|10.0.1.2|51210|\r\n'), TO_CLIENT);
  });

  test('case 8: EPRT with another delimiter', () => {
    assert.deepEqual(expectedOf('C', 'EPRT !1!10.0.1.2!51210!\r\n'), TO_CLIENT);
  });

  test('case 9: EPRT over IPv6', () => {
    const expected = ['2001:db8:2::2>2001:db8:1::2:51210'];
    assert.deepEqual(expectedOf('C', 'EPRT |2|2001:db8:1::2|51210|\r\n', true), expected);
  });

  test('case 10: 229 over IPv6', () => {
    const expected = ['2001:db8:1::2>2001:db8:2::2:51210'];
    assert.deepEqual(expectedOf('S', '229 hi (|||51210|)\r\n', true), expected);
  });

  test('case 11: the last of two PORTs counts', () => {
    const session = talk();
    session.steps(`C${PORT}`, 'CPORT 10,0,1,2,200,11\r\n');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51211']);
  });

  test('case 12: the same PORT again restarts its time', () => {
    const session = talk();
    session.step('C', PORT);
    session.around.now(200);
    session.step('C', PORT);
    session.around.now(499);
    assert.deepEqual(session.expected(), TO_CLIENT);
    session.around.now(500);
    assert.deepEqual(session.expected(), []);
  });
});

describe('data connections', () => {
  test('case 13: any port of the server may connect, and that uses the expectation up', () => {
    const session = talk();
    session.step('C', PORT);
    const syn = session.dataSyn(session.server, 33_333, '10.0.1.2', 51_210);
    assert.equal(syn.outcome, Outcome.Forward);
    assert.ok(isExpected(session.around));
    assert.deepEqual(session.expected(), []);
  });

  test('case 14: a second one is NEW', () => {
    const session = talk();
    session.step('C', PORT);
    session.dataSyn(session.server, 20, '10.0.1.2', 51_210);
    const second = session.dataSyn(session.server, 19, '10.0.1.2', 51_210);
    assert.equal(second.outcome, Outcome.Drop);
    assert.equal(isExpected(session.around), false);
  });

  test('case 16: control connections on another port, by a rule', () => {
    const session = controlThrough(
      gatewayWith('-A PREROUTING -p tcp --dport 11111 -j CT --helper ftp', RELATED),
      11_111,
    );
    session.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(activeData(session, 51_210), Outcome.Forward);
    const without = controlThrough(gatewayWith('', RELATED), 11_111);
    without.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(activeData(without, 51_210), Outcome.Drop);
  });

  test('case 17: a rule with --helper ftp --dport 1024: keeps low ports closed', () => {
    const related =
      '-A FORWARD -p tcp -m conntrack --ctstate RELATED -m helper --helper ftp --dport 1024: -j ACCEPT';
    for (const [numbers, port, outcome] of [
      ['200,10', 51_210, Outcome.Forward],
      ['0,22', 22, Outcome.Drop],
    ] as const) {
      const session = controlThrough(gatewayWith('', related));
      session.clientSays(`PORT 192,168,1,10,${numbers}\r\n`);
      assert.equal(activeData(session, port), outcome, numbers);
    }
  });
});
