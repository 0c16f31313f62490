import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  AnnouncementKind,
  type AnnouncementKindCode,
} from '../../../../src/helpers/ftp/grammar/grammar.ts';
import {
  MAX_ANNOUNCEMENT_BYTES,
  writeAnnouncement,
} from '../../../../src/helpers/ftp/grammar/write.ts';
import { formatIpv6, parseIpv4, parseIpv6 } from '../../../../src/wire/index.ts';
import { allocatedBytesPerCall, command, type Parsed, reply, textOf } from '../support.ts';

const { Port, Eprt, Pasv, Epsv, Lprt, Lpsv, None } = AnnouncementKind;
type Words = readonly [number, number, number, number];

const ipv4 = (text: string): Words => [parseIpv4(text)!, 0, 0, 0];
const ipv6 = (text: string): Words => parseIpv6(text)!;

/** Writes into a dirty buffer and checks that nothing beyond the answer was touched. */
function write(
  kind: AnnouncementKindCode,
  family: 0 | 4 | 6,
  words: Words,
  port: number,
  delimiter = '|',
): string {
  const out = new Uint8Array(MAX_ANNOUNCEMENT_BYTES + 6).fill(0xa5);
  const length = writeAnnouncement(kind, family, ...words, port, delimiter.charCodeAt(0), out, 3);
  assert.ok(length >= 0 && length <= MAX_ANNOUNCEMENT_BYTES);
  const dirt = (byte: number) => byte === 0xa5;
  assert.ok(out.subarray(0, 3).every(dirt) && out.subarray(3 + length).every(dirt));
  return textOf(out, 3, 3 + length);
}

describe('writeAnnouncement', () => {
  test('put together', () => {
    const x = ipv4('192.0.2.1');
    const x6 = ipv6('2001:db8:2::1');
    assert.equal(write(Port, 4, x, 51210), '192,0,2,1,200,10');
    assert.equal(write(Pasv, 4, x, 22), '192,0,2,1,0,22');
    assert.equal(write(Eprt, 4, x, 51210), '|1|192.0.2.1|51210|');
    assert.equal(write(Eprt, 4, x, 51210, '!'), '!1!192.0.2.1!51210!');
    assert.equal(write(Eprt, 6, x6, 51210), '|2|2001:db8:2::1|51210|');
    assert.equal(write(Epsv, 0, [0, 0, 0, 0], 51210), '|||51210|');
    assert.equal(write(Epsv, 6, x6, 51210, '!'), '!!!51210!');
    assert.equal(write(Lprt, 4, x, 51210), '4,4,192,0,2,1,2,200,10');
    const long = '6,16,32,1,13,184,0,2,0,0,0,0,0,0,0,0,0,1,2,200,10';
    assert.equal(write(Lpsv, 6, x6, 51210), long);
  });

  test('IPv6 text as RFC 5952 has it', () => {
    const texts = ['::', '::1', '1::', '2001:db8::1', '1:0:2:3:4:5:6:7', '1:0:0:2::3'];
    texts.push('1::2:0:0:3', '::ffff:a00:102', 'a:b:c:d:e:f:1:2', '0:1:2:3:4:5:6:7');
    texts.push('1:2:3:4:5:6::', '1:2:3:4:5:6:7:0', '10:200:3000:4:5:6:70:800');
    for (const text of texts) {
      assert.equal(write(Eprt, 6, ipv6(text), 1), `|2|${text}|1|`);
    }
    assert.equal(write(Eprt, 6, ipv6('1:0:0:2:0:0:3:4'), 1), '|2|1::2:0:0:3:4|1|', 'first of two');
    assert.equal(write(Eprt, 6, ipv6('2001:0DB8:0:0:0:0:0:1'), 1), '|2|2001:db8::1|1|');
  });

  test('too short: the smallest of each', () => {
    assert.equal(write(Port, 4, ipv4('0.0.0.0'), 0), '0,0,0,0,0,0');
    assert.equal(write(Eprt, 4, ipv4('0.0.0.0'), 1), '|1|0.0.0.0|1|');
    assert.equal(write(Eprt, 6, ipv6('::'), 9), '|2|::|9|');
    assert.equal(write(Epsv, 0, [0, 0, 0, 0], 1), '|||1|');
  });

  test('too big: the longest of each, which is the room that callers reserve', () => {
    const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
    const text = write(Eprt, 6, ipv6(longest), 65535);
    assert.equal(text, `|2|${longest}|65535|`);
    const longer = write(Lprt, 6, ipv6(longest), 65535);
    assert.equal(longer, `6,16${',255'.repeat(16)},2,255,255`);
    assert.equal(longer.length, MAX_ANNOUNCEMENT_BYTES);
    assert.equal(write(Port, 4, ipv4('255.255.255.255'), 65535), '255,255,255,255,255,255');
    assert.equal(write(Eprt, 4, ipv4('255.255.255.255'), 10000), '|1|255.255.255.255|10000|');
  });

  test('a kind that cannot carry the family writes nothing', () => {
    assert.equal(write(Port, 6, ipv6('2001:db8::1'), 51210), '');
    assert.equal(write(Pasv, 6, ipv6('2001:db8::1'), 51210), '');
    assert.equal(write(Pasv, 0, [0, 0, 0, 0], 51210), '');
    assert.equal(write(Eprt, 0, [0, 0, 0, 0], 51210), '');
    assert.equal(write(Lprt, 0, [0, 0, 0, 0], 51210), '');
    assert.equal(write(None, 4, ipv4('192.0.2.1'), 51210), '');
  });

  test('a delimiter that an address may contain becomes a bar', () => {
    for (const delimiter of ['a', 'F', ':', '.', '5', ' ', '\x7f', '\0']) {
      assert.equal(write(Eprt, 6, ipv6('2001:db8::a'), 1, delimiter), '|2|2001:db8::a|1|');
    }
    for (const delimiter of ['g', '!', '/', ';', '@', '~', '(']) {
      const d = delimiter;
      assert.equal(write(Eprt, 4, ipv4('1.2.3.4'), 1, d), `${d}1${d}1.2.3.4${d}1${d}`);
    }
  });
});

