import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FtpParse, type FtpParseCode } from '../../../../src/helpers/ftp/grammar/grammar.ts';
import { quoteLine } from '../../../../src/helpers/ftp/grammar/quote.ts';
import { reasonOf } from '../../../../src/helpers/ftp/grammar/reason.ts';
import { bytesOf } from '../support.ts';

function quote(line: string): string {
  const bytes = bytesOf(`PORT${line}PORT`);
  return quoteLine(bytes, 4, bytes.length - 4);
}

const SECRET = 'hunter2';

describe('a quoted line', () => {
  test('is whole where nobody writes a secret', () => {
    const whole = ['PORT 10,0,1,2,200,10', 'EPRT |1|10.0.1.2|5|', 'PASV', 'EPSV ALL', 'LPSV'];
    whole.push('RETR /pub/a b.txt', 'STOR x', 'LIST -la', 'TYPE I', 'AUTH TLS', 'SYST', 'DELE x');
    whole.push('227 Entering Passive Mode (192,0,2,2,200,10).', '229 x (|||51210|)', '228 x');
    whole.push(' port 1,2');
    for (const line of whole) {
      for (const lineEnd of ['', '\n', '\r\n']) assert.equal(quote(`${line}${lineEnd}`), line);
    }
    assert.equal(quote('\r\n'), '');
    assert.equal(quote('\xff\xf4PO\xff\xf1RT 1,2\r\n'), 'PORT 1,2');
    assert.equal(quote('RETR h\xc3\xa9\\\t\r\n'), 'RETR h\\xc3\\xa9\\x5c\\x09');
  });

  test('is its first word where it may be one', () => {
    const cases: [string, string][] = [
      [`PASS ${SECRET}\r\n`, 'PASS ...'],
      [`pass\t${SECRET}\r\n`, 'pass ...'],
      [`PASS-${SECRET}\r\n`, 'PASS ...'],
      [`USER ${SECRET}\r\n`, 'USER ...'],
      [`ACCT ${SECRET}\r\n`, 'ACCT ...'],
      [`ADAT ${SECRET}\r\n`, 'ADAT ...'],
      [`SITE PSWD ${SECRET}\r\n`, 'SITE ...'],
      [`PAS ${SECRET}\r\n`, 'PAS ...'],
      [`PASS\xff\xf1 ${SECRET}\r\n`, 'PASS ...'],
      [`530 no user ${SECRET}\r\n`, '530 ...'],
      [`227x ${SECRET}\r\n`, '227 ...'],
      [`227-${SECRET}\r\n`, '227 ...'],
    ];
    for (const [line, expected] of cases) assert.equal(quote(line), expected);
  });

  test('is nothing where not even that is sure to be a verb', () => {
    for (const line of [
      SECRET,
      `PASS${SECRET}`,
      `P ${SECRET}`,
      `!${SECRET}`,
      `12 ${SECRET}`,
      '99',
    ]) {
      assert.equal(quote(`${line}\r\n`), '...', line);
    }
    assert.equal(quote(`\xff\xfaPASS ${SECRET}\r\n`), '', 'all of it is Telnet');
    assert.equal(quote(`N\xff\xfaPASS ${SECRET}\xff\xf0OOP\r\n`), 'NOOP');
  });

  test('ends where another command may begin', () => {
    for (const hidden of [`\rPASS ${SECRET}`, `\0PASS ${SECRET}`, `\r\r\nPASS ${SECRET}`]) {
      assert.equal(quote(`NOOP${hidden}\r\n`), 'NOOP ...');
      assert.ok(!quote(`227 x${hidden}\r\n`).includes(SECRET));
    }
  });

  test('is cut at 128 characters', () => {
    assert.equal(quote(`RETR ${'x'.repeat(123)}\r\n`), `RETR ${'x'.repeat(123)}`);
    assert.equal(quote(`RETR ${'x'.repeat(124)}\r\n`), `RETR ${'x'.repeat(123)}...`);
    for (const count of [255, 256, 257, 65_535]) {
      assert.ok(quote(`RETR ${'\xff'.repeat(count)}\r\n`).length <= 128 + 6);
    }
  });
});

test('reasons of the codes that refuse', () => {
  const reasons = Object.entries(FtpParse).map(([name, code]) => [
    name,
    reasonOf(code as FtpParseCode),
  ]);
  const { NumberOutOfRange, PortZero, Malformed, Lax } = Object.fromEntries(reasons);
  assert.deepEqual(
    [NumberOutOfRange, PortZero, Malformed, Lax],
    ['number-out-of-range', 'port-zero', 'malformed', 'malformed'],
  );
});
