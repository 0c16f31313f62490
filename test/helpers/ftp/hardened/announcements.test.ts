import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../../src/conntrack/index.ts';
import { defaultEngineSettings, Outcome } from '../../../../src/engine/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { makeGateway } from '../../../support/gateway.ts';
import { ControlSession, ftpGateway, ftpSession } from '../ftp-session.ts';

const PORT = 'PORT 10,0,1,2,200,10\r\n';
const TO_CLIENT = '192.0.2.2>10.0.1.2:51210';
const TO_SERVER = '10.0.1.2>192.0.2.2:51210';
const TO_CLIENT6 = '2001:db8:2::2>2001:db8:1::2:51210';
const TO_SERVER6 = '2001:db8:1::2>2001:db8:2::2:51210';

describe('announcements without NAT', () => {
  const cases: readonly (readonly [string, 'C' | 'S', string, string, boolean])[] = [
    ['PORT', 'C', PORT, TO_CLIENT, false],
    ['PORT in lower case', 'C', 'port 10,0,1,2,200,10\r\n', TO_CLIENT, false],
    ['EPRT', 'C', 'EPRT |1|10.0.1.2|51210|\r\n', TO_CLIENT, false],
    ['227', 'S', '227 Entering Passive Mode (192,0,2,2,200,10).\r\n', TO_SERVER, false],
    ['229', 'S', '229 Entering Extended Passive Mode (|||51210|)\r\n', TO_SERVER, false],
    ['EPRT over IPv6', 'C', 'EPRT |2|2001:db8:1::2|51210|\r\n', TO_CLIENT6, true],
    ['229 over IPv6', 'S', '229 Extended (|||51210|)\r\n', TO_SERVER6, true],
  ];
  for (const [name, from, line, expected, ipv6] of cases) {
    test(`${name} passes as it is and is expected`, () => {
      const session = ftpSession({ ipv6 });
      if (from === 'S') session.step('C', line.startsWith('227') ? 'PASV\r\n' : 'EPSV\r\n');
      assert.equal(session.step(from, line), 'pass');
      assert.deepEqual(session.expected(), [expected]);
      assert.deepEqual(session.refusals(), []);
    });
  }

  test('the first segment of either side counts where the handshake was seen', () => {
    const client = ftpSession({}, { warm: false });
    client.step('S', '220 hi\r\n');
    client.step('C', PORT);
    assert.deepEqual(client.expected(), [TO_CLIENT]);
    const server = ftpSession({}, { warm: false });
    server.step('S', '220 hi\r\n');
    server.step('C', 'PASV\r\n');
    server.step('S', '227 hi (192,0,2,2,200,10)\r\n');
    assert.deepEqual(server.expected(), [TO_SERVER]);
  });

  test('the data connection is RELATED once, and from the peer only', () => {
    const session = ftpSession();
    session.step('C', PORT);
    const stranger = { src: '192.0.2.3' };
    const foreign = session.inject(session.server, {
      ...stranger,
      sport: 20,
      dport: 51210,
      flags: 'S',
    });
    assert.equal(foreign.outcome, Outcome.Drop);
    const first = session.dataSyn(session.server, 20, '10.0.1.2', 51210);
    assert.equal(first.outcome, Outcome.Forward);
    assert.equal(session.around.engine.flight.ctState, CtStateBit.Related);
    assert.deepEqual(session.expected(), []);
    const second = session.dataSyn(session.server, 21_000, '10.0.1.2', 51210);
    assert.equal(second.outcome, Outcome.Drop);
  });

  test('the same PORT twice is one expectation, a later PORT replaces the earlier', () => {
    const session = ftpSession();
    session.step('C', PORT);
    session.around.now(100);
    session.step('C', PORT);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    session.around.now(390);
    assert.deepEqual(session.expected(), [TO_CLIENT], 'the timer began again');
    session.step('C', 'PORT 10,0,1,2,200,11\r\n');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51211']);
    session.around.now(691);
    assert.deepEqual(session.expected(), [], '300 s');
  });

  test('all lines of a segment count, and the last announcement stands', () => {
    const session = ftpSession();
    session.step('C', `NOOP\r\n${PORT}LIST\r\n`);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    session.step('C', `${PORT}PORT 10,0,1,2,4,1\r\nLIST\r\n`);
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:1025']);
  });

  test('an announcement split anywhere is joined', () => {
    for (let at = 1; at < PORT.length; at++) {
      const session = ftpSession();
      assert.equal(session.step('C', PORT.slice(0, at)), 'hold');
      assert.equal(session.step('C', PORT.slice(at)), PORT);
      assert.deepEqual(session.expected(), [TO_CLIENT], `split at ${at}`);
    }
  });

  test('one byte a segment', () => {
    const session = ftpSession();
    for (const byte of `${PORT}LIST\r\n`) session.step('C', byte);
    for (const byte of '200 ok\r\n150 go\r\n') session.step('S', byte);
    assert.match(session.server.received, /PORT 10,0,1,2,200,10\r\nLIST\r\n$/);
    assert.match(session.client.received, /200 ok\r\n150 go\r\n$/);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });

  test('payloads of 255, 256 and 257 bytes', () => {
    for (const length of [255, 256, 257]) {
      for (const nat of ['plain', 'snat'] as const) {
        const session = ftpSession({ nat });
        const rest = `${'x'.repeat(length - PORT.length - 2)}\r\n`;
        session.step('C', PORT + rest);
        const address = nat === 'snat' ? '192,0,2,1' : '10,0,1,2';
        assert.ok(session.server.received.endsWith(`PORT ${address},200,10\r\n${rest}`));
        assert.equal(session.expected().length, 1);
        session.step('C', 'NOOP\r\n');
      }
    }
  });

  test('a password never occurs in an event', () => {
    const session = ftpSession({}, { warm: false });
    session.step('S', '220 hi\r\n');
    session.step('C', 'USER secret\r\nPASS secret\r\n');
    session.step('C', 'PASS secret\r\nPORT 6,6,6,6,0,80\r\n');
    session.step('C', 'PA');
    session.step('C', 'SS secret\r\nPORT 1\r\n');
    session.step('C', 'PASS secret\rPORT 6,6,6,6,0,80\r\n');
    session.step('C', `PASS ${'secret'.repeat(1000)}\r\n`);
    assert.ok(session.refusals().length >= 4);
    assert.ok(!JSON.stringify(session.around.refusals).includes('secret'));
    assert.ok(!JSON.stringify(session.around.events).includes('secret'));
  });
});

