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
} from '../../../../src/helpers/ftp/grammar/grammar.ts';
import { hidesCommand } from '../../../../src/helpers/ftp/grammar/hidden.ts';
import { quoteLine } from '../../../../src/helpers/ftp/grammar/quote.ts';
import { hasTelnet, stripTelnet } from '../../../../src/helpers/ftp/grammar/telnet.ts';
import {
  argumentEnd,
  argumentOf,
  mayBecome,
  nameStart,
  readVerb,
  VERB_COUNT,
  Verb,
  verbSpan,
} from '../../../../src/helpers/ftp/grammar/verbs.ts';
import { parseIpv6 } from '../../../../src/wire/index.ts';
import { allocatedBytesPerCall, bytesOf, command, textOf } from '../support.ts';

describe('grammar properties', () => {
  const piece = fc.constantFrom(
    ...'PORT |EPRT |LPRT |port | |\t|227 |228 |229 |227-|(|)|,|, |.|:|::|0|1|2|10|255|256|65535|65536|!|\r|\n|\r\n'
      .split('|')
      .concat('|', '|||', '|1|', '|2|', '10,0,1,2,200,10', '2001:db8::1', '\xff\xf2', '\0')
      .concat('4,4,10,0,1,2,2,200,10', '6,16', '[', '%', '\xff\xfa', '\xff\xf0', '\xff'),
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
          if (code === FtpParse.Ok && parser === parseCommand) {
            const numbers = line.slice(out.numbersStart - before, out.numbersEnd - before);
            assert.equal(line, `${line.slice(0, 5)}${numbers}\r\n`, 'nothing but the numbers');
            assert.match(line, /^(port|eprt|lprt) /i);
          }
          if (code === FtpParse.Lax) assert.equal(parser, parseCommand);
          for (const word of [out.a0, out.a1, out.a2, out.a3]) assert.equal(word, word | 0);
        }
      }),
      { seed: 20_260_401, numRuns: 4000 },
    );
  });

  test('what stands outside the line changes no answer', () => {
    const everything = (dirt: string, line: string) => {
      const bytes = bytesOf(`${dirt}${line}${dirt}`);
      const start = dirt.length;
      const end = start + line.length;
      const out = new FtpAnnouncement();
      const stripped = new Uint8Array(line.length);
      const length = stripTelnet(bytes, start, end, stripped);
      const verb = readVerb(bytes, start, end);
      const nameAt = nameStart(verb, bytes, verbSpan.end, argumentEnd(bytes, start, end));
      return [
        parseCommand(bytes, start, end, out),
        { ...out, numbersStart: out.numbersStart - start, numbersEnd: out.numbersEnd - start },
        parseReply(bytes, start, end, out),
        { ...out, numbersStart: out.numbersStart - start, numbersEnd: out.numbersEnd - start },
        [verb, verbSpan.start - start, verbSpan.end - start, nameAt - start],
        [textOf(stripped, 0, length), hasTelnet(bytes, start, end)],
        hidesCommand(bytes, start, end),
        mayBecome(bytes, start, end, announcing),
        quoteLine(bytes, start, end),
        argumentOf(bytes, start, end),
      ];
    };
    const announcing = new Uint8Array(VERB_COUNT);
    announcing[Verb.Port] = 1;
    announcing[Verb.Lprt] = 1;
    fc.assert(
      fc.property(lines, (line) => {
        const plain = everything('', line);
        for (const dirt of ['9', 'PORT 1', '\xff\xfa', '\r\0', '|,']) {
          assert.deepEqual(everything(dirt, line), plain, JSON.stringify([dirt, line]));
        }
      }),
      { seed: 20_260_404, numRuns: 3000 },
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
    const wanted = new Uint32Array(VERB_COUNT);
    const isWanted = new Uint8Array(VERB_COUNT);
    isWanted[Verb.Port] = 1;
    const telnet = bytesOf('\xff\xf4\xff\xfb\x06PO\xff\xffRT\r\n');
    const scratch = new Uint8Array(telnet.length);
    let turn = 0;
    const perCall = allocatedBytesPerCall(() => {
      const asked = commandBytes[turn]!;
      const answered = replyBytes[turn]!;
      parseCommand(asked, 0, asked.length, out);
      parseReply(answered, 0, answered.length, out);
      wanted[readVerb(asked, 0, asked.length)]!++;
      if (mayBecome(asked, 0, 3, isWanted)) wanted[0]!++;
      if (hidesCommand(asked, 0, asked.length)) wanted[0]!++;
      wanted[1]! += stripTelnet(telnet, 0, telnet.length, scratch);
      turn = turn === 2 ? 0 : turn + 1;
    });
    assert.ok(perCall < 0.1, `${perCall} bytes per call`);
  });
});
