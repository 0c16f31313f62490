/** The rule sets of the oracle: one theme for each part of the language, and some that mix everything. */
import type { Prng } from '../../../src/base/index.ts';
import { changeThemes } from './changes.ts';
import { pick, plainTaste } from './dialogue.ts';
import { ipv4Matches, ipv6Matches } from './family-matches.ts';
import { connlimit, conntrack, matchesByTheme } from './matches.ts';
import { placeThemes } from './places.ts';
import { rareMatches } from './rare-protocols.ts';
import {
  bang,
  filterTheme,
  forward,
  type Lines,
  save,
  type Theme,
  verdict,
  verdicts,
  where,
} from './rule-text.ts';
import { setThemes } from './set-themes.ts';
import type { Words } from './words.ts';

function chains(random: Prng, words: Words): string {
  const names = ['C0', 'C1', 'C2', 'C3', 'C4', 'C5'];
  const protocols = ['', '', '-p tcp ', '-p udp ', '! -p tcp ', `-p ${words.icmp} `, '-p 47 '];
  const lines = names.map((name) => `:${name} - [0:0]`);
  for (let n = 0; n < 36; n++) {
    const from = random.below(names.length + 1) - 1;
    const chain = from < 0 ? 'FORWARD' : names[from]!;
    const next = names[from + 1 + random.below(Math.max(1, names.length - 1 - from))];
    const jump =
      next !== undefined && random.below(2)
        ? `${pick(random, ['-j', '-g'])} ${next}`
        : pick(random, [...verdicts, '-j RETURN']);
    lines.push(`-A ${chain} ${where(random, words)}${pick(random, protocols)}${jump}`);
  }
  return save({ filter: lines });
}

function recent(random: Prng, words: Words): string {
  const side = () => pick(random, ['--rsource', '--rdest']);
  const mask = words.family === 4 ? '255.255.255.254' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe';
  return save({
    filter: [
      `-A FORWARD -p udp --dport 53 -m recent --name A --set ${side()}`,
      `-A FORWARD -p tcp --syn -m recent --name B --update --seconds 3600 --hitcount ${2 + random.below(4)} -j DROP`,
      '-A FORWARD -p tcp --syn -m recent --name B --set',
      `-A FORWARD -m recent --name A ${bang(random)}--rcheck ${side()} -p udp ${verdict(random)}`,
      `-A FORWARD -p ${words.icmp} -m recent --name A --remove`,
      `-A FORWARD -p tcp -m recent --name C --mask ${mask} --set -m tcp --dport 80`,
      `-A FORWARD -m recent --name C --rcheck --mask ${mask} ${verdict(random)}`,
      '-A FORWARD -p udp -m recent --name D --update --hitcount 3 --rttl -j DROP',
      '-A FORWARD -p udp -m recent --name D --set',
    ],
  });
}

function rpfilter(random: Prng, words: Words): string {
  return save({
    raw: [
      `-A PREROUTING -m rpfilter ${pick(random, ['', '--loose '])}--invert -j DROP`,
      '-A PREROUTING -m rpfilter --validmark',
    ],
    filter: forward(random, words, conntrack(random, words), 4),
  });
}

const everyMatch: Lines = (random, words) =>
  Object.values({ ...matchesByTheme, ...(words.family === 4 ? ipv4Matches : ipv6Matches) }).flatMap(
    (matches) => matches(random, words),
  );

const everything = (random: Prng, words: Words) =>
  save({
    filter: forward(random, words, everyMatch(random, words).map(knuthMorrisPratt), 40),
  });

/** The kernel's Boyer-Moore misses what lies across two fragments that it has joined. */
const wholeTaste = { ...plainTaste, fragments: false };
const knuthMorrisPratt = (match: string) => match.replace('--algo bm', '--algo kmp');

export const themes: readonly Theme[] = [
  { name: 'chains, jumps and gotos', taste: plainTaste, rules: chains },
  ...Object.entries(matchesByTheme).map(([name, matches]) =>
    filterTheme(name, matches, name === 'string' ? { taste: wholeTaste } : {}),
  ),
  ...Object.entries(ipv4Matches).map(([name, matches]) =>
    filterTheme(name, matches, { families: [4] }),
  ),
  ...Object.entries(ipv6Matches).map(([name, matches]) =>
    filterTheme(name, matches, { families: [6], taste: { ...plainTaste, extensions: true } }),
  ),
  filterTheme('sctp, dccp, udplite, mh', rareMatches, {
    // A cut-off DCCP header is counted by a negated match in the kernel, and then dropped.
    taste: { ...plainTaste, rareProtocols: true, onlyKnown: true },
  }),
  { name: 'recent', taste: plainTaste, rules: recent },
  { name: 'rpfilter', taste: plainTaste, rules: rpfilter },
  // nf_conncount looks for ended connections at most once a jiffy.
  filterTheme('connlimit', connlimit, { pauseMs: 5 }),
  ...changeThemes,
  ...placeThemes,
  ...setThemes,
  { name: 'everything at once', taste: plainTaste, rules: everything },
];