describe('tables', () => {
  test('an endpoint that another control connection expects: the command is struck out', () => {
    const gateway = ftpGateway();
    const first = new ControlSession(gateway, {}, {});
    const second = new ControlSession(gateway, {}, { clientPort: 50_941 });
    first.step('C', PORT);
    assert.equal(second.step('C', PORT), 'XXXX 10,0,1,2,200,10\r\n');
    assert.deepEqual(second.refusals(), ['PORT already-expected reject "PORT 10,0,1,2,200,10"']);
    assert.deepEqual(first.expected(), [TO_CLIENT]);
    second.step('S', '500 what?\r\n');
    second.step('C', 'PORT 10,0,1,2,200,11\r\n');
    assert.equal(first.expected().length, 2);
  });

  test('a full expectation table: the command is struck out', () => {
    const { conntrack } = defaultEngineSettings();
    const gateway = makeGateway({
      interfaces: { lan: '10.0.1.1/24', wan: '192.0.2.1/24' },
      settings: { conntrack: { ...conntrack, maximum: 16, expectMaximum: 1 } },
    });
    const first = new ControlSession(gateway, {}, {});
    const second = new ControlSession(gateway, {}, { clientPort: 50_941 });
    first.step('C', PORT);
    assert.equal(second.step('C', 'PORT 10,0,1,2,4,4\r\n'), 'XXXX 10,0,1,2,4,4\r\n');
    assert.deepEqual(second.refusals(), ['PORT limit reject "PORT 10,0,1,2,4,4"']);
    first.step('C', 'PORT 10,0,1,2,4,5\r\n');
    assert.deepEqual(first.expected(), ['192.0.2.2>10.0.1.2:1029'], 'its own place is free');
  });

  test('the end of the control connection takes its expectation along', () => {
    const session = ftpSession();
    session.step('C', PORT);
    session.close();
    assert.deepEqual(session.expected(), []);
  });

  test('a client has no more pinholes than the policy allows, over all its connections', () => {
    const ftp = { ftp: ftpPolicy({ maxHolesPerClient: 2 }) };
    const gateway = ftpGateway(ftp);
    const sessions = [1, 2, 3].map(
      (i) => new ControlSession(gateway, ftp, { clientPort: 50_940 + i }),
    );
    const told = sessions.map((session, i) => session.step('C', `PORT 10,0,1,2,200,${i}\r\n`));
    assert.deepEqual(told, ['pass', 'pass', 'XXXX 10,0,1,2,200,2\r\n']);
    assert.deepEqual(sessions[0]!.refusals(), ['PORT limit reject "PORT 10,0,1,2,200,2"']);
    // Its own place is free, and so is that of one that has closed.
    assert.equal(sessions[0]!.step('C', 'PORT 10,0,1,2,200,9\r\n'), 'pass');
    sessions[1]!.close();
    assert.equal(sessions[2]!.step('C', 'PORT 10,0,1,2,200,3\r\n'), 'pass');
  });

  test('as many pinholes of one control connection as the policy allows', () => {
    const session = ftpSession({ ftp: ftpPolicy({ maxHoles: 2 }) });
    for (const port of [1, 2, 3]) session.step('C', `PORT 10,0,1,2,200,${port}\r\n`);
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51202', '192.0.2.2>10.0.1.2:51203']);
  });

  test('more commands without an answer than are kept in mind', () => {
    const session = ftpSession();
    session.step('C', 'NOOP\r\n'.repeat(40));
    session.step('C', PORT);
    assert.deepEqual(session.expected(), []);
    assert.match(session.refusals().at(-1)!, / limit /);
  });
});

