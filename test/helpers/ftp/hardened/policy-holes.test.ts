/** Where announcements may lead under a policy: third parties, ports, numbers of pinholes, bounces. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CtStateBit } from '../../../../src/conntrack/index.ts';
import { Outcome } from '../../../../src/engine/index.ts';
import type { FtpPolicy } from '../../../../src/helpers/index.ts';
import { ftpPolicy } from '../../../support/ftp-options.ts';
import {
  type ControlSession,
  ftpGateway,
  ftpSession,
  ControlSession as Session,
} from '../ftp-session.ts';
import { PASV, PORT, perform, play, R227, R229, TO_CLIENT, TO_SERVER } from './play.ts';

const friend = {
  thirdParties: [{ family: 4, words: [0x0a000109, 0, 0, 0], prefixLen: 32 }],
} satisfies Partial<FtpPolicy>;
const FXP = 'PORT 10,0,1,9,200,10\r\n';

function isRelated(session: ControlSession): boolean {
  return (session.around.engine.flight.ctState & CtStateBit.Related) !== 0;
}

describe('third parties', () => {
  for (const nat of ['plain', 'snat', 'dnat'] as const) {
    test(`PORT to a listed host opens the way there, and stays as it is: ${nat}`, () => {
      const session = perform({
        nat,
        policy: friend,
        steps: [['C', FXP]],
        expects: ['192.0.2.2>10.0.1.9:51210'],
      });
      const { server, client } = session;
      const elsewhere = session.dataSyn(server, 20, '10.0.1.9', 51_211);
      assert.equal(elsewhere.outcome, Outcome.Drop, 'no other port');
      assert.equal(session.dataSyn(server, 20, '10.0.1.8', 51_210).outcome, Outcome.Drop);
      assert.equal(
        session.inject(client, { ...to('10.0.1.9', 51_210), sport: 20 }).outcome,
        Outcome.Drop,
        'nobody but the server',
      );
      const data = session.dataSyn(server, 20, '10.0.1.9', 51_210);
      assert.equal(data.outcome, Outcome.Forward);
      assert.equal(isRelated(session), true);
      assert.deepEqual([data.seen!.dst, data.seen!.dport], ['10.0.1.9', 51_210]);
      assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
    });
  }
  test('a 227 that names one is believed, and stays as it is', () => {
    const thirdParties = [{ family: 4, words: [0xc0000208, 0, 0, 0], prefixLen: 30 }] as const;
    for (const nat of ['plain', 'snat', 'dnat'] as const) {
      const session = perform({
        nat,
        policy: { thirdParties },
        steps: [
          ['C', PASV],
          ['S', '227 Entering Passive Mode (192,0,2,9,200,10).\r\n'],
        ],
        expects: ['10.0.1.2>192.0.2.9:51210'],
      });
      const data = session.dataSyn(session.client, 40_000, '192.0.2.9', 51_210);
      assert.equal(isRelated(session), true);
      assert.deepEqual([data.seen!.dst, data.seen!.dport], ['192.0.2.9', 51_210]);
    }
  });
  play('nobody else is', {
    policy: friend,
    steps: [
      ['C', 'PORT 10,0,1,8,200,10\r\n', 'XXXX 10,0,1,8,200,10\r\n'],
      ['S', '500 what?\r\n'],
      ['C', PASV],
      ['S', '227 Entering Passive Mode (192,0,2,9,200,10).\r\n'],
    ],
    refuses: ['PORT address-mismatch reject', '227 address-mismatch pass'],
  });
  test('a network of IPv6', () => {
    const words = [0x2001_0db8, 0x0003_0000, 0, 0] as const;
    const session = perform({
      ipv6: true,
      policy: { thirdParties: [{ family: 6, words, prefixLen: 48 }] },
      steps: [['C', 'EPRT |2|2001:db8:3:9::9|51210|\r\n']],
      expects: ['2001:db8:2::2>2001:db8:3:9::9:51210'],
    });
    const line = 'EPRT |2|2001:db8:4:9::9|51210|';
    assert.equal(session.step('C', `${line}\r\n`), `XXXX${line.slice(4)}\r\n`);
  });
});

function to(dst: string, dport: number) {
  return { dst, dport, flags: 'S', seq: 77, ack: 0 } as const;
}

describe('ports', () => {
  play('the lowest that may be announced', {
    policy: { minPort: 51_210 },
    steps: [
      ['C', 'PORT 10,0,1,2,200,9\r\n', 'XXXX 10,0,1,2,200,9\r\n'],
      ['S', '500 what?\r\n'],
      ['C', PORT],
    ],
    expects: [TO_CLIENT],
    refuses: ['PORT port-below-minimum reject'],
  });
  play('a reply below it opens nothing', {
    policy: { minPort: 51_211 },
    steps: [
      ['C', PASV],
      ['S', R227],
      ['C', 'EPSV\r\n'],
      ['S', R229],
    ],
    refuses: ['227 port-below-minimum pass', '229 port-below-minimum pass'],
  });
  for (const [first, last, isWithin] of [
    [51_210, 51_210, true],
    [51_211, 60_000, false],
    [50_000, 51_209, false],
  ] as const) {
    play(`the server's passive range ${first}-${last}`, {
      policy: { passiveRange: { first, last } },
      steps: [
        ['C', PASV],
        ['S', R227],
      ],
      expects: isWithin ? [TO_SERVER] : [],
      refuses: isWithin ? [] : ['227 port-outside-range pass'],
    });
  }
  play('which is no matter of the client', {
    policy: { passiveRange: { first: 50_000, last: 50_001 } },
    steps: [['C', PORT]],
    expects: [TO_CLIENT],
  });
});

describe('numbers of pinholes, and their time', () => {
  const ports = [10, 11, 12].map((low) => `PORT 10,0,1,2,200,${low}\r\n`);
  for (const maxHoles of [1, 2]) {
    test(`${maxHoles} at once for a control connection: a new one replaces the oldest`, () => {
      const session = ftpSession({ ftp: ftpPolicy({ maxHoles }) });
      for (const line of ports) session.step('C', line);
      const left = [51_210, 51_211, 51_212].slice(3 - maxHoles);
      assert.deepEqual(
        session.expected().sort(),
        left.map((port) => `192.0.2.2>10.0.1.2:${port}`),
      );
    });
  }
  test('of one client address, over all its control connections', () => {
    const options = { ftp: ftpPolicy({ maxHolesPerClient: 2 }) };
    const gateway = ftpGateway(options);
    const [a, b, c] = [1, 2, 3].map(
      (i) => new Session(gateway, options, { clientPort: 50_000 + i }),
    );
    const other = new Session(gateway, options, { clientAddress: '10.0.1.3' });
    assert.equal(a!.step('C', ports[0]!), 'pass');
    assert.equal(b!.step('C', ports[1]!), 'pass');
    assert.match(c!.step('C', ports[2]!), /^XXXX /);
    assert.equal(gateway.refusals.at(-1)!.reason, 'limit');
    assert.equal(b!.step('C', ports[2]!), 'pass', 'its own gives way');
    assert.equal(other.step('C', 'PORT 10,0,1,3,200,10\r\n'), 'pass', 'another client');
  });
  test('unused it closes when its time is over', () => {
    const session = ftpSession({ ftp: ftpPolicy({ holeLifetime: 7 }) });
    session.step('C', PORT);
    session.around.now(6, 999_000);
    assert.deepEqual(session.expected(), [TO_CLIENT]);
    session.around.now(7);
    assert.deepEqual(session.expected(), []);
    assert.equal(session.dataSyn(session.server, 20, '10.0.1.2', 51_210).outcome, Outcome.Drop);
  });
});

const EVIL = 'PORT 10,0,1,9,200,10\r\n';

describe('bounces', () => {
  for (const [bounce, fate] of [
    ['reject', 'XXXX 10,0,1,9,200,10\r\n'],
    ['pass', 'pass'],
    ['reset', 'reset'],
  ] as const) {
    play(`${bounce}`, {
      policy: { bounce },
      steps: [['C', EVIL, fate]],
      refuses: [`PORT address-mismatch ${bounce}`],
    });
  }
  test('drop', () => {
    const session = ftpSession({ ftp: ftpPolicy({ bounce: 'drop' }) });
    assert.equal(session.step('C', `NOOP\r\n${EVIL}NOOP\r\n`), 'NOOP\r\nNOOP\r\n');
    assert.deepEqual(session.expected(), []);
  });
});

describe('PORT 0,0,0,0', () => {
  const lines = {
    4: ['PORT 0,0,0,0,200,10\r\n', 'EPRT |1|0.0.0.0|51210|\r\n'],
    6: ['EPRT |2|::|51210|\r\n', 'EPRT |2|0:0:0:0:0:0:0:0|51210|\r\n'],
  } as const;
  const told = {
    plain: ['10.0.1.2', '2001:db8:1::2'],
    snat: ['192.0.2.1', '2001:db8:2::1'],
    dnat: ['10.0.1.2', '2001:db8:1::2'],
  } as const;
  for (const nat of ['plain', 'snat', 'dnat'] as const) {
    for (const family of [4, 6] as const) {
      const ipv6 = family === 6;
      const own = told[nat][ipv6 ? 1 : 0];
      const isIn = (text: string) => text.includes(own) || text.includes(own.replaceAll('.', ','));
      test(`own: opened for the client alone, and announced as ${own}: ${nat}, IPv${family}`, () => {
        for (const line of lines[family]) {
          const session = ftpSession({ nat, ipv6 });
          assert.ok(isIn(session.step('C', line)), line);
          const server = ipv6 ? '2001:db8:2::2' : '192.0.2.2';
          assert.deepEqual(session.expected(), [`${server}>${own}:51210`]);
          const data = session.dataSyn(session.server, 20, own, 51_210);
          assert.equal(data.seen!.dst, session.client.address);
          assert.equal(session.step('C', 'NOOP\r\n'), 'pass');
        }
      });
      test(`refuse: ${nat}, IPv${family}`, () => {
        for (const line of lines[family]) {
          const session = ftpSession({ nat, ipv6, ftp: ftpPolicy({ zeroAddress: 'refuse' }) });
          assert.equal(session.step('C', line), `XXXX${line.slice(4)}`);
          assert.deepEqual(session.expected(), []);
          assert.equal(session.around.refusals[0]!.reason, 'zero-address');
        }
      });
    }
  }
});
