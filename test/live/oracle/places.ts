/** Themes of hooks and tables: INPUT, mangle and security everywhere, FTP as RELATED, ranges of NAT. */
import type { Prng } from '../../../src/base/index.ts';
import type { SeenPacket } from '../../support/seen.ts';
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
  verdict,
  where,
} from './rule-text.ts';
import type { Words } from './words.ts';

const narrow = (random: Prng, words: Words, chain: string) =>
  pick(random, [
    `-s ${lanHost(random, words)} `,
    `${bang(random)}${chain === 'POSTROUTING' ? '-o' : '-i'} lan0 `,
    `-p udp --dport ${port(random)} `,
    `-p ${pick(random, ['tcp', 'udp', words.icmp])} `,
    `-m conntrack --ctstate ${pick(random, ['NEW', 'ESTABLISHED', 'INVALID'])} `,
    '',
  ]);

/** Lines of one chain; seldom does one of them end a packet's way. */
const linesOf = (random: Prng, words: Words, chain: string, targets: readonly string[]) =>
  some(4, () => `-A ${chain} ${narrow(random, words, chain)}${pick(random, targets)}`);

function everyHook(random: Prng, words: Words): string {
  const ttl = words.family === 4 ? '-j TTL --ttl-set 44' : '-j HL --hl-set 44';
  const targets = [
    '',
    '',
    '-j RETURN',
    '-j ACCEPT',
    '-j MARK --set-mark 0x3',
    '-j MARK --or-mark 0x10',
    '-j CONNMARK --save-mark',
    '-j TOS --set-tos 0x08',
    ttl,
  ];
  const hooks = (names: readonly string[], among: readonly string[]) =>
    names.flatMap((name) => linesOf(random, words, name, among));
  const last = ['', '', '', '-j ACCEPT', '-j DROP', '-j RETURN', '-m mark --mark 0x3 -j DROP'];
  const quiet = [
    '-j LOG --log-prefix "seen "',
    '-j NFLOG --nflog-group 3',
    '-j RETURN',
    '-m mark --mark 0x10/0x10 -j ACCEPT',
    '',
  ];
  return save({
    raw: hooks(
      ['PREROUTING'],
      ['', '-j TRACE', '-j RETURN', '-j MARK --set-mark 0x1', '-j NOTRACK'],
    ),
    mangle: hooks(['PREROUTING', 'INPUT', 'FORWARD', 'POSTROUTING'], targets),
    nat: hooks(['PREROUTING', 'INPUT', 'POSTROUTING'], ['', '-j ACCEPT', '-j RETURN']),
    filter: [
      `:INPUT ${pick(random, ['ACCEPT', 'DROP'])} [0:0]`,
      ...hooks(['INPUT', 'FORWARD'], [...last, ...quiet]),
    ],
    security: hooks(['INPUT', 'FORWARD'], last),
  });
}

function ftp(random: Prng, words: Words): string {
  // An EPRT that is rewritten looks different: Pinhole writes addresses as RFC 5952 wants them.
  const isTranslated = words.family === 4 && random.below(2) === 0;
  const to = words.endpoint(words.at('lan', 101), 21);
  return save({
    raw: ['-A PREROUTING -p tcp --dport 21 -j CT --helper ftp'],
    ...(isTranslated && {
      nat: [
        `-A PREROUTING -i wan0 -p tcp --dport 21 -j DNAT --to-destination ${to}`,
        `-A POSTROUTING -o wan0 -s ${words.at('lan', 100)} -j SNAT --to-source ${words.at('wan', 131)}`,
        `-A POSTROUTING -o wan0 -j SNAT --to-source ${words.at('wan', 130)}`,
      ],
    }),
    filter: [
      `-A FORWARD -m helper ${bang(random)}--helper ftp`,
      '-A FORWARD -m helper --helper ftp -m state --state RELATED',
      `-A FORWARD -m conntrack ${bang(random)}--ctstatus EXPECTED`,
      `-A FORWARD ${where(random, words)}-m state --state RELATED ${verdict(random)}`,
      '-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-A FORWARD -p tcp --dport 21 -m state --state NEW -j ACCEPT',
      '-A FORWARD -p tcp -m state --state NEW -j DROP',
      ...some(3, () => `-A FORWARD ${pick(random, conntrack(random, words))} ${verdict(random)}`),
    ],
  });
}

