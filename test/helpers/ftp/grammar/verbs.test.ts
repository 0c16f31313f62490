import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { hidesCommand } from '../../../../src/helpers/ftp/grammar/hidden.ts';
import { stripTelnet } from '../../../../src/helpers/ftp/grammar/telnet.ts';
import {
  argumentEnd,
  argumentOf,
  isAnnouncing,
  isDownload,
  isHarmless,
  isListing,
  isPassive,
  isTransfer,
  isUpload,
  mayBecome,
  nameStart,
  namesFile,
  namesPath,
  readVerb,
  VERB_COUNT,
  Verb,
  type VerbCode,
  verbName,
  verbOfName,
  verbSpan,
} from '../../../../src/helpers/ftp/grammar/verbs.ts';
import { bytesOf, textOf } from '../support.ts';

const codes = Object.values(Verb);
const known = codes.filter((code) => code !== Verb.None && code !== Verb.Other);

function verbOf(line: string): VerbCode {
  const dirt = bytesOf(`PORT${line}PORT`);
  return readVerb(dirt, 4, dirt.length - 4);
}

function mayBe(line: string, ...wanted: VerbCode[]): boolean {
  const table = new Uint8Array(VERB_COUNT);
  for (const code of wanted) table[code] = 1;
  const bytes = bytesOf(`X${line}PORT`);
  return mayBecome(bytes, 1, bytes.length - 4, table);
}

describe('verbs', () => {
  test('each has a code, in any case of letters, and the code has its name', () => {
    assert.deepEqual(codes, [...Array(VERB_COUNT).keys()]);
    for (const code of known) {
      const name = verbName(code);
      assert.match(name, /^[A-Z][A-Z0-9]{2,7}$/);
      assert.equal(verbOf(`${name}\r\n`), code, name);
      assert.equal(verbOf(`${name.toLowerCase()} x\r\n`), code, name);
      assert.equal(verbOf(name), code, `${name} without a line end`);
      assert.notEqual(verbOf(`${name}Z\r\n`), code, `${name}Z`);
      assert.equal(verbOfName(name.toLowerCase()), code);
    }
    assert.deepEqual([verbName(Verb.None), verbName(Verb.Other)], ['', 'OTHER']);
    for (const name of ['', 'OTHER', 'NONE', 'FOOB']) {
      assert.equal(verbOfName(name), name === '' ? Verb.None : Verb.Other, name);
    }
  });

  test('where a verb begins and ends', () => {
    const cases: [string, VerbCode][] = [
      ['  \tRETR a\r\n', Verb.Retr],
      ['RETR\ta\r\n', Verb.Retr],
      ['RETR\0a\r\n', Verb.Retr],
      ['RETR|x\r\n', Verb.Retr],
      ['RETR1 x\r\n', Verb.Other],
      ['XSHA2567 x\r\n', Verb.Other],
      ['XSHA51234567 x\r\n', Verb.Other],
      ['PASSPASS\r\n', Verb.Other],
      ['\xff\xf4RETR\r\n', Verb.Other],
      ['!\r\n', Verb.Other],
      ['\x52\x45\x54\x12\r\n', Verb.Other],
      ['\r\n', Verb.None],
      ['\n', Verb.None],
      ['  \r\n', Verb.None],
      ['', Verb.None],
    ];
    for (const [line, expected] of cases)
      assert.equal(verbOf(line), expected, JSON.stringify(line));
    const bytes = bytesOf('  Stor x\r\n');
    readVerb(bytes, 0, bytes.length);
    assert.deepEqual({ ...verbSpan }, { start: 2, end: 6 });
  });

  test('the argument as text', () => {
    const textOfArgument = (line: string) => {
      const bytes = bytesOf(`x${line}x`);
      return argumentOf(bytes, 1, bytes.length - 1);
    };
    assert.equal(textOfArgument(' foob  a b \r\n'), ' a b ');
    assert.equal(textOfArgument('RETR\n'), '');
    assert.equal(textOfArgument('RETR/x\r\r\n'), '/x\r');
    assert.equal(textOfArgument('\r\n'), '');
    assert.equal(textOfArgument('RETR h\xc3\xa9\r\n'), 'h\u00e9');
  });

  test('where the last verb stood is not forgotten over looking at another line', () => {
    const line = bytesOf('RETR x\r\n');
    readVerb(line, 0, line.length);
    const odd = bytesOf('\xff\xfaab\0EPRT x');
    hidesCommand(odd, 0, odd.length);
    mayBecome(odd, 0, odd.length, new Uint8Array(VERB_COUNT));
    assert.deepEqual({ ...verbSpan }, { start: 0, end: 4 });
  });

  test('groups', () => {
    const namesOf = (is: (code: VerbCode) => boolean) => codes.filter(is).map(verbName).join(' ');
    assert.equal(namesOf(isListing), 'LIST NLST MLSD');
    assert.equal(namesOf(isUpload), 'STOR STOU APPE');
    assert.equal(namesOf(isDownload), 'RETR');
    assert.equal(namesOf(isTransfer), 'RETR STOR STOU APPE LIST NLST MLSD');
    assert.equal(namesOf(isAnnouncing), 'PORT LPRT EPRT');
    assert.equal(namesOf(isPassive), 'PASV LPSV EPSV SPSV CPSV');
    for (const name of ['RETR', 'STOR', 'DELE', 'RNFR', 'RNTO', 'SIZE', 'MDTM', 'MFMT', 'HASH']) {
      assert.ok(namesFile(verbOfName(name)) && namesPath(verbOfName(name)), name);
    }
    for (const name of ['CWD', 'MKD', 'LIST', 'STAT']) {
      assert.ok(!namesFile(verbOfName(name)) && namesPath(verbOfName(name)), name);
    }
    for (const name of ['USER', 'PASS', 'ACCT', 'ADAT', 'SITE', 'MIC', 'CONF', 'ENC']) {
      assert.equal(isHarmless(verbOfName(name)), false, name);
    }
    assert.equal(isHarmless(Verb.Other) || isHarmless(Verb.None), false);
  });

  test('where a name begins', () => {
    const nameOf = (line: string) => {
      const bytes = bytesOf(line);
      const end = argumentEnd(bytes, 0, bytes.length);
      const verb = readVerb(bytes, 0, bytes.length);
      return textOf(bytes, nameStart(verb, bytes, verbSpan.end, end), end);
    };
    assert.equal(nameOf('RETR a b.txt\r\n'), 'a b.txt');
    assert.equal(nameOf('MFMT 20260101000000 a b\r\n'), 'a b');
    assert.equal(nameOf('LIST -la  -x dir\n'), 'dir');
    assert.equal(nameOf('LIST -la\r\n'), '');
    assert.equal(nameOf('STOU\r\n'), '');
  });
});

