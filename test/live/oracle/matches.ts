/**
 * Matches for the oracle: those of both families. Rates are so slow that no bucket gains a token
 * while a test runs.
 */
import type { Prng } from '../../../src/base/index.ts';
import { pick } from './dialogue.ts';
import { bang, type Lines, lanHost, port, some, upToSix, wanHost } from './rule-text.ts';
import { macs, type Words } from './words.ts';

function ports(random: Prng): readonly string[] {
  const ascending = () => {
    const [low, high] = [port(random), pick(random, [65_535, 40_000, 50_000])];
    return low < high ? `${low}:${high}` : String(low);
  };
  return ['tcp', 'udp'].flatMap((proto) => [
    `-p ${proto} -m ${proto} ${bang(random)}--dport ${port(random)}`,
    `-p ${proto} -m ${proto} ${bang(random)}--sport 30000:300${10 + random.below(40)}`,
    `-p ${proto} -m ${proto} --dport 0:${port(random)}`,
    `-p ${proto} -m multiport ${bang(random)}--dports ${port(random)},${port(random)},30000:40000`,
    `-p ${proto} -m multiport --sports 53,30000:30031`,
    `-p ${proto} -m multiport ${bang(random)}--ports 22,80,443`,
    `-p ${proto} -m ${proto} --dport ${port(random)} -m length ${bang(random)}--length 28:60`,
    `-p ${proto} -m multiport --dports ${ascending()}`,
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

const states = [
  'NEW',
  'ESTABLISHED',
  'INVALID',
  'NEW,INVALID',
  'RELATED,ESTABLISHED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
] as const;
const statuses = ['SEEN_REPLY', 'ASSURED', 'CONFIRMED', 'NONE', 'EXPECTED,ASSURED'] as const;

export function conntrack(random: Prng, words: Words): readonly string[] {
  return [
    `-m conntrack ${bang(random)}--ctstate ${pick(random, states)}`,
    `-m conntrack --ctproto ${pick(random, ['tcp', 'udp', words.icmp])}`,
    `-m conntrack ${bang(random)}--ctorigsrc ${lanHost(random, words)}`,
    `-m conntrack --ctorigdst ${words.net('wan', 96, 4)}`,
    `-m conntrack ${bang(random)}--ctreplsrc ${wanHost(random, words)}`,
    `-m conntrack --ctrepldst ${words.gateway.wan}`,
    `-p tcp -m conntrack ${bang(random)}--ctorigdstport 80:443`,
    `-p udp -m conntrack --ctreplsrcport 53`,
    `-m conntrack ${bang(random)}--ctstatus ${pick(random, statuses)}`,
    `-m conntrack --ctdir ${pick(random, ['ORIGINAL', 'REPLY'])}`,
    // From 0: of a connection that the packet in hand has ended the kernel still tells the old time.
    `-m conntrack ${bang(random)}--ctexpire 0:130`,
    `-m state ${bang(random)}--state ${pick(random, states.slice(0, 6))}`,
  ];
}

const modes = ['srcip', 'dstip', 'srcip,dstport', 'dstip,srcport', 'srcip,dstip'] as const;

function hashlimit(random: Prng, words: Words): readonly string[] {
  return some(6, (i) => {
    const how = pick(random, ['--hashlimit-upto', '--hashlimit-above']);
    const isMasked = random.below(2) === 1;
    const bits = words.bits - pick(random, [0, 1, 8]);
    const mask = isMasked ? `--hashlimit-srcmask ${bits} ` : '';
    const mode = pick(random, isMasked ? ['srcip', 'srcip,dstip'] : modes);
    return `-p udp -m hashlimit ${how} 6/day --hashlimit-burst ${upToSix(random)} --hashlimit-mode ${mode} ${mask}--hashlimit-name h${i}`;
  });
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

function addresses(random: Prng, words: Words): readonly string[] {
  const types = words.family === 4 ? ['UNICAST', 'BROADCAST', 'LOCAL'] : ['UNICAST', 'LOCAL'];
  return [
    `-m addrtype ${bang(random)}--src-type ${pick(random, ['UNICAST', 'LOCAL', 'UNICAST,LOCAL'])}`,
    `-m addrtype ${bang(random)}--dst-type ${pick(random, types)}`,
    `-m addrtype --dst-type LOCAL --limit-iface-out`,
    `-m pkttype ${bang(random)}--pkt-type ${pick(random, ['unicast', 'broadcast'])}`,
    `-m mac ${bang(random)}--mac-source ${pick(random, [macs.client, macs.server])}`,
    `-m iprange ${bang(random)}--src-range ${words.at('lan', 101)}-${words.at('lan', 103)}`,
    `-m iprange --dst-range ${words.at('wan', 100)}-${words.at('wan', 101)}`,
    '-m policy --dir in --pol none',
    '-m physdev ! --physdev-is-bridged',
    ...(words.family === 4 ? [`-m realm ${bang(random)}--realm 3`] : []),
  ];
}

function lengths(random: Prng, { family }: Words): readonly string[] {
  const ttl = family === 4 ? 'ttl' : 'hl';
  const more = family === 4 ? 0 : 20;
  return [
    `-m length --length ${28 + more}`,
    `-m length ! --length 30:${50 + more}`,
    `-m length --length ${40 + more}:${50 + random.below(900)}`.replace(/:(?=\d\d$)/, ':1'),
    `-m ${ttl} --${ttl}-eq 64`,
    `-m ${ttl} ${bang(random)}--${ttl}-eq 63`,
    `-m ${ttl} --${ttl}-lt 64`,
    `-m ${ttl} --${ttl}-gt 64`,
    '-m tos --tos 0x10',
    '-m tos ! --tos 0x08/0x1c',
    '-m dscp --dscp 0x2e',
    '-m ecn --ecn-ip-ect 1',
  ];
}

const counting = [
  '-m connbytes --connbytes 3 --connbytes-dir both --connbytes-mode packets',
  '-m connbytes --connbytes 100:400 --connbytes-dir original --connbytes-mode bytes',
  '-m connbytes ! --connbytes 2:4 --connbytes-dir reply --connbytes-mode packets',
  '-m connbytes --connbytes 40:60 --connbytes-dir both --connbytes-mode avgpkt',
] as const;

const times = [
  '-m time --datestart 2001-01-01',
  '-m time --datestop 2001-01-01',
  '-m time --timestart 00:00 --timestop 23:59:59',
  '-m time --weekdays Mon,Tue,Wed,Thu,Fri,Sat,Sun',
  '-m time --monthdays 31 --datestop 1999-01-01',
] as const;

/**
 * First packets of new connections only, as it is meant: of the others, the second packet of an
 * unanswered one among them, kernels before and after 6.18 think differently.
 */
export function connlimit(random: Prng, words: Words): readonly string[] {
  return some(6, () => {
    const limit = `${pick(random, ['--connlimit-above', '--connlimit-upto'])} ${upToSix(random)}`;
    const mask = words.bits - pick(random, [0, 1, 8]);
    const whose = pick(random, ['--connlimit-saddr', '--connlimit-daddr']);
    return `-p ${pick(random, ['tcp', 'udp'])} -m conntrack --ctstate NEW ! --ctstatus CONFIRMED -m connlimit ${limit} --connlimit-mask ${mask} ${whose}`;
  });
}

export const matchesByTheme: Readonly<Record<string, Lines>> = {
  'ports and multiport': ports,
  'tcp flags and options': flags,
  'states and conntrack': conntrack,
  limit: (random) => some(6, () => `-m limit --limit 6/day --limit-burst ${upToSix(random)}`),
  hashlimit,
  quota: (random) => some(6, () => `-m quota ${bang(random)}--quota ${100 * upToSix(random)}`),
  'statistic nth': (random) =>
    some(6, () => {
      const every = 2 + random.below(4);
      return `-m statistic --mode nth ${bang(random)}--every ${every} --packet ${random.below(every)}`;
    }),
  string: strings,
  'addresses, links': addresses,
  'length, ttl, tos': lengths,
  connbytes: () => counting,
  time: () => times,
};
