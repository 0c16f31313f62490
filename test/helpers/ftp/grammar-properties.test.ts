import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  FtpAnnouncement,
  FtpParse,
  ftpParseName,
  parseCommand,
  parseReply,
} from '../../../src/helpers/ftp/grammar/grammar.ts';
import { parseIpv6 } from '../../../src/wire/index.ts';
import { allocatedBytesPerCall, bytesOf, command } from './support.ts';

describe('grammar properties', () => {
  const piece = fc.constantFrom(
    ...'PORT |EPRT |port |227 |229 |227-|(|)|,|, |.|:|::|0|1|2|10|255|256|65535|65536|!|\r|\n|\r\n'
      .split('|')
      .concat('|', '|||', '|1|', '|2|', '10,0,1,2,200,10', '2001:db8::1', '\xff\xf2', '\0'),
  );
  const lines = fc.oneof(
    fc.array(piece, { maxLength: 14 }).map((parts) => parts.join('')),
    fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );

  test('no bytes throw or lead to offsets outside the line', () => {
    const out = new FtpAnnouncement();
    fc.assert(
      fc.property(lines, fc.nat(5), fc.nat(5), (line, before, after) => {
        const bytes = bytesOf(`${'9'.repeat(before)}${line}${'9'.repeat(after)}`);
        const end = before + line.length;
        for (const parser of [parseCommand, parseReply]) {
          const code = parser(bytes, before, end, out);
          assert.notEqual(ftpParseName(code), undefined);
          assert.ok(before <= out.numbersStart && out.numbersStart <= out.numbersEnd);
          assert.ok(out.numbersEnd <= end);
          assert.ok(out.port >= 0 && out.port <= 65535);
          if (code === FtpParse.Ok) {
            assert.ok(out.port > 0 && out.numbersEnd > out.numbersStart);
            assert.equal(bytes[end - 1], 0x0a, 'only finished lines are announcements');
          }
          for (const word of [out.a0, out.a1, out.a2, out.a3]) assert.equal(word, word | 0);
        }
      }),
      { seed: 20_260_401, numRuns: 4000 },
    );
  });

  test('IPv6 text is read as Node and ip-address read it', () => {
    const group = fc.constantFrom('0', '1', 'db8', '2001', 'FFFF', '0000', '', '10.0.1.2', '12345');
    const texts = fc.oneof(
      fc.ipV6(),
      fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const { code, out } = command(`EPRT |2|${text}|51210|\r\n`);
        assert.equal(code === 'ok', isIPv6(text), text);
        if (code !== 'ok') return;
        assert.deepEqual([out.a0, out.a1, out.a2, out.a3], parseIpv6(text), text);
      }),
      { seed: 20_260_402, numRuns: 1500 },
    );
  });

  test('parsing allocates nothing', () => {
    const out = new FtpAnnouncement();
    const commands = ['PORT 200,0,1,2,200,10\r\n', 'EPRT |2|2001:db8:1::2|51210|\r\n', 'LIST\r\n'];
    const replies = ['227 Mode (192,0,2,2,200,10).\r\n', '229 x (|||51210|)\r\n', '230 ok\r\n'];
    const commandBytes = commands.map(bytesOf);
    const replyBytes = replies.map(bytesOf);
    let turn = 0;
    const perCall = allocatedBytesPerCall(() => {
      const asked = commandBytes[turn]!;
      const answered = replyBytes[turn]!;
      parseCommand(asked, 0, asked.length, out);
      parseReply(answered, 0, answered.length, out);
      turn = turn === 2 ? 0 : turn + 1;
    });
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});
