import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../src/conntrack/index.ts';
import { defaultEngineSettings, Outcome } from '../../../src/engine/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { ControlSession, ftpGateway, ftpSession } from './ftp-session.ts';

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
      assert.equal(session.step(from, line), 'pass');
      assert.deepEqual(session.expected(), [expected]);
      assert.deepEqual(session.refusals(), []);
    });
  }

  test('the first segment of either side counts where the handshake was seen', () => {
    const client = ftpSession({}, { warm: false });
    client.step('C', PORT);
    assert.deepEqual(client.expected(), [TO_CLIENT]);
    const server = ftpSession({}, { warm: false });
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
      assert.equal(session.step('C', PORT.slice(0, at)), 'pass');
      assert.equal(session.step('C', PORT.slice(at)), 'pass');
      assert.deepEqual(session.expected(), [TO_CLIENT], `split at ${at}`);
    }
  });

  test('what is refused opens nothing, passes untouched and is told', () => {
    const session = ftpSession();
    const cases: readonly (readonly ['C' | 'S', string, string])[] = [
      ['C', 'PORT 1,2,3,4,256,0\r\n', 'PORT number-out-of-range pass "PORT 1,2,3,4,256,0"'],
      ['C', 'PORT 10,0,1,2,0,0\r\n', 'PORT port-zero pass "PORT 10,0,1,2,0,0"'],
      [
        'C',
        'EPRT |1|10.0.1.2|65558|\r\n',
        'EPRT number-out-of-range pass "EPRT |1|10.0.1.2|65558|"',
      ],
      ['C', 'PORT 1,2,3\r\n', 'PORT malformed pass "PORT 1,2,3"'],
      ['S', '227 Logout.\r\n', '227 malformed pass "227 Logout."'],
      [
        'S',
        '227 hi (192,168,1,9,200,10)\r\n',
        '227 address-mismatch pass "227 hi (192,168,1,9,200,10)"',
      ],
    ];
    for (const [from, line] of cases) assert.equal(session.step(from, line), 'pass', line);
    assert.deepEqual(
      session.refusals(),
      cases.map(([, , refusal]) => refusal),
    );
    assert.deepEqual(session.expected(), []);
    assert.equal(session.around.engine.tracking.ftp.counters.refused, cases.length);
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
    session.step('C', 'PASS secret\r\n');
    session.step('C', 'PASS secret\r\nPORT 6,6,6,6,0,80\r\n');
    session.step('C', 'PA');
    session.step('C', 'SS secret\r\nPORT 1\r\n');
    session.stepAt(session.client, session.client.next + 4, 'SS secret\r\nPORT 9\r\n');
    assert.ok(session.refusals().length >= 3);
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
    assert.deepEqual(second.refusals(), ['PORT expectation-table-full reject "PORT 10,0,1,2,4,4"']);
    first.step('C', 'PORT 10,0,1,2,4,5\r\n');
    assert.deepEqual(first.expected(), ['192.0.2.2>10.0.1.2:1029'], 'its own place is free');
  });

  test('the end of the control connection takes its expectation along', () => {
    const session = ftpSession();
    session.step('C', PORT);
    session.close();
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    session.around.now(121);
    assert.deepEqual(session.expected(), []);
  });
});

describe('order and position', () => {
  test('a reordered PORT is read when the hole before it is filled', () => {
    const session = ftpSession();
    const { client } = session;
    session.stepAt(client, client.next + PORT.length, 'LIST\r\n');
    assert.deepEqual(session.expected(), []);
    session.stepAt(client, client.next, PORT);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    session.stepAt(client, client.next + PORT.length + 6, 'PORT 10,0,1,2,4,4\r\n');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:1028']);
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

  test('nor does one that comes again together with the bytes that were missing before it', () => {
    const session = ftpSession();
    const { client, server } = session;
    session.stepAt(client, client.next + 6, `NOOP\r\n${PORT}`);
    session.dataSyn(server, 20, '10.0.1.2', 51210);
    assert.equal(session.around.engine.flight.ctState, CtStateBit.Related);
    session.stepAt(client, client.next, `NOOP\r\nNOOP\r\n${PORT}LIST\r\n`);
    assert.deepEqual(session.expected(), []);
    assert.equal(session.around.engine.tracking.ftp.counters.announced, 1);
  });

  test('behind lost bytes a segment opens nothing until a line has ended', () => {
    const session = ftpSession();
    session.client.next += 100;
    session.client.next >>>= 0;
    session.stepAt(session.client, session.client.next, PORT);
    assert.deepEqual(session.expected(), []);
    assert.deepEqual(session.refusals(), ['PORT line-start-unknown pass "PORT 10,0,1,2,200,10"']);
    session.stepAt(session.client, session.client.next + PORT.length, PORT);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });

  test('picked up in mid-stream: the line that follows a line end is certain', () => {
    const gateway = ftpGateway();
    const session = new ControlSession(gateway, {}, { warm: false });
    gateway.engine.tracking.conntrack.flush();
    session.stepAt(session.client, 5000, 'PWD\r\n');
    session.stepAt(session.server, 9000, '257 "/"\r\n');
    session.stepAt(session.client, 5005, PORT);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });

  test('picked up in mid-stream: a line within the first segment is certain, its first bytes not', () => {
    const gateway = ftpGateway();
    const session = new ControlSession(gateway, {}, { warm: false });
    gateway.engine.tracking.conntrack.flush();
    session.inject(session.client, { flags: 'A' });
    session.inject(session.server, { flags: 'A' });
    session.stepAt(session.server, 9000, '227 hi (192,0,2,2,200,10)\r\n');
    assert.deepEqual(session.refusals(), [
      '227 line-start-unknown pass "227 hi (192,0,2,2,200,10)"',
    ]);
    session.stepAt(session.client, 5000, `OOP\r\n${PORT}`);
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
