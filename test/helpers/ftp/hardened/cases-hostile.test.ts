import { describe } from 'node:test';
import { PASV, PORT, play, R227, TO_CLIENT, TO_SERVER } from './play.ts';

describe('evasion', () => {
  play('case 47: PORT as the first segment of the client', {
    warm: false,
    steps: [
      ['S', '220 hi\r\n'],
      ['C', PORT],
    ],
    expects: [TO_CLIENT],
  });
  play('case 47: but not before the server has greeted', {
    warm: false,
    steps: [['C', PORT]],
    refuses: ['PORT before-greeting pass'],
  });
  play('case 48: NOOP and PORT in one segment', {
    steps: [['C', `NOOP\r\n${PORT}`]],
    expects: [TO_CLIENT],
  });
  play('case 49: the middle of a line is no line', {
    steps: [
      ['C', 'NOOP '],
      ['C', PORT],
    ],
  });
  play('case 50: split in the verb', {
    steps: [
      ['C', 'PO', 'hold'],
      ['C', 'RT 10,0,1,2,200,10\r\n', PORT],
    ],
    expects: [TO_CLIENT],
  });
  play('case 50: split in a number', {
    steps: [
      ['C', 'PORT 10,0,1,2,20', 'hold'],
      ['C', '0,10\r\n', PORT],
    ],
    expects: [TO_CLIENT],
  });
  play('case 51: Telnet sequences before and inside PORT', {
    steps: [
      ['C', `\xff\xf4\xff\xf2${PORT}`, PORT],
      ['S', '200 ok\r\n'],
      ['C', 'PO\xff\xf1RT 10,0,1,2,200,11\r\n', 'PORT 10,0,1,2,200,11\r\n'],
    ],
    expects: ['192.0.2.2>10.0.1.2:51211'],
  });
  play('case 51: a bounce behind Telnet sequences', {
    steps: [['C', '\xff\xf4\xff\xf2PORT 10,0,1,3,200,10\r\n', `${'X'.repeat(24)}\r\n`]],
    refuses: ['PORT address-mismatch reject'],
  });
  play('case 52: a blank before PORT, a TAB behind it', {
    steps: [
      ['C', ` ${PORT}`],
      ['C', 'PORT\t10,0,1,2,200,10\r\n'],
    ],
    refuses: ['PORT malformed pass', 'PORT malformed pass'],
  });
  play('case 52: the same as a bounce', {
    steps: [['C', 'PORT\t10,0,1,3,200,10\r\n', 'XXXX\t10,0,1,3,200,10\r\n']],
    refuses: ['PORT address-mismatch reject'],
  });
  play('case 53: PORT from the server, 227 from the client', {
    steps: [
      ['S', 'PORT 192,0,2,2,200,10\r\n', `${'X'.repeat(21)}\r\n`],
      ['C', '227 Entering (10,0,1,2,200,10)\r\n', `${'X'.repeat(30)}\r\n`],
    ],
    refuses: ['PORT wrong-direction reject', '227 wrong-direction reject'],
  });
  play('case 53: but not where verbs are listed', {
    steps: [
      ['C', 'HELP\r\n'],
      ['S', '214-The following:\r\nPORT EPRT\r\nPORT\r\n214 Help OK.\r\n'],
    ],
  });
  play('case 54: 227 without PASV', { steps: [['S', R227]], refuses: ['227 not-asked pass'] });
  play('case 55: 227 quoted in an error', {
    steps: [
      ['C', PASV],
      ['S', "500 '227 Entering Passive Mode (192,0,2,2,200,10)'\r\n"],
    ],
  });
  play('case 56: an error, then a segment that begins with 227', {
    steps: [
      ['C', 'NLST x\r\n'],
      ['S', '550 NLST x\r\n'],
      ['S', '227 (192,0,2,2,0,22)\r\n'],
    ],
    refuses: ['227 not-asked pass'],
  });
  play('case 57: 227 inside a multi-line reply', {
    steps: [
      ['C', 'STAT\r\n'],
      ['S', '211-x\r\n'],
      ['S', '227 (192,0,2,2,200,10)\r\n'],
      ['S', '211 end\r\n'],
    ],
    refuses: ['227 inside-multiline-reply pass'],
  });
  play('case 57: the same with a PASV that waits', {
    steps: [
      ['C', 'STAT\r\nPASV\r\n'],
      ['S', '211-x\r\n227 (192,0,2,2,200,10)\r\n211 end\r\n'],
      ['S', '227 (192,0,2,2,200,11)\r\n'],
    ],
    expects: ['10.0.1.2>192.0.2.2:51211'],
    refuses: ['227 inside-multiline-reply pass'],
  });
  play('case 58: 227-', {
    steps: [
      ['C', PASV],
      ['S', '227-Entering (192,0,2,2,200,10)\r\n'],
    ],
  });
});

