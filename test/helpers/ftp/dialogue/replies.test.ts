import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReplyLine, ReplyReader } from '../../../../src/helpers/ftp/dialogue/replies.ts';
import { allocatedBytesPerCall, bytesOf } from '../support.ts';

const names = Object.keys(ReplyLine) as (keyof typeof ReplyLine)[];

/** Kinds and codes of lines, read in order within bytes that are none of them. */
function read(...lines: string[]): string[] {
  const reader = new ReplyReader();
  return lines.map((line) => {
    const bytes = bytesOf(`227-${line} x`);
    const kind = reader.read(bytes, 4, bytes.length - 2);
    return `${names[kind]} ${reader.code}`;
  });
}

describe('reply lines', () => {
  test('of one line', () => {
    const cases: [string, string][] = [
      ['220 ready\r\n', 'Final 220'],
      ['220 ready\n', 'Final 220'],
      ['220\r\n', 'Final 220'],
      ['220\n', 'Final 220'],
      ['220 \r\n', 'Final 220'],
      ['220', 'Final 220'],
      ['150 here it comes\r\n', 'Preliminary 150'],
      ['120\r\n', 'Preliminary 120'],
      ['599 x\r\n', 'Final 599'],
      ['220-ready\r\n', 'Opening 220'],
      ['600 x\r\n', 'None 0'],
      ['099 x\r\n', 'None 0'],
      ['22 x\r\n', 'None 0'],
      ['2x0 x\r\n', 'None 0'],
      ['2200 x\r\n', 'None 0'],
      ['220x\r\n', 'None 0'],
      ['220\tx\r\n', 'None 0'],
      ['220\rx\r\n', 'None 0'],
      [' 220 x\r\n', 'None 0'],
      ['HTTP/1.1 200 OK\r\n', 'None 0'],
      ['\r\n', 'None 0'],
      ['', 'None 0'],
    ];
    for (const [line, expected] of cases) assert.deepEqual(read(line), [expected], line);
  });

  test('of several lines: nothing but its own code and a blank ends one', () => {
    assert.deepEqual(
      read(
        '211-Features:\r\n',
        ' EPRT\r\n',
        '227 Entering Passive Mode (192,0,2,2,0,22)\r\n',
        '211-more\r\n',
        '211x\r\n',
        '212 no\r\n',
        '\r\n',
        '211 End\r\n',
        '227 x\r\n',
      ),
      [...['Opening 211', ...Array(6).fill('Inside 211')], 'Final 211', 'Final 227'],
    );
    assert.deepEqual(read('150-a\r\n', '226 b\r\n', '150\r\n'), [
      'Opening 150',
      'Inside 150',
      'Preliminary 150',
    ]);
  });

  test('after a reset nothing is open', () => {
    const reader = new ReplyReader();
    const line = bytesOf('220-x\r\n');
    reader.read(line, 0, line.length);
    assert.equal(reader.isInside, true);
    reader.reset();
    assert.deepEqual({ ...reader }, { ...new ReplyReader() });
  });

  test('as a plain model reads them', () => {
    const code = fc.constantFrom('211', '227', '150', '550', '220');
    const line = fc
      .tuple(fc.constantFrom('', ' ', 'x'), code, fc.constantFrom('-', ' ', '', 'x', '-227 '))
      .map((parts) => `${parts.join('')}text\r\n`.replace(/^(\d{3})text/, '$1'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        let open = '';
        const expected = lines.map((text) => {
          const [, digits = '', behind = ''] = /^([1-5]\d\d)(-| |\r\n)/.exec(text) ?? [];
          const kind = digits.startsWith('1') ? 'Preliminary' : 'Final';
          if (open !== '') {
            const of = open;
            if (digits !== open || behind === '-') return `Inside ${of}`;
            open = '';
            return `${kind} ${of}`;
          }
          if (digits === '') return 'None 0';
          if (behind === '-') {
            open = digits;
            return `Opening ${digits}`;
          }
          return `${kind} ${digits}`;
        });
        assert.deepEqual(read(...lines), expected);
      }),
      { seed: 20_260_406, numRuns: 2000 },
    );
  });

  test('reading allocates nothing', () => {
    const reader = new ReplyReader();
    const lines = ['211-a\r\n', '227 x\r\n', '211 b\r\n', '226 done\r\n'].map(bytesOf);
    let turn = 0;
    const perCall = allocatedBytesPerCall(() => {
      const line = lines[turn]!;
      reader.read(line, 0, line.length);
      turn = (turn + 1) & 3;
    });
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});
