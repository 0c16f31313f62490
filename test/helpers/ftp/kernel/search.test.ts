import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, Tuple } from '../../../../src/conntrack/index.ts';
import { Found, Search } from '../../../../src/helpers/ftp/kernel/search.ts';
import { NumbersWriter } from '../../../../src/helpers/ftp/kernel/write.ts';
import { parseIpv4, parseIpv6 } from '../../../../src/wire/index.ts';
import { buildTcp, loadPacket } from '../../../support/packets.ts';
import { bytesOf, textOf } from '../support.ts';

const MARGIN = 5;

/** Of a segment of the speaker. */
function tupleOf(family: 4 | 6): Tuple {
  const own = new Tuple();
  const [src, dst] = family === 4 ? ['10.0.1.2', '192.0.2.2'] : ['2001:db8:1::2', '2001:db8:2::2'];
  own.fromPacket(loadPacket(buildTcp({ src: src!, dst: dst!, sport: 40_000, dport: 21 })));
  return own;
}

/** `nothing`, `partial`, or the part that would be replaced and the port. */
function search(from: 'C' | 'S', segment: string, family: 4 | 6 = 4): string {
  const bytes = new Uint8Array(segment.length + 2 * MARGIN).fill(0xa5);
  bytes.set(bytesOf(segment), MARGIN);
  const finder = new Search();
  const direction = from === 'C' ? Direction.Original : Direction.Reply;
  const end = MARGIN + segment.length;
  const found = finder.run(bytes, MARGIN, end, direction, tupleOf(family));
  if (found === Found.Nothing) return 'nothing';
  if (found === Found.Partial) return 'partial';
  const { numbersStart, numbersEnd, port } = finder.out;
  return `[${textOf(bytes, numbersStart, numbersEnd)}] ${port}`;
}

function check(from: 'C' | 'S', table: Readonly<Record<string, string>>): void {
  for (const [segment, expected] of Object.entries(table)) {
    assert.equal(search(from, segment), expected, JSON.stringify(segment));
  }
}

describe('the search at the start of a segment', () => {
  test('what is to be replaced', () => {
    check('C', {
      'PORT 10,0,1,2,200,10\r\nLIST\r\n': '[10,0,1,2,200,10] 51210',
      'PORTAGE of 10,0,1,2,200,10\r': 'partial',
      'PORTAGE 10,0,1,2,200,10\r': '[10,0,1,2,200,10] 51210',
      'EPRT |1|10.0.1.2|51210|': '[|1|10.0.1.2|51210|] 51210',
      'EPRT |1|10.0.1.2|051210|x': '[|1|10.0.1.2|051210|] 51210',
    });
    check('S', {
      '227 Entering (192,0,2,2,200,10).\r\n': '[192,0,2,2,200,10] 51210',
      '227 192,0,2,2,200,10x': '[192,0,2,2,200,10] 51210',
      '229 a (b|||1|': 'partial',
      '229 a (|||51210|': '[|||51210|] 51210',
    });
    assert.equal(search('C', 'EPRT |2|2001:db8::7|80|\n', 6), '[|2|2001:db8::7|80|] 80');
  });

  test('beginnings of a pattern, up to its length', () => {
    check('C', { P: 'partial', pO: 'partial', POR: 'partial', PORT: 'partial', EPR: 'partial' });
    check('C', { 'PORT\r\n': 'partial', 'EPRT ': 'partial', PORX: 'nothing', X: 'nothing' });
    check('S', { '2': 'partial', '22': 'partial', '227': 'partial', '227 ': 'partial' });
    check('S', { '228': 'nothing', '22\r\n': 'nothing', '229\r': 'nothing', '227-': 'nothing' });
  });

  test('only in its own direction', () => {
    check('S', { 'PORT 10,0,1,2,200,10\r\n': 'nothing', P: 'nothing' });
    check('C', { '227 (192,0,2,2,200,10)\r\n': 'nothing' });
  });

  test('payloads of 255, 256 and 257 bytes', () => {
    for (const length of [255, 256, 257]) {
      const line = `${'PORT 10,0,1,2,200,10\r\n'}${' '.repeat(length)}`.slice(0, length);
      assert.equal(search('C', line), '[10,0,1,2,200,10] 51210');
      assert.equal(search('C', 'PORT '.padEnd(length, '9')), 'partial');
    }
  });
});

describe('what is written instead', () => {
  const words = Int32Array.of(parseIpv4('192.0.2.1')!, 0, 0, 0);
  const ipv6 = Int32Array.from(parseIpv6('2001:db8:2::a0b')!);

  function written(kind: 1 | 2 | 3 | 4, family: 4 | 6, port: number): string {
    const writer = new NumbersWriter();
    writer.text.fill(0xa5);
    const length = writer.write(kind, family, family === 4 ? words : ipv6, port);
    return textOf(writer.text, 0, length);
  }

  test('each form', () => {
    assert.equal(written(1, 4, 51_210), '192,0,2,1,200,10');
    assert.equal(written(3, 4, 255), '192,0,2,1,0,255');
    assert.equal(written(2, 4, 1), '|1|192.0.2.1|1|');
    assert.equal(written(4, 4, 65_535), '|||65535|');
    assert.equal(written(2, 6, 65_535), '|2|2001:0db8:0002:0000:0000:0000:0000:0a0b|65535|');
    assert.equal(written(1, 6, 51_210), '32,1,13,184,200,10');
  });

  test('the longest fits', () => {
    assert.equal(new NumbersWriter().text.length, written(2, 6, 65_535).length);
    assert.equal(written(1, 4, 10_000), '192,0,2,1,39,16');
    assert.equal(written(4, 4, 10_000), '|||10000|');
  });
});
