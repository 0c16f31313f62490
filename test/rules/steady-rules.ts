/** Random rules about connections and single packets, for the test that leaves rules out. */
import type { Prng } from '../../src/base/index.ts';
import { randomRule, userChains } from './classify-random.ts';

export const pick = <T>(random: Prng, values: readonly T[]): T =>
  values[random.below(values.length)]!;
export const one = (random: Prng, outOf: number) => random.below(outOf) === 0;

/** A set that no rule changes, two that some do, and one whose elements end. */
export const sets = (family: 4 | 6) =>
  ['FIXED', 'MOVING', 'MOVED']
    .map((name) => `create ${name} hash:ip family inet${family === 6 ? '6' : ''}\n`)
    .concat(family === 4 ? 'add FIXED 10.0.0.3\n' : 'add FIXED 2001:db8::1:3\n')
    .concat('create TIMED hash:ip timeout 3\n')
    .join('');

const matchTexts = [
  '-m connmark --mark 1',
  '-m connmark ! --mark 0x2/0xf',
  '-m connlabel --label 1',
  '-m connlabel --label 2 --set',
  '-m mark --mark 0x1/0x1',
  '-m conntrack --ctstate ESTABLISHED',
  '-m conntrack --ctstate NEW',
  '-m conntrack --ctstatus ASSURED --ctdir ORIGINAL',
  '-m conntrack --ctexpire 1:50',
  '-m length --length 0:90',
  '-m tos --tos 8',
  '-m dscp --dscp 4',
  '-m mac --mac-source 02:00:00:00:00:01',
  '-m pkttype --pkt-type broadcast',
  '-m addrtype --src-type LOCAL',
  '-m set --match-set FIXED src',
  '-m set --match-set MOVING src',
  '-m set --match-set MOVED dst',
  '-m connbytes --connbytes 5 --connbytes-mode packets --connbytes-dir both',
  '-m hashlimit --hashlimit-upto 2/second --hashlimit-mode srcip --hashlimit-name h',
  '-m connlimit --connlimit-above 2',
  '-m string --algo bm --string abc',
  '-m limit --limit 2/second --limit-burst 2 -p tcp --dport 80',
  '-m length --length 60 -m quota --quota 900 -p tcp --dport 80',
  '-p tcp --tcp-flags PSH PSH',
  '-p tcp --tcp-flags SYN,RST SYN',
  '-p tcp ! --tcp-flags ALL NONE',
  '-p tcp --tcp-flags ALL ACK',
  '-p tcp --tcp-option 8',
  '-p udp -m statistic --mode nth --every 3 --packet 0',
];
const targetTexts = [
  '-j CONNMARK --set-xmark 0x1/0x1',
  '-j CONNMARK --xor-mark 4',
  '-j CONNMARK --save-mark',
  '-j CONNMARK --restore-mark',
  '-j MARK --or-mark 2',
  '-j MARK --xor-mark 1',
  '-j SET --add-set MOVING src --exist',
  '-j SET --del-set MOVED dst',
  '-j DSCP --set-dscp 4',
  '-j CLASSIFY --set-class 1:1',
  '-j LOG',
  '',
];

/** A rule about connections and single packets; most of them for some packets only. */
function connectionRule(family: 4 | 6, random: Prng): string {
  const where = one(random, 3) ? '' : pick(random, ['-p tcp', '-p udp', '-i eth0', '-o eth1']);
  const match = one(random, 3) ? '' : pick(random, matchTexts);
  const target = one(random, 2)
    ? pick(random, ['-j RETURN', '-j ACCEPT'])
    : pick(random, targetTexts);
  const asked = match.includes('-p ') ? match : `${where} ${match}`;
  const rule = `-A FORWARD ${asked} ${one(random, 40) ? '-j DROP' : target}`;
  return family === 6 ? rule.replace('connlimit-above 2', 'connlimit-above 3') : rule;
}

/** Which rules a set has decides how many of its flows are steady: sets without some kinds, too. */
export function randomText(family: 4 | 6, random: Prng): string {
  const table = (name: string) => {
    const lines: string[] = [];
    for (let chain = -1; chain < userChains.length; chain++) {
      const count = random.below(pick(random, [2, 4, 16]));
      for (let n = 0; n < count; n++) lines.push(randomRule(family, chain, random));
      if (chain >= 0) continue;
      const own = random.below(5);
      for (let n = 0; n < own; n++) {
        lines.splice(random.below(lines.length + 1), 0, connectionRule(family, random));
      }
    }
    const chains = userChains.map((user) => `:${user} - [0:0]`);
    return [`*${name}`, ':FORWARD ACCEPT [0:0]', ...chains, ...lines, 'COMMIT', ''].join('\n');
  };
  // Both may stand in any table but for these targets.
  const filter = table('filter').replaceAll(/-j (TOS|DSCP) .*/g, '-j MARK --set-mark 3');
  return table('mangle') + filter;
}
