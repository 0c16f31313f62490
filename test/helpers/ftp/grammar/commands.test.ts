import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AnnouncementKind,
  FtpAnnouncement,
  FtpParse,
  parseCommand,
} from '../../../../src/helpers/ftp/grammar/grammar.ts';
import { bytesOf, check, command, reply, summary } from '../support.ts';

describe('PORT', () => {
  test('taken apart', () => {
    check(command, [
      ['PORT 10,0,1,2,200,10\r\n', 'PORT 10.0.1.2 51210 [10,0,1,2,200,10]'],
      ['port 10,0,1,2,200,10\r\n', 'PORT 10.0.1.2 51210 [10,0,1,2,200,10]'],
      ['PoRt 255,255,255,255,255,255\r\n', 'PORT 255.255.255.255 65535 [255,255,255,255,255,255]'],
      ['PORT 10,0,1,2,0,22\r\n', 'PORT 10.0.1.2 22 [10,0,1,2,0,22]'],
      ['PORT 010,000,001,002,200,010\r\n', 'PORT 10.0.1.2 51210 [010,000,001,002,200,010]'],
      ['PORT 10,0,1,2,0,0\r\n', 'PORT 10.0.1.2 0 [10,0,1,2,0,0]'],
    ]);
    assert.equal(command('PORT 10,0,1,2,0,0\r\n').code, 'port-zero');
    assert.equal(command('PORT 200,0,1,2,1,1\r\n').out.a0, (200 << 24) | 0x102, 'signed word');
  });

  test('too short', () => {
    const line = 'PORT 10,0,1,2,200,10\r\n';
    for (let length = 1; length < line.length; length++) {
      assert.equal(command(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
    }
    assert.equal(command('').code, 'not-for-us');
    check(command, [
      ['PO\r\n', 'not-for-us'],
      ['PORT\r\n', 'malformed'],
      ['PORT\n', 'malformed'],
      ['PORT \r\n', 'malformed'],
      ['PORT 10,0,1,2,200\r\n', 'malformed'],
      ['PORT 10,0,1,2,200,x', 'incomplete'],
    ]);
  });

  test('too big', () => {
    check(command, [
      ['PORT 1,2,3,4,256,0\r\n', 'number-out-of-range'],
      ['PORT 10,0,1,2,0,8080\r\n', 'number-out-of-range'],
      ['PORT 10,0,0,258,200,10\r\n', 'number-out-of-range'],
      ['PORT 4294967306,0,1,2,200,10\r\n', 'number-out-of-range'],
      ['PORT 18446744073709551626,0,1,2,200,10\r\n', 'number-out-of-range'],
      [`PORT 10,0,1,2,200,${'9'.repeat(400)}\r\n`, 'number-out-of-range'],
      ['PORT 256,0,1,2,200,10,1\r\n', 'number-out-of-range'],
      ['PORT  10,0,1,2,200,256\n', 'number-out-of-range'],
      ['PORT 10,0,1,2,200,-10\r\n', 'number-out-of-range'],
    ]);
    for (const total of [255, 256, 257, 512, 513, 65_535]) {
      const numbers = 'PORT 192,168,123,2,113,42';
      const line = `${numbers}${' '.repeat(total - numbers.length - 2)}\r\n`;
      assert.equal(line.length, total);
      const expected = 'lax PORT 192.168.123.2 28970 [192,168,123,2,113,42]';
      assert.equal(summary(command(line)), expected);
    }
  });

  test('not exactly right, but a lenient server may read it: opens nothing', () => {
    const lax = (numbers: string) => `lax PORT 10.0.1.2 51210 [${numbers}]`;
    const plain = '10,0,1,2,200,10';
    check(command, [
      [`PORT ${plain}\n`, lax(plain)],
      [`PORT ${plain} \r\n`, lax(plain)],
      [`PORT ${plain}\t\r\n`, lax(plain)],
      [`PORT  ${plain}\r\n`, lax(plain)],
      [`PORT\t${plain}\r\n`, lax(plain)],
      [`PORT,${plain}\r\n`, lax(plain)],
      [`PORT (${plain})\r\n`, lax(plain)],
      [` PORT ${plain}\r\n`, lax(plain)],
      [`\t \v\fport ${plain}\r\n`, lax(plain)],
      [`PORT ${plain},1\r\n`, lax(plain)],
      [`PORT ${plain} and more\r\n`, lax(plain)],
      [`PORT ${plain}\0\r\n`, lax(plain)],
      [`PORT ${plain}\r\r\n`, lax(plain)],
      [`PORT ${plain}\rX\r\n`, lax(plain)],
      ['PORT 10, 0,1 ,2,200,10\r\n', lax('10, 0,1 ,2,200,10')],
      ['PORT +10,0,1,2,200,10\r\n', lax('10,0,1,2,200,10')],
      ['PORT 10,+0,1,2,200,10\r\n', lax('10,+0,1,2,200,10')],
      ['PORT 10x,0y,1,2,200,10\r\n', lax('10x,0y,1,2,200,10')],
      ['PORT 0010,0,1,2,200,10\r\n', lax('0010,0,1,2,200,10')],
      [`PORT ${'0'.repeat(300)}10,0,1,2,200,10\r\n`, lax(`${'0'.repeat(300)}10,0,1,2,200,10`)],
      ['PORT 10,0,1,2,,5\r\n', 'lax PORT 10.0.1.2 5 [10,0,1,2,,5]'],
      ['PORT 10,0,1,2,200,\r\n', 'lax PORT 10.0.1.2 51200 [10,0,1,2,200,]'],
      ['PORT  10,0,1,2,0,0\r\n', 'PORT 10.0.1.2 0 [10,0,1,2,0,0]'],
    ]);
    assert.equal(command('PORT  10,0,1,2,0,0\r\n').code, 'port-zero');
  });

  test('malformed, or another verb', () => {
    check(command, [
      ['PORT 0xa,0,1,2,200\r\n', 'malformed'],
      ['PORT 10.0.1.2.200.10\r\n', 'malformed'],
      ['PORT ,,,,,\r\n', 'malformed'],
      ['PORTX 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['PORT1 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['PORTX', 'not-for-us'],
      [' PORTX 10,0,1,2,200,10\r\n', 'not-for-us'],
      [' PORT    PASV    TYPE\r\n', 'not-for-us'],
      [' EPRT\r\n', 'not-for-us'],
      ['\0PORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      [' \r\n', 'not-for-us'],
      ['PASV\r\n', 'not-for-us'],
      ['PA', 'not-for-us'],
      ['\x10ORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['\xff\xf4\xff\xf2PORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['227 Entering Passive Mode (10,0,1,2,200,10)\r\n', 'not-for-us'],
      ['\r\n', 'not-for-us'],
      ['\n', 'not-for-us'],
    ]);
    assert.equal(command('PORT\r').code, 'incomplete', 'the LF may follow');
    assert.equal(command('  PO').code, 'incomplete');
    assert.equal(command(' ').code, 'incomplete');
  });
});

describe('EPRT', () => {
  test('taken apart', () => {
    check(command, [
      ['EPRT |1|10.0.1.2|51210|\r\n', 'EPRT 10.0.1.2 51210 [|1|10.0.1.2|51210|]'],
      ['eprt !1!10.0.1.2!51210!\r\n', 'EPRT 10.0.1.2 51210 [!1!10.0.1.2!51210!]'],
      ['EPRT .1.10.0.1.2.51210.\r\n', 'EPRT 10.0.1.2 51210 [.1.10.0.1.2.51210.]'],
      ['EPRT |1|010.000.001.002|00022|\r\n', 'EPRT 10.0.1.2 22 [|1|010.000.001.002|00022|]'],
      ['EPRT |2|2001:db8:1::2|1|\r\n', 'EPRT 2001:db8:1::2 1 [|2|2001:db8:1::2|1|]'],
      ['EPRT |2|::|1|\r\n', 'EPRT :: 1 [|2|::|1|]'],
      ['EPRT |2|::FFFF:10.0.1.2|1|\r\n', 'EPRT ::ffff:10.0.1.2 1 [|2|::FFFF:10.0.1.2|1|]'],
      [
        'EPRT g2g1:2:3:4:5:6:7:8g65535g\r\n',
        'EPRT 1:2:3:4:5:6:7:8 65535 [g2g1:2:3:4:5:6:7:8g65535g]',
      ],
      ['EPRT |1|10.0.1.2|0|\r\n', 'EPRT 10.0.1.2 0 [|1|10.0.1.2|0|]'],
    ]);
    assert.equal(command('EPRT !1!10.0.1.2!51210!\r\n').out.delimiter, 0x21);
    assert.equal(command('EPRT |1|10.0.1.2|0|\r\n').code, 'port-zero');
  });

  test('too short', () => {
    for (const line of ['EPRT |1|10.0.1.2|51210|\r\n', 'EPRT |2|2001:db8:1::2|51210|\r\n']) {
      for (let length = 1; length < line.length; length++) {
        assert.equal(command(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
      }
      for (let length = 'EPRT'.length; length < line.length - 2; length++) {
        const { code } = command(`${line.slice(0, length)}\r\n`);
        assert.match(code, /^(malformed|lax)$/, `${length} bytes and CRLF`);
      }
    }
  });

  test('too big', () => {
    check(command, [
      ['EPRT |1|10.0.1.2|65536|\r\n', 'number-out-of-range'],
      ['EPRT |1|10.0.1.2|65558|\r\n', 'number-out-of-range'],
      ['EPRT |1|10.0.1.2|4294967318|\r\n', 'number-out-of-range'],
      ['EPRT |2|2001:db8::1|65558|\r\n', 'number-out-of-range'],
      ['EPRT |1|10.0.1.256|51210|\r\n', 'number-out-of-range'],
      ['EPRT |1|10.0.1.4294967298|51210|\r\n', 'number-out-of-range'],
      ['EPRT  |1|10.0.1.2|65558|\r\n', 'number-out-of-range'],
      ['EPRT |6|10.0.1.256|51210|\r\n', 'number-out-of-range'],
      ['EPRT |1|10.0.1.2.3|51210|\r\n', 'malformed'],
      ['EPRT |2|1:2:3:4:5:6:7:8:9|51210|\r\n', 'malformed'],
      ['EPRT |2|12345::1|51210|\r\n', 'malformed'],
      [`EPRT |2|${'1:'.repeat(400)}|51210|\r\n`, 'malformed'],
    ]);
  });

  test('not exactly right, but a lenient server may read it: opens nothing', () => {
    const v4 = '|1|10.0.1.2|51210|';
    const lax = (numbers: string) => `lax EPRT 10.0.1.2 51210 [${numbers}]`;
    const lax6 = (numbers: string) => `lax EPRT 2001:db8::1 51210 [${numbers}]`;
    check(command, [
      [`EPRT ${v4}\n`, lax(v4)],
      [`EPRT ${v4} \r\n`, lax(v4)],
      [`EPRT ${v4}x\r\n`, lax(v4)],
      [`EPRT  ${v4}\r\n`, lax(v4)],
      [`EPRT\t${v4}\r\n`, lax(v4)],
      [`EPRT${v4}\r\n`, lax(v4)],
      [` EPRT ${v4}\r\n`, lax(v4)],
      ['EPRT |1|10.0.1.2|51210\r\n', lax('|1|10.0.1.2|51210')],
      ['EPRT |1| 10.0.1.2 | 51210 |\r\n', lax('|1| 10.0.1.2 | 51210')],
      ['EPRT |1|10.0.1.2|0000051210|\r\n', lax('|1|10.0.1.2|0000051210|')],
      ['EPRT \x7f1\x7f10.0.1.2\x7f51210\x7f\r\n', lax('\x7f1\x7f10.0.1.2\x7f51210\x7f')],
      ['EPRT |2|10.0.1.2|51210|\r\n', lax('|2|10.0.1.2|51210|')],
      ['EPRT |3|10.0.1.2|51210|\r\n', lax('|3|10.0.1.2|51210|')],
      ['EPRT ||10.0.1.2|51210|\r\n', lax('||10.0.1.2|51210|')],
      ['EPRT |x|10.0.1.2|51210|\r\n', lax('|x|10.0.1.2|51210|')],
      ['EPRT |12|10.0.1.2|51210|\r\n', lax('|12|10.0.1.2|51210|')],
      ['EPRT |1|2001:db8::1|51210|\r\n', lax6('|1|2001:db8::1|51210|')],
      ['EPRT |2|[2001:db8::1]|51210|\r\n', lax6('|2|[2001:db8::1]|51210|')],
      ['EPRT |2|2001:db8::1%eth0|51210|\r\n', lax6('|2|2001:db8::1%eth0|51210|')],
    ]);
  });

  test('malformed', () => {
    check(command, [
      ['EPRT :2:2001:db8::1:51210:\r\n', 'malformed'],
      ['EPRT |1||51210|\r\n', 'malformed'],
      ['EPRT |2||51210|\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2!51210|\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2.3|51210|\r\n', 'malformed'],
      ['EPRT |1|host.example|51210|\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2||\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2|\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2\r\n', 'malformed'],
      ['EPRT  1 10.0.1.2 51210 \r\n', 'malformed'],
      ['EPRT 111110.0.1.2151210 1\r\n', 'malformed'],
      ['EPRT\r\n', 'malformed'],
    ]);
  });
});

describe('the announcement object', () => {
  test('knows the verb even when the numbers do not parse', () => {
    assert.equal(command('EPRT nonsense\r\n').out.kind, AnnouncementKind.Eprt);
    assert.equal(reply('227 Logout.\r\n').out.kind, AnnouncementKind.Pasv);
    assert.equal(reply('229 x').out.kind, AnnouncementKind.Epsv);
    assert.equal(command('PO').out.kind, AnnouncementKind.None);
    assert.equal(command(' EPRT\r\n').out.kind, AnnouncementKind.None, 'as FEAT has it');
    assert.equal(command(' EPRT |1|10.0.1.2|5|\r\n').out.kind, AnnouncementKind.Eprt);
  });

  test('keeps nothing of the line before', () => {
    const out = new FtpAnnouncement();
    const first = bytesOf('EPRT |2|2001:db8:1::2|51210|\r\n');
    assert.equal(parseCommand(first, 0, first.length, out), FtpParse.Ok);
    const fresh = new FtpAnnouncement();
    for (const line of ['NOOP\r\n', 'PORT 1,2,3,4,256,0\r\n', 'EPRT |2|2001:db8::1|65536|\r\n']) {
      const bytes = bytesOf(line);
      parseCommand(bytes, 0, bytes.length, out);
      const { kind, ...rest } = out;
      const { kind: _none, ...empty } = fresh;
      assert.deepEqual({ ...rest }, { ...empty }, `${line} (kind ${kind})`);
    }
  });
});

describe('LPRT', () => {
  const v4 = '4,4,10,0,1,2,2,200,10';
  const v6 = '6,16,32,1,13,184,0,1,0,0,0,0,0,0,0,0,0,2,2,200,10';

  test('taken apart', () => {
    check(command, [
      [`LPRT ${v4}\r\n`, `LPRT 10.0.1.2 51210 [${v4}]`],
      [`lprt ${v6}\r\n`, `LPRT 2001:db8:1::2 51210 [${v6}]`],
      ['LPRT 4,4,10,0,1,2,2,0,0\r\n', 'LPRT 10.0.1.2 0 [4,4,10,0,1,2,2,0,0]'],
    ]);
    assert.equal(command('LPRT 4,4,10,0,1,2,2,0,0\r\n').code, 'port-zero');
  });

  test('too short', () => {
    for (const line of [`LPRT ${v4}\r\n`, `LPRT ${v6}\r\n`]) {
      for (let length = 1; length < line.length; length++) {
        assert.equal(command(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
      }
    }
    for (let count = 0; count < 9; count++) {
      const line = `LPRT ${v4.split(',').slice(0, count).join(',')}\r\n`;
      assert.equal(command(line).code, 'malformed', line);
    }
    assert.equal(command('LIST\r\n').code, 'not-for-us');
  });

  test('too big', () => {
    check(command, [
      ['LPRT 4,4,256,0,1,2,2,200,10\r\n', 'number-out-of-range'],
      ['LPRT 4,4,10,0,1,2,2,256,22\r\n', 'number-out-of-range'],
      ['LPRT 4,260,10,0,1,2,2,200,10\r\n', 'number-out-of-range'],
      ['LPRT 260,4,10,0,1,2,2,200,10\r\n', 'malformed'],
      [`LPRT ${v6.replace('184', '440')}\r\n`, 'number-out-of-range'],
    ]);
  });

  test('lax or malformed', () => {
    check(command, [
      [`LPRT ${v4}\n`, `lax LPRT 10.0.1.2 51210 [${v4}]`],
      [`LPRT  ${v4}\r\n`, `lax LPRT 10.0.1.2 51210 [${v4}]`],
      [`LPRT ${v4},0\r\n`, `lax LPRT 10.0.1.2 51210 [${v4}]`],
      [`LPRT ${v6} x\r\n`, `lax LPRT 2001:db8:1::2 51210 [${v6}]`],
      ['LPRT 4,16,10,0,1,2,4,200,10\r\n', 'lax LPRT 10.0.1.2 51210 [4,16,10,0,1,2,4,200,10]'],
      ['LPRT 10,0,1,2,200,10\r\n', 'malformed'],
      ['LPRT 5,4,10,0,1,2,2,200,10\r\n', 'malformed'],
      ['LPRT 6,16,10,0,1,2,2,200,10\r\n', 'malformed'],
      ['LPRT\r\n', 'malformed'],
    ]);
  });
});
