/** Single cases of the index, of traced walks, and of tables that a recompile takes over. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { DIMENSIONS } from '../../src/rules/classify/dimensions.ts';
import { IntList } from '../../src/rules/classify/int-list.ts';
import { findList, TreePacker } from '../../src/rules/classify/packed-trees.ts';
import {
  compileRuleSet,
  Hook,
  keepCounters,
  type Rule,
  RuleSet,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { buildIp, buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, ruleSetOf, walk } from './support.ts';

const filler = (count: number, rule: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => rule(n));

const tcpPacket = (src: string, dst = '10.0.0.1', dport = 80) =>
  loadPacket(buildTcp({ src, dst, sport: 4000, dport }));

describe('packed trees', () => {
  /** A tree of plain cuts of dimension 0 at rising places; way n is ~n. */
  function plainTree(cuts: readonly number[], plain: IntList, from = 0, to = cuts.length): number {
    if (from === to) return ~from;
    const middle = (from + to) >> 1;
    const node = plain.push(0);
    plain.push(cuts[middle]!);
    plain.push(0);
    plain.push(0);
    plain.set(node + 2, plainTree(cuts, plain, from, middle));
    plain.set(node + 3, plainTree(cuts, plain, middle + 1, to));
    return node;
  }

  function check(values: readonly number[]): void {
    const cuts = [...new Set(values)].sort((a, b) => a - b);
    const plain = new IntList();
    const packed = new IntList();
    const root = new TreePacker(plain, packed).pack(plainTree(cuts, plain));
    const nodes = packed.trimmed();
    const key = new Int32Array(DIMENSIONS);
    const edges = cuts.flatMap((cut) => [cut - 1, cut, cut + 1]);
    for (const value of [-0x8000_0000, ...edges, 0x7fff_ffff]) {
      key[0] = value;
      const wanted = cuts.filter((cut) => key[0]! > cut).length;
      assert.equal(findList(nodes, key, root), wanted, `${value} among ${cuts}`);
    }
  }

  test('any key finds the gap between cuts that it lies in', () => {
    const random = new Prng(0xfa11);
    for (let round = 0; round < 300; round++) {
      const width = 4 + random.below(28);
      const base = random.next() | 0;
      const spread = (n: number) =>
        n % 3 === 0 ? random.next() | 0 : (base + random.below(2 ** Math.min(width, 30))) | 0;
      const inside = (value: number) => value > -0x8000_0000 && value < 0x7fff_ffff;
      check(
        filler(random.below(200), String)
          .map((_, n) => spread(n))
          .filter(inside),
      );
    }
  });

  test('cuts side by side, and at both ends of all keys', () => {
    check(filler(500, String).map((_, n) => n));
    check(filler(100, String).map((_, n) => n * 3 - 150));
    check([-0x7fff_ffff, -0x7fff_fffe, ...filler(60, String).map((_, n) => n), 0x7fff_fffe]);
    check(filler(30, String).map((_, n) => 2 ** n));
  });
});