/** A session whose connection the gateway has forgotten. */
function pickedUp(): ControlSession {
  const session = ftpSession();
  session.around.engine.tracking.conntrack.flush();
  session.clientAcks();
  session.serverAcks();
  return session;
}

describe('order and position', () => {
  test('what overtakes a PORT waits until it has come', () => {
    const session = ftpSession();
    const { client } = session;
    const at = client.next;
    assert.equal(session.stepAt(client, at + PORT.length, 'LIST\r\n'), 'drop');
    assert.deepEqual(session.expected(), []);
    assert.equal(session.stepAt(client, at, PORT), 'pass');
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    assert.equal(session.stepAt(client, at + PORT.length, 'LIST\r\n'), 'pass');
  });

  test('a retransmitted PORT does not open again what has been used', () => {
    const session = ftpSession();
    const at = session.client.next;
    session.step('C', PORT);
    session.dataSyn(session.server, 20, '10.0.1.2', 51210);
    assert.equal(session.stepAt(session.client, at, PORT), 'pass');
    assert.deepEqual(session.expected(), []);
    assert.equal(session.around.engine.tracking.ftp.counters.announced, 1);
  });

  test('nor does one that comes again with other lines around it', () => {
    const session = ftpSession();
    const at = session.client.next;
    session.step('C', `NOOP\r\n${PORT}`);
    session.dataSyn(session.server, 20, '10.0.1.2', 51210);
    session.stepAt(session.client, at, `NOOP\r\n${PORT}LIST\r\n`);
    assert.deepEqual(session.expected(), []);
    assert.equal(session.around.engine.tracking.ftp.counters.announced, 1);
  });

  test('picked up in mid-stream: the line that follows a line end is certain', () => {
    const session = pickedUp();
    session.step('C', 'PWD\r\n');
    session.step('S', '257 "/"\r\n');
    session.step('C', PORT);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });

  test('picked up in mid-stream: the first bytes of the first segment are not certain', () => {
    const session = pickedUp();
    session.step('S', '200 ok\r\n');
    session.step('C', PORT);
    assert.deepEqual(session.expected(), []);
    assert.deepEqual(session.refusals(), ['PORT line-start-unknown pass "PORT 10,0,1,2,200,10"']);
    session.step('C', `NOOP\r\n${PORT}`);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });

  test('a connection seen in one direction only opens nothing', () => {
    const gateway = ftpGateway();
    const session = new ControlSession(gateway, {}, { warm: false });
    gateway.engine.tracking.conntrack.flush();
    session.stepAt(session.client, 5000, 'PWD\r\n');
    session.stepAt(session.client, 5005, PORT);
    assert.deepEqual(session.expected(), []);
    assert.deepEqual(session.refusals(), ['PORT unanswered pass "PORT 10,0,1,2,200,10"']);
  });

  test('a reply that a client cut loose from its line (VU#328867) opens nothing', () => {
    const session = ftpSession();
    const echo = "500 '227 hi (192,0,2,2,0,22)' not understood\r\n";
    const at = session.server.next;
    session.step('S', echo);
    session.stepAt(session.server, at + 5, echo.slice(5));
    assert.deepEqual(session.expected(), []);
  });
});
