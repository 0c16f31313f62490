/** LPRT and LPSV (RFC 1639), EPSV with a protocol argument, SPSV: IPv4 and IPv6, plain and translated. */
import { describe } from 'node:test';
import { play, R229 } from './play.ts';

const V4 = {
  client: '10,0,1,2',
  server: '192,0,2,2',
  outside: '192,0,2,1',
  public: '10,0,1,1',
} as const;
const long4 = (address: string) => `4,4,${address},2,200,10`;
const v6 = (net: number, host: number) => `32,1,13,184,0,${net},0,0,0,0,0,0,0,0,0,${host}`;
const long6 = (net: number, host: number) => `6,16,${v6(net, host)},2,200,10`;

describe('LPRT', () => {
  play('IPv4', {
    steps: [['C', `LPRT ${long4(V4.client)}\r\n`]],
    expects: ['192.0.2.2>10.0.1.2:51210'],
  });
  play('IPv4, source NAT', {
    nat: 'snat',
    steps: [['C', `lprt ${long4(V4.client)}\r\n`, `lprt ${long4(V4.outside)}\r\n`]],
    expects: ['192.0.2.2>192.0.2.1:51210'],
  });
  play('IPv4, destination NAT', {
    nat: 'dnat',
    steps: [['C', `LPRT ${long4(V4.client)}\r\n`]],
    expects: ['192.0.2.2>10.0.1.2:51210'],
  });
  play('IPv6', {
    ipv6: true,
    steps: [['C', `LPRT ${long6(1, 2)}\r\n`]],
    expects: ['2001:db8:2::2>2001:db8:1::2:51210'],
  });
  play('IPv6, source NAT', {
    nat: 'snat',
    ipv6: true,
    steps: [['C', `LPRT ${long6(1, 2)}\r\n`, `LPRT ${long6(2, 1)}\r\n`]],
    expects: ['2001:db8:2::2>2001:db8:2::1:51210'],
  });
  play('a bounce, a family that is not that of the connection, and lengths that are wrong', {
    steps: [
      ['C', `LPRT ${long4('10,0,1,9')}\r\n`, `XXXX ${long4('10,0,1,9')}\r\n`],
      ['C', `LPRT ${long6(1, 2)}\r\n`, `XXXX ${long6(1, 2)}\r\n`],
      ['C', `LPRT 4,4,${V4.client},2,256,10\r\n`, `XXXX 4,4,${V4.client},2,256,10\r\n`],
      ['C', `LPRT 4,5,${V4.client},2,200,10\r\n`],
    ],
    refuses: [
      'LPRT address-mismatch reject',
      'LPRT family-mismatch reject',
      'LPRT number-out-of-range reject',
      'LPRT malformed pass',
    ],
  });
  play('refused by the server it is closed again', {
    steps: [
      ['C', `LPRT ${long4(V4.client)}\r\n`],
      ['S', '521 Supported address families are (4)\r\n'],
    ],
  });
});

describe('LPSV', () => {
  const reply = (numbers: string) => `228 Entering Long Passive Mode (${numbers})\r\n`;
  play('IPv4', {
    steps: [
      ['C', 'LPSV\r\n'],
      ['S', reply(long4(V4.server))],
    ],
    expects: ['10.0.1.2>192.0.2.2:51210'],
  });
  play('IPv4, destination NAT', {
    nat: 'dnat',
    steps: [
      ['C', 'LPSV\r\n'],
      ['S', reply(long4(V4.server)), reply(long4(V4.public))],
    ],
    expects: ['10.0.1.2>10.0.1.1:51210'],
  });
  play('IPv6', {
    ipv6: true,
    steps: [
      ['C', 'LPSV\r\n'],
      ['S', reply(long6(2, 2))],
    ],
    expects: ['2001:db8:1::2>2001:db8:2::2:51210'],
  });
  play('IPv6, destination NAT, split', {
    nat: 'dnat',
    ipv6: true,
    steps: [
      ['C', 'LPSV\r\n'],
      ['S', reply(long6(2, 2)).slice(0, 50), 'hold'],
      ['S', reply(long6(2, 2)).slice(50), reply(long6(1, 1))],
    ],
    expects: ['2001:db8:1::2>2001:db8:1::1:51210'],
  });
  play('IPv6, repaired', {
    ipv6: true,
    policy: { repair: true },
    steps: [
      ['C', 'LPSV\r\n'],
      ['S', reply(long6(7, 7)), reply(long6(2, 2))],
    ],
    expects: ['2001:db8:1::2>2001:db8:2::2:51210'],
  });
  play('a 228 that answers PASV, and a 227 that answers LPSV', {
    steps: [
      ['C', 'PASV\r\nLPSV\r\n'],
      ['S', reply(long4(V4.server))],
      ['S', '227 Entering Passive Mode (192,0,2,2,200,10).\r\n'],
    ],
    refuses: ['228 not-asked pass', '227 not-asked pass'],
  });
});

describe('EPSV with a protocol argument', () => {
  for (const line of ['EPSV 1\r\n', 'epsv 1 \r\n']) {
    play(`${line.trim()} over IPv4`, {
      steps: [
        ['C', line],
        ['S', R229],
      ],
      expects: ['10.0.1.2>192.0.2.2:51210'],
    });
  }
  play('EPSV 2 over IPv6, destination NAT', {
    nat: 'dnat',
    ipv6: true,
    steps: [
      ['C', 'EPSV 2\r\n'],
      ['S', R229],
    ],
    expects: ['2001:db8:1::2>2001:db8:1::1:51210'],
  });
  play('EPSV 2 over IPv4, which the server refuses', {
    steps: [
      ['C', 'EPSV 2\r\n'],
      ['S', '522 Network protocol not supported, use (1)\r\n'],
      ['C', 'EPSV 1\r\n'],
      ['S', R229],
    ],
    expects: ['10.0.1.2>192.0.2.2:51210'],
  });
  play('EPSV ALL, refused, promises nothing', {
    steps: [
      ['C', 'EPSV ALL\r\n'],
      ['S', '501 no\r\n'],
      ['C', 'PORT 10,0,1,2,200,10\r\n'],
    ],
    expects: ['192.0.2.2>10.0.1.2:51210'],
  });
});

describe('SPSV', () => {
  play('answered by a 227', {
    nat: 'dnat',
    steps: [
      ['C', 'SPSV\r\n'],
      [
        'S',
        '227 Entering Passive Mode (192,0,2,2,200,10)\r\n',
        '227 Entering Passive Mode (10,0,1,1,200,10)\r\n',
      ],
    ],
    expects: ['10.0.1.2>10.0.1.1:51210'],
  });
  play('answered by a token, which opens nothing', {
    steps: [
      ['C', 'SPSV\r\n'],
      ['S', '227 Single port passive mode entered. ID: 4711\r\n'],
      ['C', 'NOOP\r\n'],
    ],
    refuses: ['227 malformed pass'],
  });
});
