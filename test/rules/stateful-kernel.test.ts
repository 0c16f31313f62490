import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Hook, type RuleContext, Verdict } from '../../src/rules/index.ts';
import type { Packet } from '../../src/wire/index.ts';
import { buildIcmp, buildIpv4Fragment, buildUdp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, type TestContext, walk } from './support.ts';

/**
 * Rule counters that a kernel 6.18 had after the same packets, sent over loopback in a namespace, and
 * what else the modules do that no counter there could show.
 */

const udpFrom = (src: string, payload: number[], more = {}): Packet =>
  loadPacket(
    buildUdp({
      src,
      dst: '10.0.0.9',
      sport: 4000,
      dport: 9,
      payload: Uint8Array.from(payload),
      ...more,
    }),
  );
const one = () => udpFrom('10.0.0.1', [0xaa]);

/** Packet counters of rules without a target after packets, each at its millisecond. */
function counts(
  rules: readonly string[],
  packets: readonly Packet[],
  prepare: (ctx: TestContext, at: number) => void = () => {},
): number[] {
  const { compiled } = compile(block('filter', ...rules.map((rule) => `-A INPUT ${rule}`)));
  packets.forEach((packet, at) => {
    const ctx = contextOf(packet);
    ctx.clock.set(1000, at * 2000);
    prepare(ctx, at);
    walk(compiled, ctx, 'filter', Hook.Input);
  });
  const chain = compiled.ruleSet.allTables()[0]!.chains.get('INPUT')!;
  return chain.rules.map((rule) => compiled.countersOf(rule).packets);
}

const times = (count: number, make = one) => Array.from({ length: count }, make);

