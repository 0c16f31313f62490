/** Themes of targets: translation, marks, changed packets, rejects, zones. */
import type { Prng } from '../../../src/base/index.ts';
import { pick, plainTaste } from './dialogue.ts';
import { conntrack } from './matches.ts';
import {
  bang,
  forward,
  lanHost,
  port,
  save,
  some,
  type Theme,
  wanHost,
  where,
} from './rule-text.ts';
import type { Words } from './words.ts';

function nat(random: Prng, words: Words): string {
  const forwardPort = () => {
    const to = words.endpoint(lanHost(random, words), port(random));
    const proto = pick(random, ['tcp', 'udp']);
    return `-A PREROUTING -i wan0 -p ${proto} --dport ${port(random)} -j DNAT --to-destination ${to}`;
  };
  return save({
    nat: [
      ...some(3, forwardPort),
      `-A PREROUTING -d ${wanHost(random, words)} -j DNAT --to-destination ${wanHost(random, words)}`,
      `-A PREROUTING -i lan0 -d ${words.net('wan', 128, 4)} -j NETMAP --to ${words.net('wan', 96, 4)}`,
      `-A POSTROUTING -s ${lanHost(random, words)} -o wan0 -j SNAT --to-source ${words.at('wan', 130)}`,
      `-A POSTROUTING -s ${words.net('lan', 100, 1)} -o wan0 -p udp -j SNAT --to-source ${words.gateway.wan}`,
      `-A POSTROUTING -s ${words.at('lan', 102)} -o wan0 -j NETMAP --to ${words.net('wan', 96, 3)}`,
      '-A POSTROUTING -o wan0 -p tcp -j MASQUERADE',
    ],
    filter: forward(random, words, [...conntrack(random, words), '-m conntrack --ctstate DNAT'], 8),
  });
}

function marks(random: Prng, words: Words): string {
  const value = () => `0x${random.below(16).toString(16)}`;
  return save({
    raw: [
      `-A PREROUTING -p ${words.icmp} -j MARK --set-mark 7`,
      `-A PREROUTING -p udp -j MARK --set-xmark ${value()}/0xff`,
    ],
    mangle: [
      '-A PREROUTING -j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xf0',
      `-A PREROUTING -m mark --mark 0/0xf0 -p tcp -j MARK --or-mark 0x${1 + random.below(15)}0`,
      `-A PREROUTING -s ${lanHost(random, words)} -j MARK --xor-mark ${value()}`,
      `-A PREROUTING -m connmark ${bang(random)}--mark ${value()}/0xf -j MARK --and-mark 0xf3`,
      '-A PREROUTING -j CONNMARK --save-mark',
      `-A FORWARD -p udp -j CONNMARK --set-xmark ${value()}/0x3`,
      `-A FORWARD -m connmark --mark ${value()}/0x7 -j CONNMARK --or-mark 8`,
      '-A POSTROUTING -m mark --mark 0x10/0x10 -j CONNMARK --save-mark --mask 0x30',
    ],
    filter: forward(random, words, [
      `-m mark ${bang(random)}--mark ${value()}`,
      `-m mark --mark ${value()}/0x3`,
      `-m connmark ${bang(random)}--mark ${value()}/0x9`,
      '-m connmark --mark 0x20/0x20',
    ]),
  });
}

