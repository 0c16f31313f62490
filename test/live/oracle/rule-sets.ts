/**
 * Rule sets for the oracle: one for each part of the language, with chance inside, and some that mix
 * everything. Rates are so slow that no bucket gains a token while a test runs.
 */
import type { Prng } from '../../../src/base/index.ts';
import { plainTaste, type Taste } from './flows.ts';
import { hosts, macs } from './kernel.ts';

export interface Theme {
  readonly name: string;
  readonly taste: Taste;
  /** Time the kernel needs between two packets to tidy up lists. */
  readonly pauseMs?: number;
  rules(random: Prng): string;
}

type Tables = Readonly<Record<string, readonly string[]>>;

function save(tables: Tables): string {
  return Object.entries(tables)
    .map(([table, lines]) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`)
    .join('');
}

function pick<T>(random: Prng, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

const lanHost = (random: Prng) => pick(random, hosts.lan);
const wanHost = (random: Prng) => pick(random, hosts.wan);
const bang = (random: Prng) => (random.below(4) === 0 ? '! ' : '');
const port = (random: Prng) => pick(random, plainTaste.ports);
const some = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i));

/** `-s`, `-d`, `-i`, `-o`, each or none. */
function where(random: Prng): string {
  const parts = [
    () =>
      `${bang(random)}-s ${pick(random, ['192.168.77.0/24', '203.0.113.96/29', lanHost(random)])}`,
    () =>
      `${bang(random)}-d ${pick(random, ['203.0.113.0/25', '192.168.77.100/31', wanHost(random)])}`,
    () => `${bang(random)}-i ${pick(random, ['lan0', 'wan0', 'la+', 'ppp+'])}`,
    () => `${bang(random)}-o ${pick(random, ['lan0', 'wan0', 'wa+'])}`,
  ];
  return parts.map((part) => (random.below(3) === 0 ? `${part()} ` : '')).join('');
}

const verdicts = ['-j ACCEPT', '-j DROP', '-j DROP', ''] as const;
const verdict = (random: Prng) => pick(random, verdicts);

/** FORWARD with these matches before random verdicts, each line twice as likely to be narrowed. */
function forward(random: Prng, matches: readonly string[], count = 12): readonly string[] {
  return [
    `:FORWARD ${pick(random, ['ACCEPT', 'ACCEPT', 'DROP'])} [0:0]`,
    ...some(count, () => `-A FORWARD ${where(random)}${pick(random, matches)} ${verdict(random)}`),
  ];
}

function filterTheme(
  name: string,
  matches: (random: Prng) => readonly string[],
  more: Tables = {},
  taste = plainTaste,
): Theme {
  return {
    name,
    taste,
    rules: (random) => save({ ...more, filter: forward(random, matches(random)) }),
  };
}

function chains(random: Prng): string {
  const names = ['C0', 'C1', 'C2', 'C3'];
  const lines = names.map((name) => `:${name} - [0:0]`);
  for (let n = 0; n < 30; n++) {
    const from = random.below(5) - 1;
    const chain = from < 0 ? 'FORWARD' : names[from]!;
    const next = names[from + 1 + random.below(Math.max(1, 3 - from))];
    const proto = pick(random, ['', '', '-p tcp ', '-p udp ', '! -p tcp ', '-p icmp ', '-p 47 ']);
    const jump =
      next !== undefined && random.below(2)
        ? `${pick(random, ['-j', '-g'])} ${next}`
        : pick(random, [...verdicts, '-j RETURN']);
    lines.push(`-A ${chain} ${where(random)}${proto}${jump}`);
  }
  return save({ filter: lines });
}

const established = '-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT';

function ports(random: Prng): readonly string[] {
  const range = () => `${port(random)}:${pick(random, [65_535, 40_000, 50_000])}`;
  return ['tcp', 'udp'].flatMap((proto) => [
    `-p ${proto} -m ${proto} ${bang(random)}--dport ${port(random)}`,
    `-p ${proto} -m ${proto} ${bang(random)}--sport 30000:300${10 + random.below(40)}`,
    `-p ${proto} -m ${proto} --dport 0:${port(random)}`,
    `-p ${proto} -m multiport ${bang(random)}--dports ${port(random)},${port(random)},30000:40000`,
    `-p ${proto} -m multiport --sports 53,30000:30031`,
    `-p ${proto} -m multiport ${bang(random)}--ports 22,80,443`,
    `-p ${proto} -m ${proto} --dport ${port(random)} -m length ${bang(random)}--length 28:60`,
    `-p ${proto} -m multiport --dports ${range().replace(/^(\d+):(\d+)$/, (_, a, b) => (Number(a) < Number(b) ? `${a}:${b}` : a))}`,
  ]);
}

function flags(random: Prng): readonly string[] {
  const set = () =>
    pick(random, ['SYN', 'ACK', 'FIN,SYN', 'RST', 'ALL', 'NONE', 'SYN,ACK', 'PSH,ACK']);
  return [
    `-p tcp -m tcp ${bang(random)}--tcp-flags ALL ${set()}`,
    `-p tcp -m tcp ${bang(random)}--tcp-flags SYN,RST,ACK,FIN ${set()}`,
    `-p tcp -m tcp ${bang(random)}--syn`,
    `-p tcp -m tcp ${bang(random)}--tcp-option 2`,
    `-p tcp -m tcpmss ${bang(random)}--mss 500:1460`,
    '-p tcp -m ecn --ecn-tcp-ece',
  ];
}

function conntrack(random: Prng): readonly string[] {
  const state = () =>
    pick(random, [
      'NEW',
      'ESTABLISHED',
      'INVALID',
      'NEW,INVALID',
      'RELATED,ESTABLISHED',
      'UNTRACKED',
      'SNAT',
      'DNAT',
    ]);
  return [
    `-m conntrack ${bang(random)}--ctstate ${state()}`,
    `-m conntrack --ctproto ${pick(random, ['tcp', 'udp', '1'])}`,
    `-m conntrack ${bang(random)}--ctorigsrc ${lanHost(random)}`,
    `-m conntrack --ctorigdst 203.0.113.96/28`,
    `-m conntrack ${bang(random)}--ctreplsrc ${wanHost(random)}`,
    `-m conntrack --ctrepldst 203.0.113.1`,
    `-p tcp -m conntrack ${bang(random)}--ctorigdstport 80:443`,
    `-p udp -m conntrack --ctreplsrcport 53`,
    `-m conntrack ${bang(random)}--ctstatus ${pick(random, ['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'NONE', 'EXPECTED,ASSURED'])}`,
    `-m conntrack --ctdir ${pick(random, ['ORIGINAL', 'REPLY'])}`,
    `-m conntrack ${bang(random)}--ctexpire 1:130`,
  ];
}

function nat(random: Prng): string {
  return save({
    nat: [
      ...some(
        3,
        () =>
          `-A PREROUTING -i wan0 -p ${pick(random, ['tcp', 'udp'])} --dport ${port(random)} -j DNAT --to-destination ${lanHost(random)}:${port(random)}`,
      ),
      `-A PREROUTING -d ${wanHost(random)} -j DNAT --to-destination ${wanHost(random)}`,
      `-A PREROUTING -i lan0 -d 203.0.113.128/28 -j NETMAP --to 203.0.113.96/28`,
      `-A POSTROUTING -s ${lanHost(random)} -o wan0 -j SNAT --to-source 203.0.113.130`,
      `-A POSTROUTING -s 192.168.77.100/31 -o wan0 -p udp -j SNAT --to-source 203.0.113.1`,
      `-A POSTROUTING -s 192.168.77.102 -o wan0 -j NETMAP --to 203.0.113.96/29`,
      '-A POSTROUTING -o wan0 -p tcp -j MASQUERADE',
    ],
    filter: forward(random, [...conntrack(random), '-m conntrack --ctstate DNAT'], 8),
  });
}

function marks(random: Prng): string {
  const value = () => `0x${random.below(16).toString(16)}`;
  return save({
    raw: [
      '-A PREROUTING -p icmp -j MARK --set-mark 7',
      `-A PREROUTING -p udp -j MARK --set-xmark ${value()}/0xff`,
    ],
    mangle: [
      '-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0',
      `-A PREROUTING -m mark --mark 0/0xf0 -p tcp -j MARK --or-mark 0x${1 + random.below(15)}0`,
      `-A PREROUTING -s ${lanHost(random)} -j MARK --xor-mark ${value()}`,
      `-A PREROUTING -m connmark ${bang(random)}--mark ${value()}/0xf -j MARK --and-mark 0xf3`,
      '-A PREROUTING -j CONNMARK --save-mark',
      `-A FORWARD -p udp -j CONNMARK --set-xmark ${value()}/0x3`,
      `-A FORWARD -m connmark --mark ${value()}/0x7 -j CONNMARK --or-mark 8`,
      '-A POSTROUTING -m mark --mark 0x10/0x10 -j CONNMARK --save-mark --mask 0x30',
    ],
    filter: forward(random, [
      `-m mark ${bang(random)}--mark ${value()}`,
      `-m mark --mark ${value()}/0x3`,
      `-m connmark ${bang(random)}--mark ${value()}/0x9`,
      '-m connmark --mark 0x20/0x20',
    ]),
  });
}

function mangling(random: Prng): string {
  const chain = () => pick(random, ['PREROUTING', 'FORWARD', 'POSTROUTING']);
  return save({
    mangle: [
      `-A ${chain()} -p udp -j TOS --set-tos ${pick(random, ['0x10', '0x08/0x1c', 'Minimize-Delay'])}`,
      `-A ${chain()} -p tcp -m multiport --dports 80,443 -j DSCP --set-dscp ${random.below(64)}`,
      `-A ${chain()} -p icmp -j TOS --xor-tos 0x3c`,
      `-A ${chain()} -s ${lanHost(random)} -j TTL ${pick(random, ['--ttl-set 33', '--ttl-inc 3', '--ttl-dec 1'])}`,
      `-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS ${pick(random, ['--set-mss 1000', '--clamp-mss-to-pmtu', '--set-mss 1460'])}`,
      `-A ${chain()} -p tcp -m ecn --ecn-ip-ect ${random.below(4)} -j DSCP --set-dscp-class ${pick(random, ['EF', 'AF21', 'CS3'])}`,
      `-A ${chain()} -p tcp -j ECN --ecn-tcp-remove`,
      `-A FORWARD -p tcp -m tcp --syn -j TCPOPTSTRIP --strip-options mss`,
    ].filter(() => random.below(5) > 0),
    filter: forward(random, [
      '-m tos --tos 0x10/0x3f',
      `-m dscp ${bang(random)}--dscp ${random.below(64)}`,
      '-m dscp --dscp-class EF',
      `-m ttl --ttl-lt ${30 + random.below(40)}`,
      `-m ttl ${bang(random)}--ttl-eq 63`,
      '-m ttl --ttl-gt 64',
      '-m tos ! --tos 0',
      '-m ecn --ecn-ip-ect 3',
    ]),
  });
}

function recent(random: Prng): string {
  const side = () => pick(random, ['--rsource', '--rdest']);
  return save({
    filter: [
      `-A FORWARD -p udp --dport 53 -m recent --name A --set ${side()}`,
      `-A FORWARD -p tcp --syn -m recent --name B --update --seconds 3600 --hitcount ${2 + random.below(4)} -j DROP`,
      '-A FORWARD -p tcp --syn -m recent --name B --set',
      `-A FORWARD -m recent --name A ${bang(random)}--rcheck ${side()} -p udp ${verdict(random)}`,
      `-A FORWARD -p icmp -m recent --name A --remove`,
      '-A FORWARD -p tcp -m recent --name C --mask 255.255.255.254 --set -m tcp --dport 80',
      `-A FORWARD -m recent --name C --rcheck --mask 255.255.255.254 ${verdict(random)}`,
      '-A FORWARD -p udp -m recent --name D --update --hitcount 3 --rttl -j DROP',
      '-A FORWARD -p udp -m recent --name D --set',
    ],
  });
}

const hashModes = ['srcip', 'dstip', 'srcip,dstport', 'dstip,srcport', 'srcip,dstip'] as const;

function hashlimit(random: Prng): readonly string[] {
  return some(6, (i) => {
    const how = pick(random, ['--hashlimit-upto', '--hashlimit-above']);
    const mask = random.below(2) ? `--hashlimit-srcmask ${pick(random, [24, 31, 32])} ` : '';
    const mode = pick(random, mask === '' ? hashModes : ['srcip', 'srcip,dstip']);
    return `-p udp -m hashlimit ${how} 1/day --hashlimit-burst ${1 + random.below(6)} --hashlimit-mode ${mode} ${mask}--hashlimit-name h${i}`;
  }).map((text) => text.replace('1/day', '6/day'));
}

function strings(random: Prng): readonly string[] {
  const algo = () => pick(random, ['bm', 'kmp']);
  return [
    `-m string ${bang(random)}--string "evil" --algo ${algo()}`,
    `-m string --string "evil" --algo ${algo()} --icase`,
    `-m string --string "GET /" --algo ${algo()} --to 60`,
    `-m string --string "GET /" --algo ${algo()} --from 41`,
    `-m string --hex-string "|65 63|ho" --algo ${algo()}`,
    `-m string --string "abac" --algo ${algo()} --from 20 --to ${28 + random.below(12)}`,
    `-p udp -m string ${bang(random)}--string "x" --algo ${algo()} --from ${20 + random.below(12)}`,
  ];
}

const u32 = [
  '-m u32 --u32 "6&0xFF=17"',
  '-m u32 --u32 "6&0xFF=6 && 0>>22&0x3C@0&0xFFFF=80"',
  '-m u32 --u32 "4&0x3FFF=0:0xFFF"',
  '-m u32 ! --u32 "8>>24=10:64"',
  '-m u32 --u32 "12=0xC0A84D64,0xC0A84D66"',
  '-m u32 --u32 "0&0xFFFF=0x1C:0x30"',
] as const;

function addresses(random: Prng): readonly string[] {
  return [
    `-m addrtype ${bang(random)}--src-type ${pick(random, ['UNICAST', 'LOCAL', 'UNICAST,LOCAL'])}`,
    `-m addrtype ${bang(random)}--dst-type ${pick(random, ['UNICAST', 'BROADCAST', 'LOCAL'])}`,
    `-m addrtype --dst-type LOCAL --limit-iface-out`,
    `-m pkttype ${bang(random)}--pkt-type ${pick(random, ['unicast', 'broadcast'])}`,
    `-m mac ${bang(random)}--mac-source ${pick(random, [macs.client, macs.server])}`,
    `-m iprange ${bang(random)}--src-range 192.168.77.101-192.168.77.103`,
    `-m iprange --dst-range 203.0.113.100-203.0.113.101`,
    '-m policy --dir in --pol none',
    '-m physdev ! --physdev-is-bridged',
    `-m realm ${bang(random)}--realm 3`,
  ];
}

const rejects = [
  'icmp-net-unreachable',
  'icmp-host-unreachable',
  'icmp-port-unreachable',
  'icmp-proto-unreachable',
  'icmp-net-prohibited',
  'icmp-host-prohibited',
  'icmp-admin-prohibited',
] as const;

function rejecting(random: Prng): string {
  return save({
    filter: [
      established,
      '-A FORWARD -p tcp --dport 22 -j REJECT --reject-with tcp-reset',
      ...some(
        5,
        () =>
          `-A FORWARD ${where(random)}-p ${pick(random, ['tcp', 'udp', 'icmp'])} -j REJECT --reject-with ${pick(random, rejects)}`,
      ),
      `-A FORWARD -p tcp -m tcp --dport ${port(random)} -j REJECT --reject-with tcp-reset`,
      `-A FORWARD -d ${wanHost(random)} -j REJECT`,
    ],
  });
}

const rawChains = '-A PREROUTING -p 132 -j NOTRACK';

function zones(random: Prng): string {
  return save({
    raw: [
      `-A PREROUTING -p udp --dport ${port(random)} -j ${pick(random, ['NOTRACK', 'CT --notrack'])}`,
      '-A PREROUTING -i lan0 -p tcp -j CT --zone 3',
      '-A PREROUTING -i wan0 -p tcp -j CT --zone 3',
      '-A PREROUTING -i lan0 -p icmp -j CT --zone-orig 5',
      `-A PREROUTING -i lan0 -s ${lanHost(random)} -j CT --zone 9`,
    ],
    filter: forward(random, conntrack(random)),
  });
}

const otherProtocols = [
  '-p esp -m esp --espspi 1',
  '-p esp -m esp ! --espspi 256:600',
  '-p ah -m ah --ahspi 500',
  '-p ah -m ah --ahspi 0:4660',
  '-p 47',
  '! -p 47',
  '-p 253',
  '-p icmp -m icmp --icmp-type 8',
  '-p icmp -m icmp ! --icmp-type 0',
  '-p icmp -m icmp --icmp-type timestamp-request',
  '-p icmp -m icmp --icmp-type any',
  '-p icmp -m icmp ! --icmp-type 8/0',
] as const;

const counting = [
  '-m connbytes --connbytes 3 --connbytes-dir both --connbytes-mode packets',
  '-m connbytes --connbytes 100:400 --connbytes-dir original --connbytes-mode bytes',
  '-m connbytes ! --connbytes 2:4 --connbytes-dir reply --connbytes-mode packets',
  '-m connbytes --connbytes 40:60 --connbytes-dir both --connbytes-mode avgpkt',
] as const;

const random6 = (random: Prng) => 1 + random.below(6);

/** New connections only, as it is meant: of the others, kernels before and after 6.18 think differently. */
const connlimit = (random: Prng) =>
  some(
    6,
    () =>
      `-p ${pick(random, ['tcp', 'udp'])} -m conntrack --ctstate NEW -m connlimit ${pick(random, ['--connlimit-above', '--connlimit-upto'])} ${random6(random)} --connlimit-mask ${pick(random, [24, 31, 32])} ${pick(random, ['--connlimit-saddr', '--connlimit-daddr'])}`,
  );

const matchesByTheme: Readonly<Record<string, (random: Prng) => readonly string[]>> = {
  'ports and multiport': ports,
  'tcp flags and options': flags,
  'states and conntrack': conntrack,
  'other protocols, icmp': () => otherProtocols,
  limit: (random) => some(6, () => `-m limit --limit 6/day --limit-burst ${random6(random)}`),
  hashlimit,
  quota: (random) => some(6, () => `-m quota ${bang(random)}--quota ${100 * random6(random)}`),
  'statistic nth': (random) =>
    some(6, () => {
      const every = 2 + random.below(4);
      return `-m statistic --mode nth ${bang(random)}--every ${every} --packet ${random.below(every)}`;
    }),
  string: strings,
  u32: () => u32,
  'addresses, links': addresses,
  'length, ttl, tos': (random) => [
    '-m length --length 28',
    '-m length ! --length 30:50',
    `-m length --length 40:${50 + random.below(900)}`,
    '-m ttl --ttl-eq 64',
    '-m ttl --ttl-lt 64',
    '-m tos --tos 0x10',
    '-m tos ! --tos 0x08/0x1c',
    '-m dscp --dscp 0x2e',
    '-m ecn --ecn-ip-ect 1',
  ],
  connbytes: () => counting,
  time: () => [
    '-m time --datestart 2001-01-01',
    '-m time --datestop 2001-01-01',
    '-m time --timestart 00:00 --timestop 23:59:59',
    '-m time --weekdays Mon,Tue,Wed,Thu,Fri,Sat,Sun',
    '-m time --monthdays 31 --datestop 1999-01-01',
  ],
};

const allMatches = (random: Prng): readonly string[] =>
  Object.values(matchesByTheme).flatMap((matches) => matches(random));

export const themes: readonly Theme[] = [
  { name: 'chains, jumps and gotos', taste: plainTaste, rules: chains },
  ...Object.entries(matchesByTheme).map(([name, matches]) => filterTheme(name, matches)),
  { name: 'translation', taste: plainTaste, rules: nat },
  { name: 'marks', taste: plainTaste, rules: marks },
  { name: 'changed packets', taste: plainTaste, rules: mangling },
  { name: 'recent', taste: plainTaste, rules: recent },
  { name: 'rejects', taste: plainTaste, rules: rejecting },
  { name: 'zones and NOTRACK', taste: plainTaste, rules: zones },
  {
    name: 'rpfilter',
    taste: plainTaste,
    rules: (random) =>
      save({
        raw: [
          `-A PREROUTING -m rpfilter ${pick(random, ['', '--loose '])}--invert -j DROP`,
          rawChains,
          '-A PREROUTING -m rpfilter --validmark',
        ],
        filter: forward(random, conntrack(random), 4),
      }),
  },
  // nf_conncount looks for ended connections at most once a jiffy.
  { ...filterTheme('connlimit', connlimit), pauseMs: 5 },
  {
    name: 'everything at once',
    taste: plainTaste,
    rules: (random) => save({ raw: [rawChains], filter: forward(random, allMatches(random), 40) }),
  },
];
