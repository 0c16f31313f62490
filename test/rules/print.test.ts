import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type CompiledRules,
  keepCounters,
  printList,
  printSave,
  printSpecs,
  type TableName,
} from '../../src/rules/index.ts';
import { block, compile, services, sharedFile } from './support.ts';

/** The rule set of sections 02 to 04 of the transcripts. The table named last is printed first. */
const recorded = `*filter
:INPUT DROP [12:720]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [1000000:1234567890]
:LOGDROP - [0:0]
[3:180] -A INPUT -i lo -j ACCEPT
[1234567:987654321] -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
[99999:5999940] -A INPUT -p tcp --dport 21 -m conntrack --ctstate NEW -m comment --comment "ftp control" -j ACCEPT
-A INPUT -p icmp --icmp-type echo-request -m limit --limit 5/s -j ACCEPT
-A INPUT -s 10.0.0.0/8 ! -d 192.168.1.1 ! -i eth0 -p tcp -m multiport --dports 20,21,1024:65535 -j LOGDROP
[100000:200000] -A FORWARD -i eth1 -o ppp+ -j ACCEPT
-A FORWARD -f -j DROP
-A LOGDROP -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "FW DROP: " --log-tcp-options
-A LOGDROP -p tcp -j REJECT --reject-with tcp-reset
-A LOGDROP -j DROP
COMMIT
*nat
-A PREROUTING -d 198.51.100.1 -p tcp --dport 21 -j DNAT --to-destination 192.168.1.10:2121
-A POSTROUTING -o eth0 -j MASQUERADE
-A POSTROUTING -s 10.9.0.0/16 -o eth2 -j SNAT --to-source 198.51.100.2-198.51.100.5
COMMIT
*raw
-A PREROUTING -p tcp --dport 21 -j CT --helper ftp
-A PREROUTING -i lo -j CT --notrack
COMMIT
`;

const now = new Date(2026, 10, 21, 8, 8, 8);

/** What our printers say to an iptables command line of the transcripts. null: not one of ours. */
function answer(compiled: CompiledRules, command: string): string | null {
  const words = command.split(' ');
  const option = (name: string) => {
    const at = words.indexOf(name);
    return at < 0 ? undefined : words[at + 1];
  };
  const table = option('-t') as TableName | undefined;
  const common = { family: 4, ...(table === undefined ? {} : { table }) } as const;
  if (words[0] === 'iptables-save') {
    return printSave(compiled, { ...common, counters: words.includes('-c'), now });
  }
  const flag = words.includes('-L') ? '-L' : '-S';
  const [chain, number] = words.slice(words.indexOf(flag) + 1).filter((w) => !w.startsWith('-'));
  const place = {
    ...(chain === undefined ? {} : { chain }),
    ...(number === undefined ? {} : { number: Number(number) }),
  };
  const verbose = words.includes('-v');
  if (flag === '-S') return printSpecs(compiled, { ...common, ...place, verbose });
  return printList(compiled, {
    ...common,
    ...place,
    verbose,
    numeric: words.includes('-n'),
    exact: words.includes('-x'),
    lineNumbers: words.includes('--line-numbers'),
    services,
  });
}