describe('counters as in the kernel', () => {
  test('string: the whole pattern lies from --from on and before --to', () => {
    const offsets = [
      '',
      '--from 28',
      '--from 29',
      '--to 29',
      '--to 30',
      '--to 31',
      '--from 28 --to 29',
      '--from 28 --to 30',
      '--from 27 --to 30',
    ];
    for (const algorithm of ['bm', 'kmp']) {
      const rules = offsets.map(
        (at) => `-m string --algo ${algorithm} --hex-string "|aabb|" ${at}`,
      );
      const packet = udpFrom('10.0.0.1', [0xaa, 0xbb, 0xcc]);
      assert.deepEqual(counts(rules, [packet]), [1, 1, 0, 0, 1, 1, 0, 1, 1], algorithm);
    }
  });

  test('string: letters of either case, negation, and a pattern that is not there', () => {
    const packet = udpFrom('10.0.0.1', [...Buffer.from('GeT /index.html'), 0xe9]);
    const rules = [
      '-m string --algo bm --icase --string "get /INDEX"',
      '-m string --algo bm --string "get /INDEX"',
      '-m string --algo kmp ! --string "get /INDEX"',
      '-m string --algo kmp --icase --hex-string "HTML|c9|"',
      '-m string --algo bm --string "/index.html is longer than what is left of the packet"',
    ];
    assert.deepEqual(counts(rules, [packet]), [1, 0, 1, 1, 0]);
  });

  test('statistic: every third of seven, from each start, and the sure cases', () => {
    const rules = [
      '-m statistic --mode nth --every 3 --packet 0',
      '-m statistic --mode nth --every 3 --packet 1',
      '-m statistic --mode nth --every 3 --packet 2',
      '-m statistic --mode nth ! --every 3 --packet 1',
      '-m statistic --mode random --probability 0',
      '-m statistic --mode random --probability 1',
    ];
    assert.deepEqual(counts(rules, times(7)), [3, 2, 2, 5, 0, 7]);
  });

  test('statistic: a quarter of many by chance', () => {
    const rules = ['', '! '].map((not) => `-m statistic --mode random ${not}--probability 0.25`);
    const { compiled } = compile(block('filter', ...rules.map((rule) => `-A FORWARD ${rule}`)));
    const ctx = contextOf(one());
    for (let i = 0; i < 20_000; i++) walk(compiled, ctx);
    const [hit, missed] = compiled.ruleSet
      .allTables()[0]!
      .chains.get('FORWARD')!
      .rules.map((rule) => compiled.countersOf(rule).packets / 20_000);
    assert.ok(Math.abs(hit! - 0.25) < 0.03, `${hit}`);
    assert.ok(Math.abs(missed! - 0.75) < 0.03, `${missed}`);
  });

  test('quota: nothing passes after the first packet that is too big', () => {
    const small = udpFrom('10.0.0.1', [1]);
    const rules = ['-m quota --quota 100', '-m quota ! --quota 100'];
    assert.deepEqual(counts(rules, times(5)), [3, 2]);
    assert.deepEqual(
      counts(['-m quota --quota 60'], [small, udpFrom('10.0.0.1', new Array(90).fill(0)), small]),
      [1],
    );
    assert.deepEqual(counts(['-m quota --quota 18446744073709551615'], times(3)), [3]);
  });

  test('recent: six packets through rules that check, set and update one list', () => {
    const rules = [
      '-m recent --update --hitcount 3 --name A1',
      '-m recent ! --rcheck --hitcount 3 --name A1',
      '-m recent --rcheck --name A1',
      '-m recent --set --name A1',
      '-m recent ! --update --hitcount 9 --name A1',
    ];
    assert.deepEqual(counts(rules, times(6)), [4, 2, 5, 6, 3]);
    const hits = [
      '-m recent --set --name A2',
      '-m recent --rcheck --hitcount 2 --name A2',
      '-m recent --rcheck --hitcount 3 --name A2',
    ];
    assert.deepEqual(counts(hits, times(5)), [5, 4, 3]);
  });

  test('hashlimit: a bucket for each source, above and up to', () => {
    const rules = [
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name H1',
      '-m hashlimit --hashlimit-above 1/min --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-name H2',
    ];
    const packets = [...times(5), ...times(5, () => udpFrom('10.0.0.2', [0xaa]))];
    assert.deepEqual(counts(rules, packets), [6, 4]);
  });

  test('hashlimit: a table that is full drops the packet', () => {
    const rules = [
      '-m hashlimit --hashlimit-upto 1/min --hashlimit-burst 3 --hashlimit-mode srcip --hashlimit-htable-size 1 --hashlimit-htable-max 1 --hashlimit-name H3',
      '',
    ];
    const packets = [...times(2), ...times(2, () => udpFrom('10.0.0.2', [0xaa]))];
    assert.deepEqual(counts(rules, packets), [2, 2]);
  });

  test('hashlimit: bytes with and without a burst, and rates that are only judged', () => {
    const bytes = [
      '-m hashlimit --hashlimit-above 100b/s --hashlimit-name H4',
      '-m hashlimit --hashlimit-above 100b/s --hashlimit-burst 200b --hashlimit-name H5',
    ];
    assert.deepEqual(counts(bytes, times(14)), [11, 2]);
    const judged = [
      '-m hashlimit --hashlimit-above 3/min --hashlimit-burst 2 --hashlimit-rate-match --hashlimit-name H6',
    ];
    assert.deepEqual(counts(judged, times(10)), [5]);
  });

  test('hashlimit: ports count apart, and a packet too short to have any is dropped', () => {
    const rule =
      '-m hashlimit --hashlimit-above 1/min --hashlimit-burst 1 --hashlimit-mode srcport,dstport --hashlimit-name P';
    const from = (sport: number) => udpFrom('10.0.0.1', [], { sport });
    assert.deepEqual(counts([rule, ''], [from(1), from(2), from(1), from(3), from(1)]), [2, 5]);
    const echo = () =>
      loadPacket(buildIcmp({ src: '10.0.0.1', dst: '10.0.0.9', type: 8, code: 0 }));
    assert.deepEqual(counts([rule, ''], [echo(), echo()]), [1, 2]);
    const stub = loadPacket(
      buildIpv4Fragment({
        src: '10.0.0.1',
        dst: '10.0.0.9',
        protocol: 17,
        offsetBytes: 64,
        more: false,
        payload: Uint8Array.of(1, 2),
      }),
    );
    assert.deepEqual(counts([rule, ''], [stub]), [0, 0]);
  });

  test('limit and connlimit: five connections of one packet', () => {
    const rules = [
      '-m limit --limit 1/min --limit-burst 3',
      '-m connlimit --connlimit-above 2',
      '-m connlimit --connlimit-upto 2',
    ];
    const isNew = (ctx: TestContext, at: number) => {
      Object.assign(ctx.connection, { exists: true, row: at, id: 10 + at });
    };
    assert.deepEqual(counts(rules, times(5), isNew), [3, 3, 2]);
  });

  test('connbytes: five packets of one connection', () => {
    const rules = [
      '--connbytes 3 --connbytes-dir original --connbytes-mode packets',
      '--connbytes 3:4 --connbytes-dir original --connbytes-mode packets',
      '--connbytes 60:90 --connbytes-dir both --connbytes-mode bytes',
      '--connbytes 29:29 --connbytes-dir both --connbytes-mode avgpkt',
      '! --connbytes 3:4 --connbytes-dir original --connbytes-mode packets',
      '--connbytes 0:0 --connbytes-dir reply --connbytes-mode avgpkt',
    ].map((options) => `-m connbytes ${options}`);
    const counted = (ctx: TestContext, at: number) => {
      ctx.connection.exists = true;
      ctx.connection.packetCounts[0] = at + 1;
      ctx.connection.byteCounts[0] = 29 * (at + 1);
    };
    assert.deepEqual(counts(rules, times(5), counted), [3, 2, 1, 5, 3, 5]);
    assert.deepEqual(counts(rules, times(5)), [0, 0, 0, 0, 0, 0], 'no connection');
  });

  test('u32: words up to the end of the datagram, and none beyond it', () => {
    const rules = [
      '--u32 "0>>22&0x3C@8>>16=0xaabb"',
      '--u32 "28=0:0xffffffff"',
      '! --u32 "28=0:0xffffffff"',
      '--u32 "27&0=0"',
      '--u32 "0>>22&0x3C@7&0=0"',
      '--u32 "0>>22&0x3C@8&0=0"',
      '--u32 "27&0xffffff=0xaabbcc&&0>>24=0x45"',
      '--u32 "27&0xffffff=1,0xaabb00:0xaabbff"',
      '--u32 "27<<8>>24=0xaa"',
      '--u32 "0@0=0"',
    ].map((options) => `-m u32 ${options}`);
    const packet = udpFrom('10.0.0.1', [0xaa, 0xbb, 0xcc]);
    assert.deepEqual(counts(rules, [packet]), [0, 0, 1, 1, 1, 0, 1, 1, 1, 0]);
  });
});

