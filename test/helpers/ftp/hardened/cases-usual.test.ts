/**
 * The list of cases of the reference, hardened column, without translation: what is opened, bounces, the
 * state of the dialogue. Each test is named after its case.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PASV, PORT, perform, play, R227, R229, TO_CLIENT, TO_SERVER } from './play.ts';

const V6_CLIENT = '2001:db8:2::2>2001:db8:1::2:51210';
const V6_SERVER = '2001:db8:1::2>2001:db8:2::2:51210';

describe('normal', () => {
  play('case 1: PORT', { steps: [['C', PORT]], expects: [TO_CLIENT] });
  play('case 2: lower case', { steps: [['C', PORT.toLowerCase()]], expects: [TO_CLIENT] });
  play('case 3: 227 after PASV', {
    steps: [
      ['C', PASV],
      ['S', R227],
    ],
    expects: [TO_SERVER],
  });
  play('case 4: 227 without parentheses', {
    steps: [
      ['C', PASV],
      ['S', '227 =192,0,2,2,200,10\r\n'],
    ],
    expects: [TO_SERVER],
  });
  play('case 5: 229', {
    steps: [
      ['C', 'EPSV\r\n'],
      ['S', R229],
    ],
    expects: [TO_SERVER],
  });
  play('case 6: 229 with another delimiter', {
    steps: [
      ['C', 'EPSV\r\n'],
      ['S', '229 x (!!!51210!)\r\n'],
    ],
    expects: [TO_SERVER],
  });
  play('case 7: EPRT', { steps: [['C', 'EPRT |1|10.0.1.2|51210|\r\n']], expects: [TO_CLIENT] });
  play('case 8: EPRT with another delimiter', {
    steps: [['C', 'EPRT !1!10.0.1.2!51210!\r\n']],
    expects: [TO_CLIENT],
  });
  play('case 9: EPRT over IPv6', {
    ipv6: true,
    steps: [['C', 'EPRT |2|2001:db8:1::2|51210|\r\n']],
    expects: [V6_CLIENT],
  });
  play('case 10: 229 over IPv6', {
    ipv6: true,
    steps: [
      ['C', 'EPSV\r\n'],
      ['S', R229],
    ],
    expects: [V6_SERVER],
  });
  play('case 11: two PORTs, the last one stands', {
    steps: [
      ['C', PORT],
      ['S', '200 ok\r\n'],
      ['C', 'PORT 10,0,1,2,200,11\r\n'],
    ],
    expects: ['192.0.2.2>10.0.1.2:51211'],
  });
  play('case 12: the same PORT twice', {
    steps: [
      ['C', PORT],
      ['S', '200 ok\r\n'],
      ['C', PORT],
    ],
    expects: [TO_CLIENT],
  });
  test('cases 13, 14: the first data connection is RELATED, the second is not', () => {
    const session = perform({ steps: [['C', PORT]], expects: [TO_CLIENT] });
    const data = (sport: number) => session.dataSyn(session.server, sport, '10.0.1.2', 51_210);
    assert.equal(data(20).reason, '');
    assert.deepEqual(session.expected(), []);
    assert.equal(data(21_000).reason, 'policy');
  });
});

describe('bounce', () => {
  const struck = (args: string) => `XXXX ${args}\r\n`;
  play('case 37: PORT to another host', {
    steps: [['C', 'PORT 10,0,1,3,200,10\r\n', struck('10,0,1,3,200,10')]],
    refuses: ['PORT address-mismatch reject'],
  });
  play('case 38: PORT to the server itself', {
    steps: [['C', 'PORT 192,0,2,2,200,10\r\n', struck('192,0,2,2,200,10')]],
    refuses: ['PORT address-mismatch reject'],
  });
  play('case 39: PORT 0,0,0,0 is the address it comes from', {
    steps: [['C', 'PORT 0,0,0,0,200,10\r\n', PORT]],
    expects: [TO_CLIENT],
  });
  play('case 39: refused where the policy says so', {
    policy: { zeroAddress: 'refuse' },
    steps: [['C', 'PORT 0,0,0,0,200,10\r\n', struck('0,0,0,0,200,10')]],
    refuses: ['PORT zero-address reject'],
  });
  play('case 40: EPRT to another host', {
    steps: [['C', 'EPRT |1|10.0.1.9|51210|\r\n', struck('|1|10.0.1.9|51210|')]],
    refuses: ['EPRT address-mismatch reject'],
  });
  play('case 41: EPRT over IPv6 to another host', {
    ipv6: true,
    steps: [['C', 'EPRT |2|2001:db8:1::3|51210|\r\n', struck('|2|2001:db8:1::3|51210|')]],
    refuses: ['EPRT address-mismatch reject'],
  });
  play('case 42: 227 to a third party', {
    steps: [
      ['C', PASV],
      ['S', '227 (192,168,1,9,200,10)\r\n'],
    ],
    refuses: ['227 address-mismatch pass'],
  });
  play('case 42: repaired where the policy says so', {
    policy: { repair: true },
    steps: [
      ['C', PASV],
      ['S', '227 (192,168,1,9,200,10)\r\n', '227 (192,0,2,2,200,10)\r\n'],
    ],
    expects: [TO_SERVER],
  });
  play('case 43: third parties only where the policy lists them', {
    policy: { thirdParties: [{ family: 4, words: [0x0a000103, 0, 0, 0], prefixLen: 32 }] },
    steps: [
      ['C', 'PORT 10,0,1,3,200,10\r\n'],
      ['S', '200 ok\r\n'],
      ['C', 'PORT 10,0,1,4,200,10\r\n', struck('10,0,1,4,200,10')],
    ],
    expects: ['192.0.2.2>10.0.1.3:51210'],
    refuses: ['PORT address-mismatch reject'],
  });
  play('case 44: a bounce to port 80, and an honest PORT', {
    steps: [
      ['C', 'PORT 2,2,2,3,0,80\r\n', struck('2,2,2,3,0,80')],
      ['S', '500 what?\r\n'],
      ['C', PORT],
    ],
    expects: [TO_CLIENT],
    refuses: ['PORT address-mismatch reject'],
  });
  test('case 45: data from a host that is not the peer', () => {
    const session = perform({ steps: [['C', PORT]], expects: [TO_CLIENT] });
    const { server } = session;
    const left = session.inject(server, {
      src: '192.0.2.77',
      sport: 20,
      dst: '10.0.1.2',
      dport: 51_210,
      flags: 'S',
      ack: 0,
    });
    assert.equal(left.reason, 'policy');
    assert.deepEqual(session.expected(), [TO_CLIENT]);
  });
  play('case 46: PORT to a port below 1024', {
    steps: [['C', 'PORT 10,0,1,2,0,22\r\n', struck('10,0,1,2,0,22')]],
    refuses: ['PORT port-below-minimum reject'],
  });
});

describe('state', () => {
  play('case 65: PORT after EPSV ALL', {
    steps: [
      ['C', 'EPSV ALL\r\n'],
      ['S', '200 ok\r\n'],
      ['C', PORT, 'XXXX 10,0,1,2,200,10\r\n'],
    ],
    refuses: ['PORT epsv-all reject'],
  });
  play('case 66: AUTH TLS', {
    steps: [
      ['C', 'AUTH TLS\r\n'],
      ['S', '234 ok\r\n'],
      ['C', PORT],
    ],
  });
  play('case 67: the server refuses the PORT', {
    steps: [
      ['C', PORT],
      ['S', '500 no\r\n'],
    ],
  });
  test('case 68: the control connection ends', () => {
    for (const flags of ['FA', 'RA']) {
      const session = perform({ steps: [['C', PORT]], expects: [TO_CLIENT] });
      session.inject(session.client, { flags });
      assert.deepEqual(session.expected(), [], flags);
      const late = session.dataSyn(session.server, 20, '10.0.1.2', 51_210);
      assert.equal(late.reason, 'policy', flags);
    }
  });
});
