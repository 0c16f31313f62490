import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../../src/engine/index.ts';
import type { FtpRefusalAction } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import { hasFlags } from '../../../support/tcp-session.ts';
import { type ControlSession, ftpSession } from '../ftp-session.ts';

const BOUNCE = 'PORT 6,6,6,6,0,80\r\n';
const STRUCK = 'XXXX 6,6,6,6,0,80\r\n';
const LINE = 'PORT 6,6,6,6,0,80';

function withPolicy(bounce: FtpRefusalAction, warm = true): ControlSession {
  return ftpSession({ ftp: ftpPolicy({ bounce }) }, { warm });
}

/** What each policy makes of a bounce that arrives as a whole. */
const outcomes: readonly (readonly [FtpRefusalAction, string])[] = [
  ['reject', STRUCK],
  ['drop', 'hold'],
  ['reset', 'reset'],
  ['pass', 'pass'],
];

for (const [policy, outcome] of outcomes) {
  describe(`bounce, policy ${policy}`, () => {
    const told = `PORT address-mismatch ${policy} "${LINE}"`;

    test('in a segment of its own, told and counted once', () => {
      const session = withPolicy(policy);
      assert.equal(session.step('C', BOUNCE), outcome);
      assert.deepEqual(session.refusals(), [told]);
      assert.deepEqual(session.expected(), []);
      const { refused, rejected } = session.around.engine.tracking.ftp.counters;
      assert.deepEqual([refused, rejected], [1, policy === 'pass' ? 0 : 1]);
    });

    test('as the first segment', () => {
      const session = withPolicy(policy, false);
      assert.equal(session.step('C', BOUNCE), outcome);
    });

    test('in lower case', () => {
      const session = withPolicy(policy);
      const wanted = outcome === STRUCK ? STRUCK : outcome;
      assert.equal(session.step('C', BOUNCE.toLowerCase()), wanted);
    });

    test('pipelined behind another command', () => {
      const session = withPolicy(policy);
      const wanted = {
        [STRUCK]: `NOOP\r\n${STRUCK}NOOP\r\n`,
        hold: 'NOOP\r\nNOOP\r\n',
      }[outcome];
      assert.equal(session.step('C', `NOOP\r\n${BOUNCE}NOOP\r\n`), wanted ?? outcome);
      assert.deepEqual(session.refusals(), [told]);
    });

    test('behind bytes that are missing: it waits until they have come', () => {
      const session = withPolicy(policy);
      const { client } = session;
      const at = client.next;
      assert.equal(session.stepAt(client, at + 6, BOUNCE), 'drop');
      assert.equal(session.stepAt(client, at, 'NOOP\r\n'), 'pass');
      assert.equal(session.stepAt(client, at + 6, BOUNCE), outcome);
      assert.deepEqual(session.refusals(), [told]);
    });

    test('in other bytes than the first copy had: the first copy goes on again', () => {
      const session = withPolicy(policy);
      const at = session.client.next;
      const harmless = `NOOP${' '.repeat(BOUNCE.length - 6)}\r\n`;
      session.step('C', harmless);
      assert.equal(session.stepAt(session.client, at, BOUNCE), harmless);
      assert.deepEqual(session.refusals(), []);
    });

    if (policy === 'reset') return;
    test('retransmitted: the same again, and not told again', () => {
      const session = withPolicy(policy);
      const at = session.client.next;
      session.step('C', BOUNCE);
      assert.equal(session.stepAt(session.client, at, BOUNCE), outcome);
      assert.equal(session.refusals().length, 1);
    });
  });
}