describe('the clock', () => {
  const matchesAt = (rule: string, iso: string): boolean => {
    const { compiled } = compile(block('filter', `-A FORWARD -m time ${rule} -j DROP`));
    const ctx: RuleContext = contextOf(one());
    ctx.clock.set(Date.parse(`${iso}Z`) / 1000, 0);
    return walk(compiled, ctx) === Verdict.Drop;
  };

  test('times of day, over midnight too', () => {
    const day = '--timestart 08:00 --timestop 18:00';
    const night = '--timestart 22:00 --timestop 04:00';
    const at = (rule: string, time: string) => matchesAt(rule, `2026-11-21T${time}`);
    for (const time of ['08:00:00', '12:00:00', '18:00:00']) assert.ok(at(day, time), time);
    for (const time of ['07:59:59', '18:00:01', '00:00:00']) assert.ok(!at(day, time), time);
    for (const time of ['22:00:00', '23:59:59', '00:00:00', '04:00:00']) {
      assert.ok(at(night, time), time);
    }
    for (const time of ['04:00:01', '21:59:59']) assert.ok(!at(night, time), time);
  });

  test('days: 21 November 2026 is a Saturday', () => {
    assert.ok(matchesAt('--weekdays Sat', '2026-11-21T10:00:00'));
    assert.ok(matchesAt('--weekdays 6', '2026-11-21T10:00:00'));
    assert.ok(!matchesAt('! --weekdays Sat', '2026-11-21T10:00:00'));
    assert.ok(matchesAt('--monthdays 21', '2026-11-21T10:00:00'));
    assert.ok(!matchesAt('! --monthdays 21,22', '2026-11-21T10:00:00'));
    assert.ok(matchesAt('--monthdays 29', '2028-02-29T23:59:59'));
  });

  test('a night that began on Friday, with --contiguous', () => {
    const night = '--weekdays Fri --timestart 22:00 --timestop 04:00';
    assert.ok(!matchesAt(night, '2026-11-21T01:00:00'));
    assert.ok(matchesAt(`${night} --contiguous`, '2026-11-21T01:00:00'));
    assert.ok(!matchesAt(`${night} --contiguous`, '2026-11-20T01:00:00'));
    assert.ok(matchesAt(night, '2026-11-20T01:00:00'));
  });

  test('dates, both ends included; without an end up to 2038, as the kernel', () => {
    const year = '--datestart 2026 --datestop 2026-12-31T23:59:59';
    for (const at of ['2026-01-01T00:00:00', '2026-12-31T23:59:59']) {
      assert.ok(matchesAt(year, at), at);
    }
    for (const at of ['2025-12-31T23:59:59', '2027-01-01T00:00:00']) {
      assert.ok(!matchesAt(year, at), at);
    }
    assert.ok(matchesAt('--timestart 0:0', '2038-01-19T03:14:07'));
    assert.ok(!matchesAt('--timestart 0:0', '2038-01-19T03:14:08'));
  });

  test('--kerneltz is UTC here and says so', () => {
    const { compiled } = compile(block('filter', '-A FORWARD -m time --kerneltz -j DROP'));
    const [rule] = compiled.ruleSet.allTables()[0]!.chains.get('FORWARD')!.rules;
    assert.match(rule!.matches[0]!.unenforced() ?? '', /taken to be UTC/);
  });
});
