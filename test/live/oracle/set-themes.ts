/** Themes of sets: the text of `ipset save` for both sides, and rules that ask and fill them. */
import type { Prng } from '../../../src/base/index.ts';
import { pick, plainTaste } from './dialogue.ts';
import { bang, forward, lanHost, port, save, some, type Theme, wanHost } from './rule-text.ts';
import type { Words } from './words.ts';

const anyHost = (random: Prng, words: Words) =>
  random.below(2) ? lanHost(random, words) : wanHost(random, words);
const proto = (random: Prng) => pick(random, ['tcp:', 'udp:']);

/** Sets of both families by name: type and options, then the elements. */
function elements(random: Prng, words: Words): Readonly<Record<string, readonly string[]>> {
  const service = () => `${proto(random)}${port(random)}`;
  return {
    'ips hash:ip': some(3, () => anyHost(random, words)),
    'nets hash:net': [
      words.link(pick(random, ['lan', 'wan'])),
      `${words.net('wan', 96, 4)} nomatch`,
      words.net('wan', 100, 1),
      `${words.net('lan', 102, 1)} nomatch`,
    ],
    'links hash:net,iface': [
      `${words.link('lan')},lan0`,
      `${words.net('wan', 96, 3)},${pick(random, ['lan0', 'wan0'])}`,
      `${words.net('wan', 100, 1)},wan0${pick(random, [' nomatch', ''])}`,
      `${words.net('lan', 100, 2)},${pick(random, ['lan0 nomatch', 'wa wildcard', 'la wildcard'])}`,
    ],
    'ports hash:ip,port': some(4, () => `${anyHost(random, words)},${service()}`),
    'pairs hash:ip,port,ip': some(
      4,
      () => `${lanHost(random, words)},${service()},${wanHost(random, words)}`,
    ),
    'netports hash:net,port': [
      ...some(3, () => `${words.net('wan', 96, 3)},${service()}`),
      `${words.net('wan', 100, 1)},udp:53 nomatch`,
    ],
    'portnets hash:ip,port,net': some(
      3,
      () => `${lanHost(random, words)},${service()},${words.net('wan', 96, 3)}`,
    ),
    [`masked hash:ip netmask ${words.bits - 1}`]: [anyHost(random, words)],
    'counted hash:ip counters': some(3, () => anyHost(random, words)),
    'marking hash:ip skbinfo': some(
      3,
      (n) => `${anyHost(random, words)} skbmark 0x${n + 1}/0xf skbprio 1:${n}`,
    ),
    'learnt hash:ip': [],
    'aging hash:ip timeout 0': some(2, () => `${anyHost(random, words)} timeout 0`),
    'learntports hash:ip,port': [],
  };
}

/** Sets that only IPv4 has, or that have no family. */
function otherElements(random: Prng, words: Words): Readonly<Record<string, readonly string[]>> {
  const ports = { 'services bitmap:port range 0-65535': some(4, () => String(port(random))) };
  if (words.family === 6) return ports;
  return {
    ...ports,
    'bits bitmap:ip range 192.168.77.0-192.168.77.255': some(3, () => lanHost(random, words)),
  };
}

function sets(random: Prng, words: Words): string {
  const family = words.family === 4 ? 'inet' : 'inet6';
  const made = (all: Readonly<Record<string, readonly string[]>>, more: string) =>
    Object.entries(all).flatMap(([set, members]) => {
      const [name = '', type = '', ...options] = set.split(' ');
      const create = ['create', name, type, ...(more === '' ? [] : [more]), ...options].join(' ');
      const unique = new Map(members.map((member) => [member.split(' ')[0], member]));
      return [create, ...[...unique.values()].map((member) => `add ${name} ${member}`)];
    });
  return [
    ...made(elements(random, words), `family ${family}`),
    ...made(otherElements(random, words), ''),
    'create all list:set size 8',
    'add all ips',
    `add all ${pick(random, ['nets', 'learnt'])}`,
    '',
  ].join('\n');
}

const one = (random: Prng) => pick(random, ['src', 'dst']);
const two = (random: Prng) => `${one(random)},${one(random)}`;

function asking(random: Prng, words: Words): readonly string[] {
  const ask = (name: string, flags: string) => `-m set ${bang(random)}--match-set ${name} ${flags}`;
  const compared = pick(random, ['packets-eq 2', 'packets-gt 1', 'packets-lt 3', 'bytes-gt 100']);
  return [
    ask('ips', one(random)),
    ask('nets', one(random)),
    `${ask('nets', one(random))} --return-nomatch`,
    ask('links', pick(random, ['src,src', 'dst,dst', 'dst,src'])),
    ask('ports', two(random)),
    ask('pairs', 'src,dst,dst'),
    ask('netports', two(random)),
    `${ask('netports', 'dst,dst')} --return-nomatch`,
    ask('portnets', 'src,dst,dst'),
    `-p ${pick(random, ['tcp', 'udp'])} ${ask('services', one(random))}`,
    ask('services', one(random)),
    ask('masked', one(random)),
    `-m set --match-set counted ${one(random)} --${compared}`,
    `-m set --match-set counted ${one(random)} ! --update-counters`,
    ask('counted', one(random)),
    ask('all', one(random)),
    ask('learnt', one(random)),
    ask('aging', one(random)),
    ask('learntports', two(random)),
    '-m mark --mark 0x1/0x1',
    ...(words.family === 4 ? [ask('bits', one(random))] : []),
  ];
}

function filling(random: Prng, words: Words): string {
  const protocol = () => pick(random, ['tcp', 'udp', words.icmp]);
  return save({
    mangle: [
      `-A PREROUTING -p ${protocol()} -j SET --add-set learnt ${one(random)}`,
      `-A PREROUTING -p tcp -j SET --add-set learntports ${two(random)}`,
      `-A PREROUTING -m set --match-set learnt ${one(random)} -p ${protocol()} -j SET --del-set learnt ${one(random)}`,
      `-A PREROUTING -p ${protocol()} -j SET --add-set aging ${one(random)} --exist --timeout 0`,
      `-A PREROUTING -s ${lanHost(random, words)} -j SET --add-set masked dst --del-set aging dst`,
      `-A FORWARD -j SET --map-set marking ${one(random)} --map-mark`,
      `-A POSTROUTING -p udp -j SET --add-set learntports ${two(random)} --exist`,
      `-A FORWARD -p udp --dport 53 -j SET --del-set learntports dst,dst`,
    ],
    filter: forward(random, words, asking(random, words), 16),
  });
}

const askingRules = (random: Prng, words: Words) =>
  save({ filter: forward(random, words, asking(random, words), 16) });

export const setThemes: readonly Theme[] = [
  { name: 'sets that are asked', taste: plainTaste, sets, rules: askingRules },
  { name: 'sets that are filled', taste: plainTaste, sets, rules: filling },
];
