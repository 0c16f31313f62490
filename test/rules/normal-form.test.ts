import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  loadRuleFiles,
  printSpecs,
  ruleSpec,
  TableId,
  type TableName,
} from '../../src/rules/index.ts';
import { block, compile, ruleSetOf, services } from './support.ts';

/** Rules as typed, and as iptables-save gives them back; '=' where nothing changes. */
const filterInput: readonly (readonly [string, string])[] = [
  ['', '='],
  ['-j ACCEPT', '='],
  ['-p tcp --dport ftp -j ACCEPT', '-p tcp -m tcp --dport 21 -j ACCEPT'],
  ['-p 6 --dport 21 -j ACCEPT', '-p tcp -m tcp --dport 21 -j ACCEPT'],
  ['-p TCP --dpor 21 -j ACCEPT', '-p tcp -m tcp --dport 21 -j ACCEPT'],
  ['-p tcp --destination-port 20:21', '-p tcp -m tcp --dport 20:21'],
  ['-p tcp --sport :1023 --dport 1024:', '-p tcp -m tcp --sport 0:1023 --dport 1024:65535'],
  ['-p tcp --sport : ! --dport :', '-p tcp -m tcp ! --dport 0:65535'],
  ['-m tcp --dport 1 -p 6', '-p tcp -m tcp --dport 1'],
  ['-ptcp -s1.2.3.4 -jDROP', '-s 1.2.3.4/32 -p tcp -j DROP'],
  ['--protocol=tcp --jump=DROP', '-p tcp -j DROP'],
  ['--source 10.0.0.1 --in-interface eth0 --proto tcp', '-s 10.0.0.1/32 -i eth0 -p tcp'],
  ['-p all -j DROP', '-j DROP'],
  ['-p 47', '-p gre'],
  ['-p 200', '='],
  ['! -p udp', '='],
  ['-p tcp --syn', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN'],
  ['-p tcp ! --syn', '-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN'],
  ['-p tcp --tcp-flags ALL NONE', '-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE'],
  ['-p tcp -m tcp --tcp-flags SYN,RST SYN,RST', '='],
  ['-p tcp ! --tcp-option 5', '-p tcp -m tcp ! --tcp-option 5'],
  ['-p udp ! --sport 53 --dport 1024:65535', '-p udp -m udp ! --sport 53 --dport 1024:65535'],
  ['-p icmp --icmp-type echo-request', '-p icmp -m icmp --icmp-type 8'],
  ['-p icmp --icmp-type 3/4', '-p icmp -m icmp --icmp-type 3/4'],
  ['-p icmp ! --icmp-type any', '-p icmp -m icmp ! --icmp-type any'],
  ['-p icmp --icmp-type 255/0:255', '-p icmp -m icmp --icmp-type any'],
  ['-p icmp --icmp-type fragmentation', '-p icmp -m icmp --icmp-type 3/4'],
  ['-m state --state ESTABLISHED,RELATED', '-m state --state RELATED,ESTABLISHED'],
  ['-m state ! --state new', '-m state ! --state NEW'],
  [
    '-m conntrack --ctstate NEW,INVALID,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT',
    '-m conntrack --ctstate INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED,SNAT,DNAT',
  ],
  ['-m limit', '-m limit --limit 3/hour'],
  ['-m limit --limit 60/m', '-m limit --limit 1/sec'],
  ['-m limit --limit 3/minute --limit-burst 7', '-m limit --limit 3/min --limit-burst 7'],
  ['-m limit --limit 90/m', '-m limit --limit 90/min'],
  ['-m limit --limit 3333/second', '-m limit --limit 3333/sec'],
  ['-p tcp -m multiport --port 20,21', '-p tcp -m multiport --ports 20,21'],
  ['-p tcp -m multiport --dport 21,22', '-p tcp -m multiport --dports 21,22'],
  [
    '-p tcp -m multiport ! --destination-ports ftp,ftp-data,60000:61000',
    '-p tcp -m multiport ! --dports 21,20,60000:61000',
  ],
  ['-m mark --mark 1', '-m mark --mark 0x1'],
  ['-m mark ! --mark 0x10/0xff', '='],
  ['-m comment --comment "two words"', '='],
  ['-m comment --comment a.b', '-m comment --comment "a.b"'],
  ['-m comment --comment "it\'s"', '-m comment --comment "it\\\'s"'],
  ['-m comment --comment ""', '='],
  ['-m helper --helper ftp', '='],
  ['-m helper ! --helper "ftp-2121"', '-m helper ! --helper ftp-2121'],
  ['-j LOG --log-level debug --log-prefix x', '-j LOG --log-prefix x --log-level 7'],
  ['-j LOG --log-level warning', '-j LOG'],
  [
    '-j LOG --log-uid --log-ip-options --log-tcp-sequence --log-macdecode',
    '-j LOG --log-tcp-sequence --log-ip-options --log-uid --log-macdecode',
  ],
  [
    '-j LOG --log-prefix 123456789012345678901234567890',
    '-j LOG --log-prefix 12345678901234567890123456789',
  ],
  ['-j LOG --log-prefix "a \\"quoted\\" b"', '='],
  ['-j REJECT', '-j REJECT --reject-with icmp-port-unreachable'],
  ['-j REJECT --reject-with host-prohib', '-j REJECT --reject-with icmp-host-prohibited'],
  ['-p tcp -j REJECT --reject-with tcp-rst', '-p tcp -j REJECT --reject-with tcp-reset'],
  ['-i eth+', '='],
  ['! -i eth0.100', '='],
  ['-i +', ''],
  ['-f', '='],
  ['! -f', '='],
  ['-s 0/0', ''],
  ['! -s 0/0', '! -s 0.0.0.0/0'],
  ['-s 192.168.1.77/24', '-s 192.168.1.0/24'],
  ['-s 192.168.1.0/255.255.255.0', '-s 192.168.1.0/24'],
  ['-s 10.0.0.0/255.0.255.0', '='],
  ['-s 10.1', '-s 10.1.0.0/32'],
  ['-s localhost', '-s 127.0.0.1/32'],
  ['-m length --length 100:', '-m length --length 100:65535'],
  ['-m length ! --length 100', '='],
  ['-m ttl ! --ttl 5', '-m ttl ! --ttl-eq 5'],
  ['-m ttl --ttl-lt 5', '='],
  [
    '-m iprange ! --src-range 1.1.1.1-2.2.2.2 --dst-range 3.3.3.3',
    '-m iprange ! --src-range 1.1.1.1-2.2.2.2 --dst-range 3.3.3.3-3.3.3.3',
  ],
  ['-j ACCEPT -m comment --comment x', '-m comment --comment x -j ACCEPT'],
];

const natCases: readonly (readonly [string, string, string])[] = [
  [
    'PREROUTING',
    '-p tcp -j DNAT --to 10.0.0.1:2121',
    '-p tcp -j DNAT --to-destination 10.0.0.1:2121',
  ],
  ['PREROUTING', '-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:5000-6000 --random', '='],
  ['PREROUTING', '-p tcp -j DNAT --to-destination 10.0.0.1:1000-2000/3000', '='],
  ['PREROUTING', '-p tcp -j DNAT --to-destination :80', '='],
  ['PREROUTING', '-j DNAT --to-destination 10.0.0.9-10.0.0.1', '='],
  [
    'PREROUTING',
    '-j DNAT --to 10.0.0.1 --persistent',
    '-j DNAT --to-destination 10.0.0.1 --persistent',
  ],
  ['POSTROUTING', '-j SNAT --to 1.2.3.4', '-j SNAT --to-source 1.2.3.4'],
  ['POSTROUTING', '-j SNAT --to-source 1.1.1.1 --random --random-fully --persistent', '='],
  ['POSTROUTING', '-p udp -j MASQUERADE --to-ports 1024-2048 --random-fully', '='],
  ['PREROUTING', '-p tcp -j REDIRECT --to-port 3128', '-p tcp -j REDIRECT --to-ports 3128'],
  ['PREROUTING', '-j REDIRECT', '='],
];

function normalForm(table: TableName, chain: string, rule: string, family: 4 | 6 = 4): string[] {
  const ruleSet = ruleSetOf(block(table, `-A ${chain} ${rule}`), { family });
  const rules = ruleSet.allTables()[0]!.chains.get(chain)!.rules;
  return rules.map((r) => ruleSpec(r).trimStart());
}

describe('rules taken apart and put together', () => {
  test('filter and its matches', () => {
    for (const [typed, saved] of filterInput) {
      const wanted = saved === '=' ? typed : saved;
      assert.deepEqual(normalForm('filter', 'INPUT', typed), [wanted], typed);
      // What was printed reads back as itself.
      assert.deepEqual(normalForm('filter', 'INPUT', wanted), [wanted], wanted);
    }
  });

  test('nat targets', () => {
    for (const [chain, typed, saved] of natCases) {
      const wanted = saved === '=' ? typed : saved;
      assert.deepEqual(normalForm('nat', chain, typed), [wanted], typed);
      assert.deepEqual(normalForm('nat', chain, wanted), [wanted], wanted);
    }
  });

  test('raw targets', () => {
    for (const rule of ['-p tcp -j CT --helper ftp', '-j CT --notrack', '-j NOTRACK', '-j CT']) {
      assert.deepEqual(normalForm('raw', 'PREROUTING', rule), [rule]);
    }
  });

  test('IPv6', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['-p icmpv6 ! --icmpv6-type echo-request', '-p ipv6-icmp -m icmp6 ! --icmpv6-type 128'],
      ['-p ipv6-icmp -m icmp6 --icmpv6-type 1/4', '='],
      ['-s fe80::1/10 -d ::1', '-s fe80::/10 -d ::1/128'],
      ['-s 2001:db8::1/ffff:0:ffff::', '-s 2001::/ffff:0:ffff::'],
      ['-j REJECT', '-j REJECT --reject-with icmp6-port-unreachable'],
      ['-j REJECT --reject-with adm-prohibited', '-j REJECT --reject-with icmp6-adm-prohibited'],
    ];
    for (const [typed, saved] of cases) {
      const wanted = saved === '=' ? typed : saved;
      assert.deepEqual(normalForm('filter', 'INPUT', typed, 6), [wanted], typed);
    }
    const nat: readonly (readonly [string, string])[] = [
      ['-p tcp -j DNAT --to-destination [2001:db8::1]:80', '='],
      ['-p tcp -j DNAT --to-destination [2001:db8::1-2001:db8::2]:80-90', '='],
      ['-j DNAT --to-destination [::1]', '-j DNAT --to-destination ::1'],
    ];
    for (const [typed, saved] of nat) {
      const wanted = saved === '=' ? typed : saved;
      assert.deepEqual(normalForm('nat', 'PREROUTING', typed, 6), [wanted], typed);
    }
  });

  test('comma lists are taken apart in every combination', () => {
    assert.deepEqual(normalForm('filter', 'INPUT', '-s 1.1.1.1,2.2.2.2 -d 3.3.3.3,4.4.4.4'), [
      '-s 1.1.1.1/32 -d 3.3.3.3/32',
      '-s 1.1.1.1/32 -d 4.4.4.4/32',
      '-s 2.2.2.2/32 -d 3.3.3.3/32',
      '-s 2.2.2.2/32 -d 4.4.4.4/32',
    ]);
  });
});

