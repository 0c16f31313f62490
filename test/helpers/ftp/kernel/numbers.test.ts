import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ipv6Text } from '../../../../src/helpers/ftp/kernel/ipv6-text.ts';
import {
  ANY_END,
  addressOf,
  isDelimiter,
  readFields,
  readPort,
} from '../../../../src/helpers/ftp/kernel/numbers.ts';
import { formatIpv4, formatIpv6 } from '../../../../src/wire/index.ts';
import { bytesOf } from '../support.ts';

const COMMA = 0x2c;
const CR = 0x0d;
const BAR = 0x7c;

/** The fields, or null; what is read must not go beyond the text. */
function fieldsOf(text: string, terminator = CR): number[] | null {
  const bytes = bytesOf(`${text}\r9,9`);
  const fields = new Int32Array(6).fill(77);
  const length = readFields(bytes, 0, text.length, COMMA, terminator, 6, fields);
  if (length === 0) return null;
  assert.equal(length, text.length - 1, 'the end does not count');
  return [...fields].map((field) => field >>> 0);
}

function portOf(text: string): number {
  return readPort(bytesOf(`${text}|`), 0, text.length, BAR);
}

function ipv6Of(text: string, delimiter = '|'): string {
  const reader = new Ipv6Text();
  const bytes = bytesOf(`${text}${delimiter}51210`);
  const length = reader.read(bytes, 0, bytes.length, delimiter.charCodeAt(0));
  const [a = 0, b = 0, c = 0, d = 0] = reader.words;
  return length === 0 ? '-' : `${formatIpv6(a, b, c, d)} ${length}`;
}

describe('fields', () => {
  test('taken apart', () => {
    assert.deepEqual(fieldsOf('10,0,1,2,200,10\r'), [10, 0, 1, 2, 200, 10]);
    assert.deepEqual(fieldsOf('010,,001,2,,\r'), [10, 0, 1, 2, 0, 0]);
    assert.deepEqual(fieldsOf(',,,,,\r'), [0, 0, 0, 0, 0, 0]);
  });

  test('they have 32 bits and wrap', () => {
    assert.deepEqual(
      fieldsOf('4294967295,4294967296,4294967306,256,255,257\r'),
      [4294967295, 0, 10, 256, 255, 257],
    );
    assert.deepEqual(fieldsOf('18446744073709551626,0,0,0,0,0\r'), [10, 0, 0, 0, 0, 0]);
  });

  test('too short, too long, and other ends', () => {
    for (const text of ['', '1,2,3,4,5,6', '1,2,3,4,5\r', '1,2,3,4,5,6,7\r', '1,2,3,4,5,6\n']) {
      assert.equal(fieldsOf(text), null, text);
    }
    for (const text of ['-1,2,3,4,5,6\r', ' 1,2,3,4,5,6\r', '1, 2,3,4,5,6\r', '1.2.3.4.5.6\r']) {
      assert.equal(fieldsOf(text), null, text);
    }
  });

  test('any end, but one', () => {
    for (const end of [')', '.', ' ', '\0', '\xff', 'x']) {
      assert.deepEqual(fieldsOf(`1,2,3,4,5,6${end}`, ANY_END), [1, 2, 3, 4, 5, 6]);
    }
    assert.equal(fieldsOf('1,2,3,4,5,6', ANY_END), null);
    assert.equal(fieldsOf('1,2,3,4,5,6,', ANY_END), null);
  });

  test('an address takes what runs over', () => {
    const address = (...fields: number[]) => formatIpv4(addressOf(Int32Array.from(fields)));
    assert.equal(address(10, 0, 0, 258), '10.0.1.2');
    assert.equal(address(10, 0, 256, 2), '10.1.0.2');
    assert.equal(address(256 + 10, 0, 1, 2), '10.0.1.2');
    assert.equal(address(-1, 0, 0, 1), '255.0.0.1');
  });
});

describe('a port on its own', () => {
  test('it has 16 bits and wraps', () => {
    assert.deepEqual(
      ['51210|', '0051210|', '65535|', '65558|', '131094|'].map(portOf),
      [51_210, 51_210, 65_535, 22, 22],
    );
  });

  test('0, nothing, something else, no end', () => {
    for (const text of ['0|', '|', '65536|', '5121', '', '51 |', '-1|', '51210!|']) {
      assert.equal(portOf(text), -1, text);
    }
  });
});

test('delimiters: every printable byte that is no digit', () => {
  const delimiters = Array.from({ length: 256 }, (_, byte) => byte).filter(isDelimiter);
  assert.equal(delimiters.length, 94 - 10);
  assert.equal(delimiters.includes(0x20) || delimiters.includes(0x7f), false);
});

// Each was read alike by Linux 6.18.
describe('IPv6 addresses in text', () => {
  test('usual forms', () => {
    assert.equal(ipv6Of('2001:db8:1::2'), '2001:db8:1::2 13');
    assert.equal(ipv6Of('2001:DB8:1:0:0:0:0:2'), '2001:db8:1::2 20');
    assert.equal(ipv6Of('2001:0db8:0001:0000:0000:0000:0000:0002'), '2001:db8:1::2 39');
    assert.equal(ipv6Of('::'), ':: 2');
    assert.equal(ipv6Of('::1'), '::1 3');
    assert.equal(ipv6Of('fe80::'), 'fe80:: 6');
    assert.equal(ipv6Of('1:2:3:4:5:6:7::'), '1:2:3:4:5:6:7:0 15');
    assert.equal(ipv6Of('::2:3:4:5:6:7:8'), '0:2:3:4:5:6:7:8 15');
  });

  test('an IPv4 address at the end', () => {
    assert.equal(ipv6Of('64:ff9b::192.0.2.33'), '64:ff9b::c000:221 19');
    assert.equal(ipv6Of('1:2:3:4:5:6:1.2.3.4'), '1:2:3:4:5:6:102:304 19');
    assert.equal(ipv6Of('::0001.2.3.004'), '::1.2.3.4 14');
    for (const text of ['::1.2.3', '::1.2.3.4.5', '::1.2.3.256', '::1..3.4', '1.2.3.4']) {
      assert.equal(ipv6Of(text), '-', text);
    }
    assert.equal(ipv6Of('1:2:3:4:5:6:7:1.2.3.4'), '-');
  });

  test('odd forms that are read', () => {
    assert.equal(ipv6Of('00002001:0000000db8::2'), '2001:db8::2 22');
    assert.equal(ipv6Of('::1.2.3.4:5'), '::1.2.3.4 9');
    assert.equal(ipv6Of('2001:db8::2\0junk'), '2001:db8::2 11');
    assert.equal(ipv6Of('2001:d8::2', 'b'), '2001:d8::2 10');
    assert.equal(ipv6Of('2001:db8::2', '.'), '2001:db8::2 11');
  });

  test('what is refused', () => {
    const lines = ['', ':', ':1', '1', '1:2', '1:', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9'];
    const more = ['1::2::3', ':::1', '1:::2', '12345::', '1::g', '[::1]', 'fe80::1%eth0'];
    const full = ['1:2:3:4:5:6:7::8', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '1::2:'];
    for (const text of [...lines, ...more, ...full]) assert.equal(ipv6Of(text), '-', text);
    assert.equal(ipv6Of('2001:db8::2', ':'), '-');
  });
});
