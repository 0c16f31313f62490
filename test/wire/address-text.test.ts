import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  formatAddress,
  formatIpv4,
  formatIpv6,
  parseIpv4,
  parseIpv6,
} from '../../src/wire/index.ts';

const runs = { seed: 5952, numRuns: 300 };

/** The canonical text by another implementation: the URL parser serialises as RFC 5952 does. */
function viaUrl(text: string): string {
  return new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

describe('IPv4 text', () => {
  const pairs: [string, number][] = [
    ['0.0.0.0', 0],
    ['10.0.1.2', 0x0a000102],
    ['127.255.255.255', 0x7fffffff],
    ['128.0.0.0', -0x80000000],
    ['255.255.255.255', -1],
  ];

  test('both ways', () => {
    for (const [text, word] of pairs) {
      assert.equal(parseIpv4(text), word);
      assert.equal(formatIpv4(word), text);
      assert.equal(formatIpv4(word >>> 0), text, 'unsigned words print alike');
    }
  });

  test('any word survives', () => {
    fc.assert(
      fc.property(fc.integer(), (word) => parseIpv4(formatIpv4(word)) === word),
      runs,
    );
  });

  test('too short, too big, and other notations are refused', () => {
    const refused = ['', '1', '1.2', '1.2.3', '1.2.3.', '1.2.3.4.5', '1.2.3.256', '1.2.3.-1'];
    const odd = ['010.1.2.3', '1.2.3.04', '0x7f.0.0.1', '1.2.3.4/24', '1.2.3.4 ', ' 1.2.3.4'];
    for (const text of [...refused, ...odd, '1.2.3.4\n', '1..2.3', 'localhost', '::1', '٣.1.2.3']) {
      assert.equal(parseIpv4(text), null, JSON.stringify(text));
    }
  });

  test('agrees with node:net on what an address is', () => {
    const part = fc.constantFrom('0', '1', '9', '00', '01', '255', '256', '1000', '', 'a', '-1');
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 5 }), (parts) => {
        const text = parts.join('.');
        return (parseIpv4(text) !== null) === isIPv4(text);
      }),
      { ...runs, numRuns: 2000 },
    );
  });
});

describe('IPv6 text', () => {
  const pairs: [string, [number, number, number, number]][] = [
    ['::', [0, 0, 0, 0]],
    ['::1', [0, 0, 0, 1]],
    ['1::', [0x10000, 0, 0, 0]],
    ['2001:db8::1', [0x20010db8, 0, 0, 1]],
    ['fe80::a00:27ff:fe4e:66a1', [0xfe800000 | 0, 0, 0x0a0027ff, 0xfe4e66a1 | 0]],
    ['2001:db8:0:0:1::', [0x20010db8, 0, 0x10000, 0]],
    ['1:0:2:3:4:5:6:7', [0x10000, 0x20003, 0x40005, 0x60007]],
    ['2001:0:0:1::1', [0x20010000, 1, 0, 1]],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', [-1, -1, -1, -1]],
    ['::ffff:1.2.3.4', [0, 0, 0xffff, 0x01020304]],
    ['::1.2.3.4', [0, 0, 0, 0x01020304]],
    ['::ffff', [0, 0, 0, 0xffff]],
    ['::1:0:0', [0, 0, 1, 0]],
  ];

  test('both ways, in the canonical form of RFC 5952', () => {
    for (const [text, words] of pairs) {
      assert.deepEqual(parseIpv6(text), words, text);
      assert.equal(formatIpv6(...words), text);
    }
  });

  test('other spellings of the same address', () => {
    assert.deepEqual(parseIpv6('2001:0DB8:0000::0001'), [0x20010db8, 0, 0, 1]);
    assert.deepEqual(parseIpv6('0:0:0:0:0:0:0:0'), [0, 0, 0, 0]);
    assert.deepEqual(parseIpv6('::ffff:1.2.3.4'), [0, 0, 0xffff, 0x01020304]);
    assert.deepEqual(parseIpv6('64:ff9b::192.0.2.1'), [0x0064ff9b, 0, 0, 0xc0000201 | 0]);
  });

  test('any words survive, and the text is what the URL parser writes but for IPv4', () => {
    const word = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 0x10000, 0xffff, -0x10000));
    fc.assert(
      fc.property(word, word, word, word, (w0, w1, w2, w3) => {
        const text = formatIpv6(w0, w1, w2, w3);
        assert.deepEqual(parseIpv6(text), [w0, w1, w2, w3]);
        // The URL parser writes an embedded IPv4 address in hex.
        if (!text.includes('.')) assert.equal(text, viaUrl(text));
      }),
      runs,
    );
  });

  test('too short, too big, prefix, zone, brackets and rubbish are refused', () => {
    const wrongCount = ['1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4::5:6:7:8', ''];
    const dressed = ['::1/128', 'fe80::1%eth0', '[::1]', '::1 ', ' ::1', '::1\n'];
    const broken = [':::', '1::2::3', '12345::', '00001::', '::g', '1:', ':1', '1.2.3.4'];
    for (const text of [...wrongCount, ...dressed, ...broken, '::256.1.1.1', '::1.2.3']) {
      assert.equal(parseIpv6(text), null, JSON.stringify(text));
    }
  });

  test('agrees with node:net on what an address is', () => {
    const part = fc.constantFrom('0', '1', 'ffff', '0000', '', 'g', '10000', '1.2.3.4');
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 9 }), (parts) => {
        const text = parts.join(':');
        return (parseIpv6(text) !== null) === isIPv6(text);
      }),
      { ...runs, numRuns: 2000 },
    );
  });
});

test('text of either family', () => {
  assert.equal(formatAddress(4, 0x0a000001, 0, 0, 0), '10.0.0.1');
  assert.equal(formatAddress(6, 0x0a000001, 0, 0, 0), 'a00:1::');
});