describe('written and parsed again', () => {
  const word = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constant(0));
  const words = fc.tuple(word, word, word, word);
  const port = fc.integer({ min: 1, max: 65535 });
  const delimiter = fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code));
  const run = { numRuns: 1500, seed: 20_260_403 };

  function sameEndpoint({ code, out }: Parsed, family: number, expected: Words, number: number) {
    assert.equal(code, 'ok');
    assert.equal(out.family, family);
    assert.equal(out.port, number);
    assert.deepEqual([out.a0, out.a1, out.a2, out.a3], [...expected]);
  }

  test('PORT and 227', () => {
    fc.assert(
      fc.property(word, port, (a0, number) => {
        const expected = [a0, 0, 0, 0] as const;
        const text = write(Port, 4, expected, number);
        sameEndpoint(command(`PORT ${text}\r\n`), 4, expected, number);
        const parsed = reply(`227 Mode (${write(Pasv, 4, expected, number)})\r\n`);
        sameEndpoint(parsed, 4, expected, number);
        assert.equal(parsed.numbers, text);
      }),
      run,
    );
  });

  test('LPRT and 228 of either family', () => {
    fc.assert(
      fc.property(words, port, fc.constantFrom(4 as const, 6 as const), (all, number, family) => {
        const expected: Words = family === 4 ? [all[0], 0, 0, 0] : all;
        const text = write(Lprt, family, expected, number);
        sameEndpoint(command(`LPRT ${text}\r\n`), family, expected, number);
        const parsed = reply(`228 Mode (${write(Lpsv, family, expected, number)})\r\n`);
        sameEndpoint(parsed, family, expected, number);
        assert.equal(parsed.numbers, text);
      }),
      run,
    );
  });

  test('EPRT of either family', () => {
    fc.assert(
      fc.property(words, port, delimiter, (all, number, d) => {
        const v4 = [all[0], 0, 0, 0] as const;
        const text4 = write(Eprt, 4, v4, number, d);
        sameEndpoint(command(`EPRT ${text4}\r\n`), 4, v4, number);
        const text6 = write(Eprt, 6, all, number, d);
        const parsed = command(`EPRT ${text6}\r\n`);
        sameEndpoint(parsed, 6, all, number);
        assert.equal(parsed.numbers, text6);
        // Embedded IPv4 stays in hex on the wire: no client writes it otherwise.
        const cold = formatIpv6(...all);
        if (!cold.includes('.')) assert.ok(text6.includes(cold), 'as the cold path writes it');
      }),
      run,
    );
  });

  test('229', () => {
    fc.assert(
      fc.property(port, delimiter, (number, d) => {
        const text = write(Epsv, 0, [0, 0, 0, 0], number, d);
        const parsed = reply(`229 Mode (${text})\r\n`);
        sameEndpoint(parsed, 0, [0, 0, 0, 0], number);
        assert.equal(parsed.numbers, text);
      }),
      run,
    );
  });

  test('writing allocates nothing', () => {
    const out = new Uint8Array(MAX_ANNOUNCEMENT_BYTES);
    const [a0, a1, a2, a3] = ipv6('2001:db8:2::1');
    const perCall = allocatedBytesPerCall(() => {
      writeAnnouncement(Port, 4, -0x3ffffdff, 0, 0, 0, 51210, 0, out, 0);
      writeAnnouncement(Eprt, 6, a0, a1, a2, a3, 51210, 0x7c, out, 0);
      writeAnnouncement(Epsv, 0, 0, 0, 0, 0, 51210, 0x7c, out, 0);
      writeAnnouncement(Lprt, 6, a0, a1, a2, a3, 51210, 0, out, 0);
    });
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});