/** Ranges within which each stack chooses for itself: the choice counts, not which it is. */
function ranges(random: Prng, words: Words): string {
  const [low, high] = [words.at('wan', 120), words.at('wan', 127)];
  const [inLow, inHigh] = [words.at('lan', 120), words.at('lan', 127)];
  const portsOf = (range: string) => words.endpoint(words.at('wan', 122), range);
  const persistent = random.below(2) ? ' --persistent' : '';
  return save({
    nat: [
      `-A PREROUTING -i wan0 -p ${pick(random, ['tcp', 'udp'])} -j DNAT --to-destination ${inLow}-${inHigh}${persistent}`,
      `-A POSTROUTING -o wan0 -s ${words.net('lan', 100, 1)} -p udp -j SNAT --to-source ${portsOf('600-799')}`,
      `-A POSTROUTING -o wan0 -p tcp -s ${lanHost(random, words)} -j MASQUERADE --to-ports 800-999${pick(random, ['', ' --random'])}`,
      // Not those without ports, of which two would meet at random.
      ...['tcp', 'udp', words.icmp].map(
        (proto) =>
          `-A POSTROUTING -o wan0 -p ${proto} -j SNAT --to-source ${low}-${high}${persistent}${pick(random, ['', ' --random', ' --random-fully'])}`,
      ),
    ],
    filter: forward(random, words, ['', '-p tcp', '-m conntrack --ctstate DNAT'], 4),
  });
}

/** An address or port of a range by the name of the range. */
function essenceOfRange({ src, dst, sport, dport, protocol }: SeenPacket): string {
  const host = (address: string) => address.replace(/(12[0-7]|:7[89a-f])$/, 'range');
  const portName = (number: number) => {
    if (number >= 600 && number <= 799) return '600-799';
    if (number >= 800 && number <= 999) return '800-999';
    // What --random keeps to.
    return number >= 1024 ? 'high' : 'low';
  };
  const ports = protocol === 6 || protocol === 17 ? `${portName(sport)} > ${dport}` : '';
  return `${host(src)} > ${host(dst)} protocol ${protocol} ${ports}`;
}

/**
 * Ranges that leave no choice: a port that fits and is free is kept, DNAT takes the first. Two or
 * three hosts share each, and what a source has been translated to before is taken again.
 */
function certainRanges(random: Prng, words: Words): string {
  const inside = () => {
    const range = pick(random, ['8080-8080', '21-40000', '1024-2000']);
    return words.endpoint(lanHost(random, words), range);
  };
  const outside = (n: number) => words.endpoint(words.at('wan', 120 + n), '20-40000');
  return save({
    nat: [
      `-A PREROUTING -i wan0 -p tcp --dport ${port(random)} -j DNAT --to-destination ${inside()}`,
      `-A PREROUTING -i wan0 -p udp -j DNAT --to-destination ${inside()}`,
      ...words.hosts.lan.map(
        (host, n) =>
          `-A POSTROUTING -o wan0 -s ${host} -p ${pick(random, ['tcp', 'udp'])} -j SNAT --to-source ${outside(n % 2)}`,
      ),
    ],
    filter: forward(random, words, conntrack(random, words), 6),
  });
}

export const placeThemes: readonly Theme[] = [
  { name: 'every hook and table', taste: { ...plainTaste, toGateway: true }, rules: everyHook },
  { name: 'ftp and its data', taste: { ...plainTaste, ftp: true }, rules: ftp },
  {
    name: 'ranges of translation',
    taste: { ...plainTaste, singles: true, fragments: false },
    rules: ranges,
    essence: essenceOfRange,
  },
  { name: 'ranges without a choice', taste: plainTaste, rules: certainRanges },
];
