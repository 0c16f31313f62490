import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock, Prng } from '../../../../src/base/index.ts';
import {
  Conntrack,
  Direction,
  defaultConntrackSettings,
  Status,
  Tuple,
} from '../../../../src/conntrack/index.ts';
import { KernelFtp } from '../../../../src/helpers/ftp/kernel/kernel-ftp.ts';
import { HelperVerdict } from '../../../../src/helpers/index.ts';
import { SeqAdjustTable } from '../../../../src/nat/index.ts';
import { bytesPerRound } from '../../../support/allocation.ts';
import { buildTcp, loadPacket } from '../../../support/packets.ts';
import { talk } from './talk.ts';

const pieces = [
  ...['PORT ', 'eprt ', '227 ', '229 ', '|', '1', '2', '10,0,1,2,', '200,10', '(', '|||', '\r\n'],
  ...['\n', '\0', '\xff', '10.0.1.2', '2001:db8:1::2', '::', ':', '.', ',', '65558', '51210|', ')'],
];

const whole = [
  ...['PORT 10,0,1,2,200,10\r\n', 'PORT 10,0,1,3,200,10\r\n', 'EPRT |1|10.0.1.2|51210|\r\n'],
  ...['227 (192,0,2,2,200,10)\r\n', '229 (|||51210|)\r\n', 'EPRT |2|2001:db8:1::2|51210|\r\n'],
  ...['NOOP\r\n', '200 ok\r\n', 'PORT 32,1,13,184,200,10\r\n'],
];

/** Segments made of pieces of announcements and of any bytes. */
function segment(random: Prng): string {
  const parts = Array.from({ length: 1 + random.below(9) }, () =>
    random.below(5) === 0
      ? String.fromCharCode(random.below(256))
      : pieces[random.below(pieces.length)]!,
  );
  const end = random.below(2) === 0 ? '\r\n' : '';
  return parts.join('') + end;
}

describe('any bytes', () => {
  for (const nat of ['plain', 'snat', 'dnat'] as const) {
    test(`nothing throws, and nothing leads to a third party: ${nat}`, () => {
      const random = new Prng(20_261_121);
      for (const ipv6 of [false, true]) {
        const session = talk({ nat, ipv6 });
        let opened = 0;
        for (let i = 0; i < 500; i++) {
          // Announcements that can be read, in the text of any end, are among them.
          const text = random.below(4) === 0 ? whole[random.below(whole.length)]! : segment(random);
          const verdict = session.step(random.below(2) === 0 ? 'C' : 'S', text);
          assert.notEqual(verdict, 'reset');
          const expected = session.expected();
          assert.ok(expected.length <= 1);
          opened += expected.length;
          for (const one of expected) {
            assert.match(one, /^(10\.0\.1\.2|192\.0\.2\.2|2001:db8:[12]::2)>/);
            assert.match(one, />(10\.0\.1\.[12]|192\.0\.2\.[12]|2001:db8:[12]::[12]):\d+$/);
          }
        }
        assert.ok(opened > 0, 'some of them open something');
      }
    });
  }
});

describe('memory', () => {
  function bench() {
    const clock = new Clock(0);
    const conntrack = new Conntrack(clock, { ...defaultConntrackSettings(), maximum: 64 }, 1);
    const seqAdjust = new SeqAdjustTable(conntrack.table);
    const parts = { conntrack, seqAdjust, clock, random: new Prng(1) };
    const counters = { announced: 0, refused: 0, rejected: 0, rewritten: 0 };
    const original = new Tuple();
    original.fromPacket(packetWith('', 1000));
    const reply = new Tuple();
    reply.invertFrom(original);
    const row = conntrack.begin(original, reply);
    return { helper: new KernelFtp(parts, false, counters), conntrack, row };
  }

  function packetWith(payload: string, seq: number) {
    const ends = { src: '10.0.1.2', dst: '192.0.2.2', sport: 40_000, dport: 21 };
    return loadPacket(buildTcp({ ...ends, seq, flags: 'PA', payload }));
  }

  test('a client is not looked at before it was answered', () => {
    const { helper, conntrack, row } = bench();
    const line = packetWith('NOOP\r\n', 1000);
    const lone = packetWith('P', 1006);
    helper.handle(line, row, Direction.Original);
    assert.equal(helper.handle(lone, row, Direction.Original), HelperVerdict.Accept);
    conntrack.table.addStatus(row, Status.SeenReply);
    helper.handle(line, row, Direction.Original);
    assert.equal(helper.handle(lone, row, Direction.Original), HelperVerdict.Drop);
  });

  test('what was entered by a command is looked at from its first segment on', () => {
    const { helper, conntrack, row } = bench();
    conntrack.table.addStatus(row, Status.SeenReply);
    const port = packetWith('PORT 10,0,1,2,200,10\r\n', 1000);
    helper.handle(port, row, Direction.Original);
    assert.equal(conntrack.expectations.count, 0);
    helper.forget(row);
    helper.pickUp(row);
    helper.handle(port, row, Direction.Original);
    assert.equal(conntrack.expectations.count, 1);
  });

  test('lines that announce nothing allocate nothing', () => {
    const { helper, conntrack, row } = bench();
    conntrack.table.addStatus(row, Status.SeenReply);
    const line = packetWith('RETR some/file/with/a/name\r\n', 1000);
    const per = bytesPerRound((n) => {
      line.seq = (1000 + n * line.payloadLen) | 0;
      helper.handle(line, row, Direction.Original);
    });
    assert.ok(per < 0.1, `${per} bytes per segment`);
  });
});