describe('reject', () => {
  test('keeps lengths: the dialogue goes on in the same numbers', () => {
    const session = withPolicy('reject');
    session.step('C', BOUNCE);
    assert.equal(session.step('S', '500 what?\r\n'), 'pass');
    assert.equal(session.step('C', 'PORT 10,0,1,2,200,10\r\n'), 'pass');
    assert.deepEqual(session.expected(), ['192.0.2.2>10.0.1.2:51210']);
  });

  test('EPRT of both families, and PORT over IPv6', () => {
    const v4 = withPolicy('reject');
    assert.equal(v4.step('C', 'EPRT |1|10.0.1.9|80|\r\n'), 'XXXX |1|10.0.1.9|80|\r\n');
    const v6 = ftpSession({ ipv6: true });
    assert.equal(v6.step('C', 'eprt |2|2001:db8::9|80|\r\n'), 'XXXX |2|2001:db8::9|80|\r\n');
    assert.equal(v6.step('C', BOUNCE), STRUCK);
  });

  test('split anywhere', () => {
    for (const [line, struck] of [
      [BOUNCE, STRUCK],
      ['EPRT |1|10.0.1.9|80|\r\n', 'XXXX |1|10.0.1.9|80|\r\n'],
    ] as const) {
      for (let at = 1; at < line.length; at++) {
        const session = withPolicy('reject');
        assert.equal(session.step('C', line.slice(0, at)), 'hold');
        assert.equal(session.step('C', line.slice(at)), struck, `split at ${at}`);
        assert.equal(session.refusals().length, 1);
      }
    }
  });

  test('a command padded beyond what is kept back', () => {
    const long = `PORT 6,6,6,6,0,80${' '.repeat(600)}\r\n`;
    const session = withPolicy('reject');
    assert.equal(session.step('C', long), `XXXX${long.slice(4)}`);
    assert.match(
      session.refusals()[0]!,
      /^PORT address-mismatch reject "PORT 6,6,6,6,0,80 +\.\.\."$/,
    );
    const inParts = withPolicy('reject');
    inParts.step('C', 'PO');
    assert.match(inParts.step('C', long.slice(2, 560)), /^XXXX 6,6,6,6,0,80 +\r\n$/);
    inParts.step('C', long.slice(560));
    inParts.step('C', 'NOOP\r\n');
    assert.match(inParts.server.received, /XXXX 6,6,6,6,0,80 +\r\nNOOP\r\n$/);
    assert.match(inParts.refusals()[0]!, /^PORT line-too-long reject/);
    const passed = withPolicy('pass');
    assert.equal(passed.step('C', long), 'pass');
  });

  test('a long line that announces nothing goes on, and is told', () => {
    const session = withPolicy('reject');
    assert.equal(session.step('C', `STOR ${'x'.repeat(5000)}\r\n`), 'pass');
    assert.match(session.refusals()[0]!, /^STOR line-too-long pass /);
    session.step('C', 'PORT 10,0,1,2,200,10\r\n');
    assert.equal(session.expected().length, 1);
  });
});

describe('drop and reset', () => {
  test('drop: the command never arrives, in whatever cut it is sent again', () => {
    const session = withPolicy('drop');
    const at = session.client.next;
    session.step('C', BOUNCE);
    assert.equal(session.stepAt(session.client, at, `${BOUNCE}NOOP\r\n`), 'NOOP\r\n');
    assert.equal(session.stepAt(session.client, at + 3, 'T 6,6,6,6'), 'hold');
  });

  test('reset: both ends get one that they accept, the connection is forgotten', () => {
    for (const nat of ['plain', 'snat'] as const) {
      const session = ftpSession({ nat, ftp: ftpPolicy({ bounce: 'reset' }) });
      // The stream has been lengthened or shortened before: numbers differ between the ends.
      session.step('C', 'PORT 10,0,1,2,200,10\r\n');
      session.step('S', '200 ok\r\n');
      const { client, server } = session;
      const left = session.inject(client, { payload: BOUNCE, flags: 'PA' });
      assert.equal(left.outcome, Outcome.Drop);
      assert.equal(left.reason, 'ftp-reset');
      const [toServer, toClient] = left.answers;
      assert.equal(left.answers.length, 2);
      assert.deepEqual(
        [toServer!.interfaceName, toServer!.seen.src, toServer!.seen.sport, toServer!.seen.dst],
        ['wan', server.peerAddress, server.peerPort, server.address],
      );
      assert.ok(hasFlags(toServer!.seen, 'RA'));
      assert.equal(toServer!.seen.seq, server.expected, 'what the server expects next');
      assert.equal(toServer!.seen.ack, server.next);
      assert.deepEqual(
        [toClient!.interfaceName, toClient!.seen.src, toClient!.seen.sport, toClient!.seen.dst],
        ['lan', client.peerAddress, 21, client.address],
      );
      assert.equal(toClient!.seen.seq, client.expected, 'what the client expects next');
      assert.equal(session.around.connections, 0);
      assert.deepEqual(session.expected(), []);
    }
  });
});