describe('texts of iptables 1.8.9', () => {
  test('sections 02 to 04 of the transcripts, byte for byte', (t) => {
    const text = sharedFile('reference/iptables-transcripts.txt');
    if (text === null) {
      t.skip('../shared/reference is not there');
      return;
    }
    const { compiled } = compile(recorded, { counters: true });
    const part = text.slice(text.indexOf('### 02.'), text.indexOf('### 05.'));
    let compared = 0;
    for (const item of part.split(/^\$ /m).slice(1)) {
      const [command = '', ...rest] = item.split('\n');
      const output = rest.join('\n').split(/^\[exit/m)[0]!;
      if (output.startsWith('[stderr]')) continue;
      assert.equal(answer(compiled, command), output, command);
      compared++;
    }
    assert.ok(compared >= 15, `${compared} texts compared`);
  });

  test('counters are scaled at 100 thousand, and again at 10 million', () => {
    const cases = [
      [99_999, '99999'],
      [100_000, ' 100K'],
      [999_499, ' 999K'],
      [999_500, '1000K'],
      [9_999_499, '9999K'],
      [9_999_500, '  10M'],
      [9_999_499_499, '9999M'],
      [9_999_500_000, '  10G'],
      [123_456_789_012, ' 123G'],
      [98_765_432_101_234, '  99T'],
    ] as const;
    for (const [value, shown] of cases) {
      const { compiled } = compile(block('filter', `[${value}:${value}] -A INPUT -j DROP`), {
        counters: true,
      });
      const row = printList(compiled, {
        family: 4,
        chain: 'INPUT',
        number: 1,
        verbose: true,
        numeric: true,
      });
      assert.equal(row!.slice(0, 12), `${shown} ${shown} `, String(value));
    }
  });

  test('-L of matches and targets', () => {
    const words = (
      table: TableName,
      chain: string,
      rule: string,
      numeric: boolean,
      family: 4 | 6 = 4,
    ) => {
      const { compiled } = compile(block(table, `-A ${chain} ${rule}`), { family });
      return printList(compiled, { family, table, chain, number: 1, numeric, services })!
        .slice(62)
        .trimEnd();
    };
    const filter: readonly (readonly [string, string, string])[] = [
      [
        '-p tcp ! --sport 20:21 ! --dport ftp ! --tcp-option 5 ! --tcp-flags ALL SYN',
        'tcp spts:!ftp-data:ftp dpt:!ftp option=!5 flags:!FIN,SYN,RST,PSH,ACK,URG/SYN',
        'tcp spts:!20:21 dpt:!21 option=!5 flags:!0x3F/0x02',
      ],
      ['-p udp ! --sport 53', 'udp spt:!domain', 'udp spt:!53'],
      ['-m state ! --state NEW', '! state NEW', '! state NEW'],
      [
        '-p tcp -m multiport ! --dports 80,443',
        'multiport dports  !http,https',
        'multiport dports  !80,443',
      ],
      ['-p icmp ! --icmp-type 8', 'icmp !echo-request', 'icmp !type 8'],
      ['-p icmp --icmp-type 3/77', 'icmptype 3 code 77', 'icmptype 3 code 77'],
      ['-m helper ! --helper ftp', 'helper match ! "ftp"', 'helper match ! "ftp"'],
      ['-m mark ! --mark 1', 'mark match ! 0x1', 'mark match ! 0x1'],
      ['-j LOG --log-uid --log-level 7', 'LOG level debug uid', 'LOG flags 8 level 7'],
    ];
    for (const [rule, named, numbers] of filter) {
      assert.equal(words('filter', 'INPUT', rule, false), named, rule);
      assert.equal(words('filter', 'INPUT', rule, true), numbers, rule);
    }
    assert.equal(
      words('nat', 'POSTROUTING', '-p tcp -j MASQUERADE --to-ports 5-9 --random', true).trimStart(),
      'masq ports: 5-9 random',
    );
    assert.equal(
      words('nat', 'PREROUTING', '-p tcp -j REDIRECT --to-ports 5', true),
      'redir ports 5',
    );
    assert.equal(words('raw', 'PREROUTING', '-j NOTRACK', true), 'NOTRACK');
    assert.equal(
      words('filter', 'INPUT', '-p icmpv6 --icmpv6-type 1/4', true, 6),
      'ipv6-icmptype 1 code 4',
    );
  });

  test('blanks around the words are those of iptables', () => {
    const tail = (chain: string, rule: string, family: 4 | 6 = 4) => {
      const { compiled } = compile(block('mangle', `-A ${chain} ${rule}`), { family });
      const row = printList(compiled, {
        family,
        table: 'mangle',
        chain,
        number: 1,
        numeric: true,
      })!;
      return row.slice(row.lastIndexOf(family === 4 ? '0.0.0.0/0' : '::/0'));
    };
    assert.equal(
      tail('FORWARD', '-p tcp -j SYNPROXY --mss 5'),
      '0.0.0.0/0            SYNPROXY mss 5  [not enforced]\n',
    );
    assert.equal(
      tail('FORWARD', '-m bpf --bytecode "1,6 0 0 1"'),
      '0.0.0.0/0           match bpf 6 0 0 1  [not enforced]\n',
    );
    assert.equal(tail('FORWARD', '-m eui64', 6), `::/0${' '.repeat(16)}eui64 \n`);
    assert.match(
      tail('FORWARD', '-j HMARK --hmark-tuple src --hmark-mod 5 --hmark-rnd 1'),
      / rnd 0x1 {2}\[not enforced\]\n$/,
    );
  });

  test('goto, negated protocol, any interface', () => {
    const { compiled } = compile(block('filter', ':A - [0:0]', '-A INPUT ! -p tcp ! -i + -g A'));
    const list = (numeric: boolean) =>
      printList(compiled, { family: 4, chain: 'INPUT', number: 1, verbose: true, numeric });
    assert.equal(
      list(true),
      '    0     0 A         !6    --  !+     *       0.0.0.0/0            0.0.0.0/0           [goto] \n',
    );
    assert.equal(
      list(false),
      '    0     0 A         !tcp  --  !+     any     anywhere             anywhere            [goto] \n',
    );
  });

  test('a chain that is not there, a table that no file named', () => {
    const { compiled } = compile(block('nat'));
    assert.equal(printSpecs(compiled, { family: 4, chain: 'NOSUCH' }), null);
    assert.equal(printList(compiled, { family: 4, chain: 'NOSUCH' }), null);
    assert.match(printList(compiled, { family: 4 })!, /^Chain INPUT \(policy ACCEPT\)\n/);
    assert.doesNotMatch(printSave(compiled, { family: 4, now }), /filter/);
    assert.equal(printSave(compiled, { family: 6, now }), '');
  });
});

describe('counters', () => {
  const text = (...rules: string[]) => block('filter', ':FORWARD DROP [9:900]', ...rules);

  test('of a file are taken over only when asked for', () => {
    const rule = '[7:700] -A FORWARD -j ACCEPT';
    const save = (counters: boolean) =>
      printSave(compile(text(rule), { counters }).compiled, { family: 4, counters: true, now });
    assert.match(save(true), /:FORWARD DROP \[9:900\]\n[\s\S]*\[7:700\] -A FORWARD -j ACCEPT/);
    assert.match(save(false), /:FORWARD DROP \[0:0\]\n[\s\S]*\[0:0\] -A FORWARD -j ACCEPT/);
  });

  test('stay with unchanged rules over a reload', () => {
    const before = compile(
      text(
        '[1:10] -A FORWARD -s 1.1.1.1',
        '[2:20] -A FORWARD -s 2.2.2.2',
        '[3:30] -A FORWARD -s 1.1.1.1',
      ),
      { counters: true },
    ).compiled;
    const after = compile(
      block(
        'filter',
        '-A FORWARD -s 3.3.3.3',
        '-A FORWARD -s 1.1.1.1',
        '-A FORWARD -s 1.1.1.1',
        '-A INPUT -s 2.2.2.2',
      ),
    ).compiled;
    keepCounters(before, after);
    const saved = printSave(after, { family: 4, counters: true, now });
    const lines = saved.split('\n').filter((line) => line.startsWith('['));
    assert.deepEqual(lines, [
      '[0:0] -A INPUT -s 2.2.2.2/32',
      '[0:0] -A FORWARD -s 3.3.3.3/32',
      '[1:10] -A FORWARD -s 1.1.1.1/32',
      '[3:30] -A FORWARD -s 1.1.1.1/32',
    ]);
    assert.match(saved, /:FORWARD ACCEPT \[9:900\]/);
  });
});