function mangling(random: Prng, words: Words): string {
  const [target, match] = words.family === 4 ? ['TTL', 'ttl'] : ['HL', 'hl'];
  const chain = () => pick(random, ['PREROUTING', 'FORWARD', 'POSTROUTING']);
  const tos = pick(random, ['0x10', '0x08/0x1c', 'Minimize-Delay']);
  const ttl = pick(random, [`--${match}-set 33`, `--${match}-inc 3`, `--${match}-dec 1`]);
  const mss = pick(random, ['--set-mss 1000', '--clamp-mss-to-pmtu', '--set-mss 1460']);
  const ofIpv4 = [`-A ${chain()} -p tcp -j ECN --ecn-tcp-remove`];
  return save({
    mangle: [
      `-A ${chain()} -p udp -j TOS --set-tos ${tos}`,
      `-A ${chain()} -p tcp -m multiport --dports 80,443 -j DSCP --set-dscp ${random.below(64)}`,
      `-A ${chain()} -p ${words.icmp} -j TOS --xor-tos 0x3c`,
      `-A ${chain()} -s ${lanHost(random, words)} -j ${target} ${ttl}`,
      `-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS ${mss}`,
      `-A ${chain()} -p tcp -m ecn --ecn-ip-ect ${random.below(4)} -j DSCP --set-dscp-class ${pick(random, ['EF', 'AF21', 'CS3'])}`,
      `-A FORWARD -p tcp -m tcp --syn -j TCPOPTSTRIP --strip-options mss`,
      ...(words.family === 4 ? ofIpv4 : []),
    ].filter(() => random.below(5) > 0),
    filter: forward(random, words, [
      '-m tos --tos 0x10/0x3f',
      `-m dscp ${bang(random)}--dscp ${random.below(64)}`,
      '-m dscp --dscp-class EF',
      `-m ${match} --${match}-lt ${30 + random.below(40)}`,
      `-m ${match} ${bang(random)}--${match}-eq 63`,
      `-m ${match} --${match}-gt 64`,
      '-m tos ! --tos 0',
      '-m ecn --ecn-ip-ect 3',
    ]),
  });
}

const rejectsOf = {
  4: [
    'icmp-net-unreachable',
    'icmp-host-unreachable',
    'icmp-port-unreachable',
    'icmp-proto-unreachable',
    'icmp-net-prohibited',
    'icmp-host-prohibited',
    'icmp-admin-prohibited',
  ],
  6: [
    'icmp6-no-route',
    'icmp6-adm-prohibited',
    'icmp6-addr-unreachable',
    'icmp6-port-unreachable',
    'icmp6-policy-fail',
    'icmp6-reject-route',
  ],
} as const;

function rejecting(random: Prng, words: Words): string {
  const reject = () => {
    const proto = pick(random, ['tcp', 'udp', words.icmp]);
    const how = pick(random, rejectsOf[words.family]);
    return `-A FORWARD ${where(random, words)}-p ${proto} -j REJECT --reject-with ${how}`;
  };
  return save({
    filter: [
      '-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -p tcp --dport 22 -j REJECT --reject-with tcp-reset',
      ...some(5, reject),
      `-A FORWARD -p tcp -m tcp --dport ${port(random)} -j REJECT --reject-with tcp-reset`,
      `-A FORWARD -d ${wanHost(random, words)} -j REJECT`,
    ],
  });
}

function zones(random: Prng, words: Words): string {
  const notrack = pick(random, ['NOTRACK', 'CT --notrack']);
  return save({
    raw: [
      `-A PREROUTING -p udp --dport ${port(random)} -j ${notrack}`,
      '-A PREROUTING -i lan0 -p tcp -j CT --zone 3',
      '-A PREROUTING -i wan0 -p tcp -j CT --zone 3',
      `-A PREROUTING -i lan0 -p ${words.icmp} -j CT --zone-orig 5`,
      `-A PREROUTING -i lan0 -s ${lanHost(random, words)} -j CT --zone 9`,
    ],
    filter: forward(random, words, conntrack(random, words)),
  });
}

export const changeThemes: readonly Theme[] = [
  { name: 'translation', taste: plainTaste, rules: nat },
  { name: 'marks', taste: plainTaste, rules: marks },
  // TCPMSS pulls a packet together, so that the kernel cuts it anew.
  { name: 'changed packets', taste: { ...plainTaste, fragments: false }, rules: mangling },
  { name: 'rejects', taste: { ...plainTaste, onlyKnown: true }, rules: rejecting },
  { name: 'zones and NOTRACK', taste: plainTaste, rules: zones },
];
