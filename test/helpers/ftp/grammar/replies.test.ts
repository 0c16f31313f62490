import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { check, reply, summary } from '../support.ts';

describe('227', () => {
  test('taken apart', () => {
    const ok = (numbers: string) => `227 192.0.2.2 51210 [${numbers}]`;
    const plain = '192,0,2,2,200,10';
    check(reply, [
      [`227 Entering Passive Mode (${plain}).\r\n`, ok(plain)],
      [`227 Entering Passive Mode ${plain}\r\n`, ok(plain)],
      [`227 =${plain}\n`, ok(plain)],
      [`227 ${plain}\r\n`, ok(plain)],
      [`227 Ok 1 (${plain})\r\n`, ok(plain)],
      [`227 Ok 1 ${plain}, go\r\n`, ok(plain)],
      [`227 Ok, ${plain}\r\n`, ok(plain)],
      [`227 (mode) 12 (${plain}) 3,4\r\n`, ok(plain)],
      [`227 1,2,3,4,5,6 (${plain})\r\n`, ok(plain)],
      [`227 (${plain} )\r\n`, ok(plain)],
      [`227 (${plain}\r\n`, ok(plain)],
      ['227 (192, 0, 2, 2, 200,  10)\r\n', ok('192, 0, 2, 2, 200,  10')],
      ['227 x 192,000,002,002,200,010\r\n', ok('192,000,002,002,200,010')],
      ['227 (192,0,2,2,0,0)\r\n', '227 192.0.2.2 0 [192,0,2,2,0,0]'],
    ]);
    assert.equal(reply('227 (192,0,2,2,0,0)\r\n').code, 'port-zero');
  });

  test('too short', () => {
    const line = '227 Entering Passive Mode (192,0,2,2,200,10).\r\n';
    for (let length = 1; length < line.length; length++) {
      assert.equal(reply(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
    }
    assert.equal(reply('').code, 'not-for-us');
    check(reply, [
      ['227\r\n', 'malformed'],
      ['227\n', 'malformed'],
      ['227 \r\n', 'malformed'],
      ['227 Logout.\r\n', 'malformed'],
      ['227 (192,0,2,2,200)\r\n', 'malformed'],
      ['227 (192,0,2,2,,10)\r\n', 'malformed'],
      ['22\r\n', 'not-for-us'],
      ['2\n', 'not-for-us'],
    ]);
  });

  test('too big', () => {
    check(reply, [
      ['227 (1,2,3,4,256,0)\r\n', 'number-out-of-range'],
      ['227 (192,0,2,2,4294967296,22)\r\n', 'number-out-of-range'],
      ['227 (192,0,2,2,256,22) 192,0,2,2,200,10\r\n', 'number-out-of-range'],
      ['227 192,0,2,2,200,10,1\r\n', 'malformed'],
      ['227 (192,0,2,2,200,10,1)\r\n', 'malformed'],
      ['227 1 , 192,0,2,2,200,10\r\n', 'malformed'],
      ['227 (192,0,2,2,200,000010)\r\n', 'malformed'],
    ]);
    for (const total of [255, 256, 257, 512, 513, 65_535]) {
      const text = '227  (192,0,2,2,200,10)\r\n';
      const line = text.replace(' ', ` ${'1,'.repeat((total - text.length) >> 1)}`);
      assert.match(summary(reply(line)), /^227 192\.0\.2\.2 51210/);
    }
  });

  test('another reply, or the opening of a multi-line one', () => {
    check(reply, [
      ['227-Entering Passive Mode (192,0,2,2,200,10)\r\n', 'not-for-us'],
      ['227-', 'not-for-us'],
      ['2270 (192,0,2,2,200,10)\r\n', 'not-for-us'],
      ['227\t(192,0,2,2,200,10)\r\n', 'not-for-us'],
      ['226 (192,0,2,2,200,10)\r\n', 'not-for-us'],
      ["500 '227 Entering Passive Mode (192,0,2,2,200,10)'\r\n", 'not-for-us'],
      [' 227 (192,0,2,2,200,10)\r\n', 'not-for-us'],
      ['PORT 10,0,1,2,200,10\r\n', 'not-for-us'],
      ['20', 'not-for-us'],
    ]);
  });
});

describe('228', () => {
  const v4 = '4,4,192,0,2,2,2,200,10';
  const v6 = '6,16,32,1,13,184,0,1,0,0,0,0,0,0,0,0,0,2,2,200,10';

  test('taken apart', () => {
    check(reply, [
      [`228 Entering Long Passive Mode (${v4})\r\n`, `228 192.0.2.2 51210 [${v4}]`],
      [`228 Entering Long Passive Mode ${v4}\n`, `228 192.0.2.2 51210 [${v4}]`],
      [`228 Ok 4,4,1 (${v6})\r\n`, `228 2001:db8:1::2 51210 [${v6}]`],
      [
        `228 x (${v4.replaceAll(',', ', ')})\r\n`,
        `228 192.0.2.2 51210 [${v4.replaceAll(',', ', ')}]`,
      ],
      ['228 (4,4,192,0,2,2,2,0,0)\r\n', '228 192.0.2.2 0 [4,4,192,0,2,2,2,0,0]'],
    ]);
    assert.equal(reply('228 (4,4,192,0,2,2,2,0,0)\r\n').code, 'port-zero');
  });

  test('too short, too big, and other things', () => {
    const line = `228 Long (${v4})\r\n`;
    for (let length = 1; length < line.length; length++) {
      assert.equal(reply(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
    }
    check(reply, [
      ['228\r\n', 'malformed'],
      ['228 bye.\r\n', 'malformed'],
      ['228 (192,0,2,2,200,10)\r\n', 'malformed'],
      ['228 (4,4,192,0,2,2,2,200)\r\n', 'malformed'],
      ['228 (4,5,192,0,2,2,2,200,10)\r\n', 'malformed'],
      ['228 (4,4,192,0,2,2,1,200,10)\r\n', 'malformed'],
      ['228 (5,4,192,0,2,2,2,200,10)\r\n', 'malformed'],
      [`228 (${v4},1)\r\n`, 'malformed'],
      ['228 (4,4,256,0,2,2,2,200,10)\r\n', 'number-out-of-range'],
      ['228 (4,4,192,0,2,2,2,256,22)\r\n', 'number-out-of-range'],
      [`228-x (${v4})\r\n`, 'not-for-us'],
      [`2280 (${v4})\r\n`, 'not-for-us'],
    ]);
  });
});

describe('229', () => {
  test('taken apart', () => {
    check(reply, [
      ['229 Entering Extended Passive Mode (|||51210|)\r\n', '229 - 51210 [|||51210|]'],
      ['229 x (!!!51210!)\n', '229 - 51210 [!!!51210!]'],
      ['229 x (|||00022|\r\n', '229 - 22 [|||00022|]'],
      ['229 (extended) (|||65535|)\r\n', '229 - 65535 [|||65535|]'],
      ['229 ((((1(\r\n', '229 - 1 [(((1(]'],
      ['229 x (|||0|)\r\n', '229 - 0 [|||0|]'],
    ]);
    assert.equal(reply('229 x (|||0|)\r\n').code, 'port-zero');
    assert.equal(reply('229 x (!!!51210!)\r\n').out.delimiter, 0x21);
  });

  test('too short', () => {
    const line = '229 x (|||51210|)\r\n';
    for (let length = 1; length < line.length; length++) {
      assert.equal(reply(line.slice(0, length)).code, 'incomplete', `${length} bytes`);
    }
    const numbersEnd = line.indexOf(')');
    for (let length = '229'.length; length < numbersEnd; length++) {
      assert.equal(reply(`${line.slice(0, length)}\r\n`).code, 'malformed', `${length} and CRLF`);
    }
  });

  test('too big', () => {
    check(reply, [
      ['229 x (|||65536|)\r\n', 'number-out-of-range'],
      ['229 x (|||65558|)\r\n', 'number-out-of-range'],
      [`229 x (|||${'1'.repeat(300)}|)\r\n`, 'number-out-of-range'],
      ['229 x (|||000022|)\r\n', 'malformed'],
    ]);
  });

  test('malformed, or another reply', () => {
    check(reply, [
      ['229 x (||51210|)\r\n', 'malformed'],
      ['229 x (||||51210|)\r\n', 'malformed'],
      ['229 x (|1|192.0.2.2|51210|)\r\n', 'malformed'],
      ['229 x |||51210|\r\n', 'malformed'],
      ['229 x (|||51210)\r\n', 'malformed'],
      ['229 x (||!51210|)\r\n', 'malformed'],
      ['229 x (||| 51210|)\r\n', 'malformed'],
      ['229 x (111512101)\r\n', 'malformed'],
      ['229-x (|||51210|)\r\n', 'not-for-us'],
    ]);
  });
});
