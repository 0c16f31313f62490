import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AnnouncementKind,
  FtpAnnouncement,
  FtpParse,
  parseCommand,
} from '../../../src/helpers/ftp/grammar/grammar.ts';
import { bytesOf, check, command, reply, summary } from './support.ts';

describe('PORT', () => {
  test('taken apart', () => {
    check(command, [
      ['PORT 10,0,1,2,200,10\r\n', 'PORT 10.0.1.2 51210 [10,0,1,2,200,10]'],
      ['port 10,0,1,2,200,10\r\n', 'PORT 10.0.1.2 51210 [10,0,1,2,200,10]'],
      ['PoRt 255,255,255,255,255,255\n', 'PORT 255.255.255.255 65535 [255,255,255,255,255,255]'],
      ['PORT 10,0,1,2,0,22   \r\n', 'PORT 10.0.1.2 22 [10,0,1,2,0,22]'],
      ['PORT 010,000,001,002,200,010\r\n', 'PORT 10.0.1.2 51210 [010,000,001,002,200,010]'],
      ['PORT 00010,0,1,2,1,0\r\n', 'PORT 10.0.1.2 256 [00010,0,1,2,1,0]'],
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
      ['PORT 10,0,1,2,200,\r\n', 'malformed'],
      ['PORT 10,0,1,2,,5\r\n', 'malformed'],
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
      ['PORT 000010,0,1,2,200,10\r\n', 'malformed'],
      [`PORT ${'0'.repeat(300)},0,1,2,200,10\r\n`, 'malformed'],
      ['PORT 10,0,1,2,200,10,1\r\n', 'malformed'],
      ['PORT 256,0,1,2,200,10,1\r\n', 'malformed'],
    ]);
    for (const total of [255, 256, 257, 512, 513, 65_535]) {
      const numbers = 'PORT 192,168,123,2,113,42';
      const line = `${numbers}${' '.repeat(total - numbers.length - 2)}\r\n`;
      assert.equal(line.length, total);
      assert.equal(summary(command(line)), 'PORT 192.168.123.2 28970 [192,168,123,2,113,42]');
    }
  });

  test('malformed, or another verb', () => {
    check(command, [
      ['PORT  10,0,1,2,200,10\r\n', 'malformed'],
      ['PORT\t10,0,1,2,200,10\r\n', 'malformed'],
      ['PORT,10,0,1,2,200,10\r\n', 'malformed'],
      ['PORT 10, 0,1,2,200,10\r\n', 'malformed'],
      ['PORT 10,0,1,2,200,-10\r\n', 'malformed'],
      ['PORT +10,0,1,2,200,10\r\n', 'malformed'],
      ['PORT 10,0,1,2,200,10\0\r\n', 'malformed'],
      ['PORT 10,0,1,2,200,10\r\r\n', 'malformed'],
      ['PORT 10,0,1,2,200,10\rX\r\n', 'malformed'],
      ['PORT (10,0,1,2,200,10)\r\n', 'malformed'],
      ['PORT 0xa,0,1,2,200,10\r\n', 'malformed'],
      ['PORTX 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['PORT1 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['PORTX', 'not-for-us'],
      [' PORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['LPRT 4,4,10,0,1,2,2,200,10\r\n', 'not-for-us'],
      ['PASV\r\n', 'not-for-us'],
      ['PA', 'not-for-us'],
      ['\x10ORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['\xff\xf4\xff\xf2PORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['227 Entering Passive Mode (10,0,1,2,200,10)\r\n', 'not-for-us'],
      ['\r\n', 'not-for-us'],
      ['\n', 'not-for-us'],
    ]);
    assert.equal(command('PORT\r').code, 'incomplete', 'the LF may follow');
  });
});

describe('EPRT', () => {
  test('taken apart', () => {
    check(command, [
      ['EPRT |1|10.0.1.2|51210|\r\n', 'EPRT 10.0.1.2 51210 [|1|10.0.1.2|51210|]'],
      ['eprt !1!10.0.1.2!51210!\n', 'EPRT 10.0.1.2 51210 [!1!10.0.1.2!51210!]'],
      ['EPRT .1.10.0.1.2.51210.\r\n', 'EPRT 10.0.1.2 51210 [.1.10.0.1.2.51210.]'],
      ['EPRT |1|010.000.001.002|00022|\r\n', 'EPRT 10.0.1.2 22 [|1|010.000.001.002|00022|]'],
      ['EPRT |1|10.0.1.2|51210| \r\n', 'EPRT 10.0.1.2 51210 [|1|10.0.1.2|51210|]'],
      ['EPRT |1|10.0.1.2|51210|x\r\n', 'EPRT 10.0.1.2 51210 [|1|10.0.1.2|51210|]'],
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
        assert.match(code, /^(malformed|bad-address)$/, `${length} bytes and CRLF`);
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
      ['EPRT |1|10.0.1.2|000022|\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2.3|51210|\r\n', 'bad-address'],
      ['EPRT |2|1:2:3:4:5:6:7:8:9|51210|\r\n', 'bad-address'],
      ['EPRT |2|12345::1|51210|\r\n', 'bad-address'],
      [`EPRT |2|${'1:'.repeat(400)}|51210|\r\n`, 'bad-address'],
    ]);
  });

  test('wrong family, bad address, malformed', () => {
    check(command, [
      ['EPRT |3|10.0.1.2|51210|\r\n', 'wrong-family-number'],
      ['EPRT |0|10.0.1.2|51210|\r\n', 'wrong-family-number'],
      ['EPRT |12|10.0.1.2|51210|\r\n', 'wrong-family-number'],
      ['EPRT |1|2001:db8::1|51210|\r\n', 'bad-address'],
      ['EPRT |2|10.0.1.2|51210|\r\n', 'bad-address'],
      ['EPRT |2|fe80::1%eth0|51210|\r\n', 'bad-address'],
      ['EPRT |2|[2001:db8::1]|51210|\r\n', 'bad-address'],
      ['EPRT :2:2001:db8::1:51210:\r\n', 'bad-address'],
      ['EPRT |1||51210|\r\n', 'bad-address'],
      ['EPRT |2||51210|\r\n', 'bad-address'],
      ['EPRT |1|10.0.1.2!51210|\r\n', 'bad-address'],
      ['EPRT |1|10.0.1.2|51210\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2||\r\n', 'malformed'],
      ['EPRT |1|10.0.1.2| 51210|\r\n', 'malformed'],
      ['EPRT ||10.0.1.2|51210|\r\n', 'malformed'],
      ['EPRT |x|10.0.1.2|51210|\r\n', 'malformed'],
      ['EPRT  |1|10.0.1.2|51210|\r\n', 'malformed'],
      ['EPRT  1 10.0.1.2 51210 \r\n', 'malformed'],
      ['EPRT 111110.0.1.2151210 1\r\n', 'malformed'],
      ['EPRT \x7f1\x7f10.0.1.2\x7f51210\x7f\r\n', 'malformed'],
    ]);
  });
});

describe('the announcement object', () => {
  test('knows the verb even when the numbers do not parse', () => {
    assert.equal(command('EPRT nonsense\r\n').out.kind, AnnouncementKind.Eprt);
    assert.equal(reply('227 Logout.\r\n').out.kind, AnnouncementKind.Pasv);
    assert.equal(reply('229 x').out.kind, AnnouncementKind.Epsv);
    assert.equal(command('PO').out.kind, AnnouncementKind.None);
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