describe('an index', () => {
  test('takes little memory, however rules overlap', () => {
    const random = new Prng(0x0e);
    const wide = () => `${random.below(256)}.${random.below(256)}.0.0/${1 + random.below(16)}`;
    const range = () => `${random.below(30_000)}:${30_000 + random.below(30_000)}`;
    const rules = filler(
      3000,
      () => `-A FORWARD -s ${wide()} -d ${wide()} -p tcp --sport ${range()} --dport ${range()}`,
    );
    const { compiled } = compile(block('filter', ...rules));
    assert.ok(compiled.indexBytes > 0);
    assert.ok(compiled.indexBytes < 3000 * 200, `${compiled.indexBytes} bytes`);
  });

  test('is not asked after a target gave the packet another address', () => {
    const rules = [
      '-A FORWARD -p tcp -j LOG',
      ...filler(100, (n) => `-A FORWARD -s 10.0.1.${n} -j DROP`),
      '-A FORWARD -s 10.0.2.0/24 -j ACCEPT',
    ];
    const { compiled } = compile(block('filter', ':FORWARD DROP [0:0]', ...rules));
    const ctx = contextOf(tcpPacket('10.0.2.7'));
    assert.equal(walk(compiled, ctx), Verdict.Accept);
    ctx.actions.log = () => {
      ctx.packet.src0 = 0x0a000105;
      ctx.changed = true;
    };
    assert.equal(walk(compiled, ctx), Verdict.Drop);
    assert.match(compiled.decidedBy!.sourceLine, /10\.0\.1\.5 /);
  });

  test('hides no match that may drop a packet at once, nor one that keeps count', () => {
    const rules = [
      ...filler(40, (n) => `-A FORWARD -p sctp -m sctp --dport ${n + 60} -j ACCEPT`),
      '-A FORWARD -p sctp -m limit --limit 1/hour -m multiport --dports 90 -j ACCEPT',
      '-A FORWARD -p sctp -m multiport --dports 80 -m sctp --chunk-types any DATA -j DROP',
      '-A FORWARD -p sctp -m sctp --chunk-types any DATA -m multiport --dports 80 -j DROP',
    ];
    const { compiled } = compile(block('filter', ...rules));
    // Ports 1 and 2, then a chunk that says it is 0 bytes long.
    const header = Uint8Array.of(0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const ends = { src: '10.0.0.5', dst: '10.0.0.6' };
    const ctx = contextOf(loadPacket(buildIp(ends, 132, header)));
    assert.equal(walk(compiled, ctx), Verdict.Drop);
    assert.match(compiled.decidedBy!.sourceLine, /any DATA -m multiport/);
  });

  test('a walk by it allocates nothing', () => {
    const many = (family: 4 | 6) => [
      ...filler(300, (n) => `-A UC -s ${family === 4 ? '10.9' : 'fd00:'}:${n} -j DROP`).map(
        (rule) =>
          family === 4
            ? rule.replace(/:(\d+) /, '.1.$1/31 ').replace(/\.(\d{3})\/31/, '.7/31')
            : rule,
      ),
      ...filler(300, (n) => `-A UC -p tcp --dport ${n} -j DROP`),
      ...filler(40, (n) => `-A UC -i vlan${n} -p udp -m multiport --ports 1,2,${n} -j DROP`),
    ];
    const text = (family: 4 | 6) =>
      block(
        'filter',
        ':UC - [0:0]',
        ...filler(30, (n) => `-A FORWARD -p tcp --sport ${n} -j DROP`),
        '-A FORWARD -p tcp -j UC',
        ...many(family),
        '-A FORWARD -p tcp -m limit --limit 1/hour -j LOG',
        '-A FORWARD -p tcp -j ACCEPT',
      );
    for (const family of [4, 6] as const) {
      const { compiled, interfaces } = compile(text(family), { family });
      const packet =
        family === 4
          ? tcpPacket('10.9.200.1', '10.0.0.1', 5000)
          : tcpPacket('fd00::f:1', 'fd00::2', 5000);
      const ctx = contextOf(packet, { inIf: interfaces.id('lan0') });
      ctx.actions.log = () => {};
      const bytes = bytesPerRound(() => {
        compiled.walk(family, TableId.Filter, Hook.Forward, ctx);
      });
      assert.equal(compiled.decidedBy?.chain, 'FORWARD');
      assert.ok(bytes < 0.1, `IPv${family}: ${bytes} bytes per walk`);
    }
  });
});

describe('a traced packet', () => {
  const rules = [
    ':UC - [0:0]',
    ':LAST - [0:0]',
    ...filler(20, (n) => `-A FORWARD -s 10.0.9.${n} -j DROP`),
    '-A FORWARD -p tcp -j UC',
    '-A FORWARD -j LOG',
    '-A FORWARD -p tcp -g LAST',
    '-A UC -p udp -j DROP',
    '-A UC -p tcp',
    '-A LAST -j RETURN',
  ];

  test('is reported at each rule it matches, at the ends of chains, and at the policy', () => {
    const { compiled } = compile(block('filter', ...rules));
    const ctx = contextOf(tcpPacket('10.0.0.5'), { traced: true });
    assert.equal(walk(compiled, ctx), Verdict.Accept);
    assert.deepEqual(ctx.actions.calls, [
      'trace filter:FORWARD:rule:21',
      'trace filter:UC:rule:2',
      'trace filter:UC:return:3',
      'trace filter:FORWARD:rule:22',
      'log',
      'trace filter:FORWARD:rule:23',
      // A verdict without conditions reads like the end of its chain.
      'trace filter:LAST:return:1',
      'trace filter:FORWARD:policy:24',
    ]);
  });

  test('is reported from the rule behind TRACE on, counters as ever', () => {
    const lines = [
      ...filler(20, (n) => `-A PREROUTING -s 10.0.9.${n} -j NOTRACK`),
      '-A PREROUTING -p tcp --dport 80 -j TRACE',
      '-A PREROUTING -p tcp -j NOTRACK',
      '-A PREROUTING -j ACCEPT',
    ];
    const { compiled } = compile(block('raw', ...lines));
    const ctx = contextOf(tcpPacket('10.0.0.5'));
    walk(compiled, ctx, 'raw', Hook.Prerouting);
    assert.deepEqual(ctx.actions.calls, [
      'trace raw:PREROUTING:rule:22',
      'notrack',
      'trace raw:PREROUTING:policy:23',
    ]);
    const chain = compiled.ruleSet.table(4, TableId.Raw)!.chains.get('PREROUTING')!;
    const counts = chain.rules.slice(19).map((rule) => compiled.countersOf(rule).packets);
    assert.deepEqual(counts, [0, 1, 1, 1]);
  });

  test('others are not reported', () => {
    const { compiled } = compile(block('filter', ...rules));
    const ctx = contextOf(tcpPacket('10.0.0.5'));
    walk(compiled, ctx);
    assert.deepEqual(ctx.actions.calls, ['log']);
  });
});

describe('a recompile', () => {
  const text =
    block('filter', '-A FORWARD -p tcp -m recent --name R --set', '-A FORWARD -j DROP') +
    block(
      'mangle',
      '-A FORWARD -p tcp -m recent --name R --rcheck -j ACCEPT',
      '-A FORWARD -j DROP',
    );

  const ruleOf = (set: RuleSet, table: 1 | 3, n: number): Rule =>
    set.table(4, table)!.chains.get('FORWARD')!.rules[n]!;

  /** The set again with one table read anew and the others the very same objects. */
  function withNewTable(before: RuleSet, code: 1 | 3): RuleSet {
    const other = ruleSetOf(text);
    return Object.assign(Object.create(RuleSet.prototype), other, {
      table: (family: 4 | 6, table: number) =>
        (table === code ? other : before).table(family, table as 1 | 3),
      allTables: () => before.allTables().map((t) => (t.code === code ? other.table(4, code)! : t)),
    }) as RuleSet;
  }

  test('takes over what is the same table, with counters and what rules share by name', () => {
    const interfaces = new InterfaceTable();
    const first = compileRuleSet(ruleSetOf(text), interfaces);
    const ctx = contextOf(tcpPacket('10.0.0.5'));
    walk(first, ctx, 'filter');
    const changed = withNewTable(first.ruleSet, TableId.Mangle);
    const second = compileRuleSet(changed, interfaces, { previous: first });
    assert.ok(second.tookOver(changed.table(4, TableId.Filter)!, first));
    assert.ok(!second.tookOver(changed.table(4, TableId.Mangle)!, first));
    assert.equal(second.countersOf(ruleOf(changed, TableId.Filter, 0)).packets, 1);
    // The list of R was named by a table that was taken over: it must not be lost, nor doubled.
    assert.equal(walk(second, ctx, 'mangle'), Verdict.Accept);
    const again = withNewTable(changed, TableId.Mangle);
    const third = compileRuleSet(again, interfaces, { previous: second });
    assert.equal(walk(third, ctx, 'mangle'), Verdict.Accept);
  });

  test('keeps counters of the same rules, then of those with the same text, in order', () => {
    const lines = (dport: number) =>
      block(
        'filter',
        '-A FORWARD -p tcp -m comment --comment a',
        '-A FORWARD -p tcp -m comment --comment a',
        `-A FORWARD -p tcp --dport ${dport}`,
      );
    const interfaces = new InterfaceTable();
    const before = compileRuleSet(ruleSetOf(lines(80)), interfaces);
    const rules = before.ruleSet.table(4, TableId.Filter)!.chains.get('FORWARD')!.rules;
    for (const [n, rule] of rules.entries()) before.setCounters(rule, { packets: n + 1, bytes: 0 });
    const after = compileRuleSet(ruleSetOf(lines(81)), interfaces);
    keepCounters(before, after);
    const newRules = after.ruleSet.table(4, TableId.Filter)!.chains.get('FORWARD')!.rules;
    const counts = newRules.map((rule) => after.countersOf(rule).packets);
    assert.deepEqual(counts, [1, 2, 0]);
    // One of two equal rules taken out: the other goes on with its own.
    const fewer = ruleSetOf(lines(80));
    fewer.table(4, TableId.Filter)!.chains.get('FORWARD')!.rules = [rules[1]!, rules[2]!];
    const compiled = compileRuleSet(fewer, interfaces);
    keepCounters(before, compiled);
    assert.equal(compiled.countersOf(rules[1]!).packets, 2);
  });

  test('carries the counters of 50,000 rules over in little time', () => {
    const many = () =>
      block('filter', ...filler(50_000, (n) => `-A FORWARD -d 10.${n >> 8}.${n & 255}.1 -j DROP`));
    const interfaces = new InterfaceTable();
    const before = compileRuleSet(ruleSetOf(many().replaceAll(/10\.1\d\d/g, '10.7')), interfaces);
    walk(
      before,
      contextOf(loadPacket(buildUdp({ src: '10.1.1.1', dst: '10.7.3.1', sport: 1, dport: 2 }))),
    );
    const after = compileRuleSet(ruleSetOf(many()), interfaces);
    const begin = process.cpuUsage().user;
    keepCounters(before, after);
    const tookMs = (process.cpuUsage().user - begin) / 1000;
    assert.equal(after.countersOf(before.decidedBy!).packets, 0);
    assert.ok(tookMs < 2000, `${tookMs} ms`);
  });
});