describe('what an unfinished line may become', () => {
  test('the beginning of a wanted verb, or the verb itself', () => {
    for (const line of ['', 'P', 'po', 'POR', 'PORT', 'PORT ', 'port 10,0', 'PORT\t', 'PORT|']) {
      assert.equal(mayBe(line, Verb.Port), true, line);
    }
    for (const line of ['PA', 'PORTX', 'PORT1', 'X', 'LIST ', 'NOOP\r', '|', 'PORTPORTPORT', '2']) {
      assert.equal(mayBe(line, Verb.Port), false, line);
    }
    assert.equal(mayBe('X', Verb.Port, Verb.Xsha512), true);
    assert.equal(mayBe('XSHA5', Verb.Xsha512), true);
    assert.equal(mayBe('XSHA6', Verb.Xsha512), false);
    assert.equal(mayBe('', Verb.Retr), true);
    assert.equal(mayBe(''), false);
  });

  test('behind blanks, Telnet sequences, and what some servers skip', () => {
    const sequences = ['\xff', '\xff\xf4', '\xff\xf4\xff\xf2', '\xff\xfb', '\xff\xfb\x06'];
    sequences.push('\xff\xfaX\xff\xf0', '\xff\xfaX', ' \t', '\0', '\r');
    for (const before of sequences) {
      assert.equal(mayBe(before, Verb.Port), true, JSON.stringify(before));
      if (/^\xff(?:\xfb|\xfaX)?$/.test(before)) continue;
      assert.equal(mayBe(`${before}PO`, Verb.Port), true, JSON.stringify(before));
      assert.equal(mayBe(`${before}PA`, Verb.Port), false, JSON.stringify(before));
    }
    assert.equal(mayBe('PO\xff\xf1R', Verb.Port), true);
    assert.equal(mayBe('PO\xff\xffR', Verb.Port), false, 'a doubled IAC is text');
  });

  test('other verbs and empty lines, where those are wanted', () => {
    for (const line of ['', 'P', 'PORT', 'PORTX', 'FOOB ', '|', 'XSHA51234']) {
      assert.equal(mayBe(line, Verb.Other), line !== 'never', line);
    }
    assert.equal(mayBe('NOOP ', Verb.Other), false);
    assert.equal(mayBe(' ', Verb.None), true);
    assert.equal(mayBe('N', Verb.None), false);
  });

  test('no line with a wanted verb goes unnoticed at any of its bytes', () => {
    const piece = fc.constantFrom(' ', '\t', '\xff\xf4', '\xff\xfb\x06', '\xff\xfaa\xff\xf0', '\0');
    const shift = fc.func(fc.boolean());
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 4 }),
        fc.constantFrom(...known),
        fc.array(fc.constantFrom('', '', '\xff\xf1', '\xff\xfe\x01'), { maxLength: 8 }),
        shift,
        (before, verb, between, isLower) => {
          const letters = [...verbName(verb)].map((letter, i) => {
            const shown = isLower(i) ? letter.toLowerCase() : letter;
            return shown + (between[i] ?? '');
          });
          const line = `${before.join('')}${letters.join('')} x`;
          for (let length = 0; length <= line.length; length++) {
            assert.equal(mayBe(line.slice(0, length), verb), true, JSON.stringify(line));
          }
          const out = new Uint8Array(line.length);
          const stripped = stripTelnet(bytesOf(line), 0, line.length, out);
          if (!before.includes('\0')) assert.equal(readVerb(out, 0, stripped), verb);
        },
      ),
      { seed: 20_260_405, numRuns: 400 },
    );
  });
});
