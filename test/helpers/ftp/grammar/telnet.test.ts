import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hidesCommand } from '../../../../src/helpers/ftp/grammar/hidden.ts';
import { hasTelnet, stripTelnet } from '../../../../src/helpers/ftp/grammar/telnet.ts';
import { bytesOf, textOf } from '../support.ts';

function stripped(line: string): string {
  const bytes = bytesOf(`\xfa${line}PORT`);
  const out = new Uint8Array(line.length + 2).fill(0xa5);
  const length = stripTelnet(bytes, 1, bytes.length - 4, out);
  assert.ok(out.subarray(length).every((byte) => byte === 0xa5));
  return textOf(out, 0, length);
}

function hides(line: string): boolean {
  const bytes = bytesOf(`\0${line}PORT 1`);
  return hidesCommand(bytes, 1, bytes.length - 6);
}

describe('Telnet sequences', () => {
  test('are taken out', () => {
    const cases: [string, string][] = [
      ['PORT 1\r\n', 'PORT 1\r\n'],
      ['', ''],
      ['\xff\xf4\xff\xf2ABOR\r\n', 'ABOR\r\n'],
      ['PO\xff\xf1RT\r\n', 'PORT\r\n'],
      ['\xff\xfb\x06\xff\xfc\x06\xff\xfd\x06\xff\xfe\x06x', 'x'],
      ['\xff\xfbPORT', 'ORT'],
      ['\xff\xfaPORT 1\xff\xffx\xff\xf0y\n', 'y\n'],
      ['\xff\xfa\xff\xf0z', 'z'],
      ['RETR a\xff\xffb\r\n', 'RETR a\xffb\r\n'],
      ['\xff\xff\xff\xf1x', '\xffx'],
      ['a\xff\x41b', 'ab'],
    ];
    for (const [line, expected] of cases) assert.equal(stripped(line), expected, expected);
  });

  test('too short: an unfinished one at the end is dropped', () => {
    for (const tail of ['\xff', '\xff\xfb', '\xff\xfa', '\xff\xfaab', '\xff\xfaab\xff']) {
      assert.equal(stripped(`NOOP${tail}`), 'NOOP', JSON.stringify(tail));
    }
  });

  test('too big: as many as a line may hold', () => {
    for (const count of [255, 256, 257, 65_535]) {
      assert.equal(stripped(`${'\xff\xf1'.repeat(count)}x`), 'x');
      assert.equal(stripped('\xff\xff'.repeat(count)), '\xff'.repeat(count));
    }
  });

  test('are noticed', () => {
    const bytes = bytesOf('ab\xffcd');
    assert.equal(hasTelnet(bytes, 0, 5), true);
    assert.equal(hasTelnet(bytes, 0, 2), false);
    assert.equal(hasTelnet(bytes, 3, 5), false);
  });

  test('may be taken out in place', () => {
    const bytes = bytesOf('\xff\xf4PO\xff\xfb\x01RT');
    assert.equal(textOf(bytes, 0, stripTelnet(bytes, 0, bytes.length, bytes)), 'PORT');
  });
});

describe('a command hidden in another one', () => {
  test('behind a bare CR or a NUL', () => {
    const ports = ['PORT 1,2', 'port', 'EPRT |1|', 'lprt 4,4', '  PORT 1', '\xff\xf4PORT 1'];
    for (const hidden of ports) {
      for (const before of ['NOOP\r', 'NOOP\0', '\r', '\0', 'RETR a\rb\0', 'NOOP\r\0', 'x\r\r']) {
        assert.equal(hides(`${before}${hidden}\r\n`), true, JSON.stringify(before + hidden));
      }
    }
  });

  test('where servers differ in what Telnet sequences they know', () => {
    for (const line of [
      '\xff\xfaPORT 1',
      '\xff\xfdPORT 1',
      '\xff\xffPORT 1',
      'x\r\xff\xfaPORT 1',
    ]) {
      assert.equal(hides(`${line}\r\n`), true, JSON.stringify(line));
    }
    for (const line of [
      '\xff\xf4PORT 1',
      '\xff\xfb\x06PORT 1',
      'PO\xff\xf1RT 1',
      'RETR \xff\xff',
    ]) {
      assert.equal(hides(`${line}\r\n`), false, JSON.stringify(line));
    }
  });

  test('nothing is hidden in honest lines', () => {
    for (const line of ['PORT 1', 'NOOP', 'RETR PORT', 'STOR a\rb', 'RETR a\0b', 'NOOP\r', '']) {
      assert.equal(hides(`${line}\r\n`), false, JSON.stringify(line));
    }
    assert.equal(hides('NOOP\rPORTX 1\r\n'), false);
    assert.equal(hides('STOR a\rPORTAL\r\n'), false);
    assert.equal(hides('NOOP\r\nPORT 1\r\n'), false, 'that is another line');
    assert.equal(hides('NOOP\r'), false, 'and so is what may follow');
  });
});