describe('commands', () => {
  const specs = (text: string, name = 'test.sh') =>
    printSpecs(compile(text, {}, name).compiled, { family: 4 })!
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('-P'));

  test('-N -A -I -R -D -Z -E -X in a script', () => {
    const text = `
iptables -N UC
iptables -A UC -j RETURN
iptables -I INPUT 1 -j UC
iptables -A INPUT -j ACCEPT
iptables -A INPUT -s 1.1.1.1 -j DROP
iptables -R INPUT 2 -j DROP
iptables -D INPUT -s 1.1.1.1 -j DROP
iptables -N GONE
iptables -X GONE
iptables -E UC NC
iptables -Z
`;
    assert.deepEqual(specs(text), [
      '-N NC',
      '-A INPUT -j NC',
      '-A INPUT -j DROP',
      '-A NC -j RETURN',
    ]);
  });

  test('-I of a comma list comes out in reverse, as in iptables', () => {
    assert.deepEqual(specs('iptables -I INPUT -s 1.1.1.1,2.2.2.2\n'), [
      '-A INPUT -s 2.2.2.2/32',
      '-A INPUT -s 1.1.1.1/32',
    ]);
  });

  test('the same commands inside a save file', () => {
    const text = block(
      'filter',
      '-N UC',
      '-A UC -j RETURN',
      '-I INPUT 1 -j UC',
      '-D INPUT 1',
      '-Z',
    );
    assert.deepEqual(specs(text, 'test.rules'), ['-N UC', '-A UC -j RETURN']);
  });

  test('a *table line empties the table and keeps its policies', () => {
    const text = `${block('filter', ':INPUT DROP', ':UC -', '-A INPUT -j UC')}${block('filter')}`;
    const { compiled } = compile(text);
    assert.equal(
      printSpecs(compiled, { family: 4 }),
      '-P INPUT DROP\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n',
    );
  });

  test('a later file adds to an earlier one', () => {
    const files: Record<string, string> = {
      'a.sh': 'iptables -A INPUT -j ACCEPT\n',
      'b.sh': 'iptables -A INPUT -j DROP\nip6tables -P INPUT DROP\n',
    };
    const { ruleSet } = loadRuleFiles(Object.keys(files), (path) => files[path]!, { services });
    const chains = (family: 4 | 6) => ruleSet!.table(family, TableId.Filter)!.chains;
    assert.deepEqual(chains(4).get('INPUT')!.rules.map(ruleSpec), [' -j ACCEPT', ' -j DROP']);
    assert.equal(chains(6).get('INPUT')!.policy, 'DROP');
  });
});