describe('numbers', () => {
  for (const [name, numbers] of [
    ['case 59', '10,0,1,2,256,22'],
    ['case 60', '10,0,1,2,0,8080'],
    ['case 61', '10,0,0,258,200,10'],
    ['case 62', '4294967306,0,1,2,200,10'],
  ] as const) {
    play(`${name}: PORT ${numbers}`, {
      steps: [['C', `PORT ${numbers}\r\n`, `XXXX ${numbers}\r\n`]],
      refuses: ['PORT number-out-of-range reject'],
    });
  }
  play('case 63: ports that wrap', {
    steps: [
      ['C', 'EPSV\r\n'],
      ['S', '229 x (|||65558|)\r\n'],
      ['C', 'EPRT |1|10.0.1.2|65558|\r\n', 'XXXX |1|10.0.1.2|65558|\r\n'],
    ],
    refuses: ['229 number-out-of-range pass', 'EPRT number-out-of-range reject'],
  });
  play('case 64: PORT over IPv6', {
    ipv6: true,
    steps: [['C', 'PORT 32,1,13,184,200,10\r\n', 'XXXX 32,1,13,184,200,10\r\n']],
    refuses: ['PORT family-mismatch reject'],
  });
  play('case 75: an empty number', {
    steps: [['C', 'PORT 10,0,1,2,,5\r\n']],
    refuses: ['PORT malformed pass'],
  });
  play('case 76: port 0', {
    steps: [
      ['C', PASV],
      ['S', '227 (192,0,2,2,0,0)\r\n'],
    ],
    refuses: ['227 port-zero pass'],
  });
});

describe('malformed', () => {
  for (const text of [
    'PORT 10,0,1,2,200\r\n',
    'PORT 10,0,1,2,200,10,1\r\n',
    'PORT 10,0,1,2,200,10\n',
    'PORT 10,0,1,2,200,10 \r\n',
    'PORT  10,0,1,2,200,10\r\n',
    'PORT\r\n',
  ]) {
    play(`case 69: ${JSON.stringify(text)}`, {
      steps: [['C', text]],
      refuses: ['PORT malformed pass'],
    });
  }
  play('case 69: no line end yet', { steps: [['C', 'PORT 10,0,1,2,200,10', 'hold']] });
  play('case 70: 227 Logout.', {
    steps: [
      ['C', PASV],
      ['S', '227 Logout.\r\n'],
    ],
    refuses: ['227 malformed pass'],
  });
  for (const text of ['227 Ok 1 (192,0,2,2,200,10)\r\n', '227 (192, 0, 2, 2, 200, 10)\r\n']) {
    play(`case 71: ${JSON.stringify(text)}`, {
      steps: [
        ['C', PASV],
        ['S', text],
      ],
      expects: [TO_SERVER],
    });
  }
  for (const [text, reason] of [
    ['229 (||51210|)\r\n', 'malformed'],
    ['229 Extended |||51210|\r\n', 'malformed'],
    ['229 (|||51210)\r\n', 'malformed'],
    ['229 (|||0|)\r\n', 'port-zero'],
    ['229 (|1|192.0.2.2|51210|)\r\n', 'malformed'],
  ] as const) {
    play(`case 72: ${JSON.stringify(text)}`, {
      steps: [
        ['C', 'EPSV\r\n'],
        ['S', text],
      ],
      refuses: [`229 ${reason} pass`],
    });
  }
  for (const [from, first, rest] of [
    ['C', 'P', 'WD\r\n'],
    ['C', 'E', 'PSV\r\n'],
  ] as const) {
    play(`case 73: a lone ${first}`, {
      steps: [
        [from, first, 'hold'],
        [from, rest, `${first}${rest}`],
      ],
    });
  }
  play('case 73: a lone 2 of the server', {
    steps: [
      ['C', 'NOOP\r\n'],
      ['S', '2'],
      ['S', '00 ok\r\n'],
    ],
  });
  play('case 74: EPRT of the other family', {
    steps: [
      ['C', 'EPRT |2|2001:db8::1|51210|\r\n', 'XXXX |2|2001:db8::1|51210|\r\n'],
      ['C', 'EPRT 111110.0.1.2151210 1\r\n'],
      ['C', 'EPRT |2|fe80::1%eth0|51210|\r\n', 'XXXX |2|fe80::1%eth0|51210|\r\n'],
      ['C', 'EPRT |2|[2001:db8::1]|51210|\r\n', 'XXXX |2|[2001:db8::1]|51210|\r\n'],
    ],
    refuses: [
      'EPRT family-mismatch reject',
      'EPRT malformed pass',
      'EPRT family-mismatch reject',
      'EPRT family-mismatch reject',
    ],
  });
  play('case 74: over IPv6, of the own address with brackets or a zone', {
    ipv6: true,
    steps: [
      ['C', 'EPRT |2|[2001:db8:1::2]|51210|\r\n'],
      ['C', 'EPRT |2|2001:db8:1::2%eth0|51210|\r\n'],
      ['C', 'EPRT |1|10.0.1.2|51210|\r\n', 'XXXX |1|10.0.1.2|51210|\r\n'],
    ],
    refuses: ['EPRT malformed pass', 'EPRT malformed pass', 'EPRT family-mismatch reject'],
  });
  play('case 77: a line that does not end', {
    steps: [['C', `RETR ${'x'.repeat(5000)}`]],
    refuses: ['RETR line-too-long pass'],
  });
  play('case 77: a NUL byte', {
    steps: [['C', 'NOOP\0PORT 10,0,1,3,200,10\r\n', `${'X'.repeat(25)}\r\n`]],
    refuses: ['NOOP hidden-command reject'],
  });
});
