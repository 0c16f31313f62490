/** Matches that only one family has, or that mean other bytes in each. */
import type { Prng } from '../../../src/base/index.ts';
import { pick } from './dialogue.ts';
import { bang, type Lines } from './rule-text.ts';

const u32 = [
  '-m u32 --u32 "6&0xFF=17"',
  '-m u32 --u32 "6&0xFF=6 && 0>>22&0x3C@0&0xFFFF=80"',
  '-m u32 --u32 "4&0x3FFF=0:0xFFF"',
  '-m u32 ! --u32 "8>>24=10:64"',
  '-m u32 --u32 "12=0xC0A84D64,0xC0A84D66"',
  '-m u32 --u32 "0&0xFFFF=0x1C:0x30"',
] as const;

const u32OfIpv6 = [
  '-m u32 --u32 "3&0xFF=17"',
  '-m u32 --u32 "4>>16&0xFFFF=8:40 && 4&0xFF=0:64"',
  '-m u32 --u32 "20=0x64,0x66:0x67"',
  '-m u32 ! --u32 "40&0xFFFF=80"',
  '-m u32 --u32 "3&0xFF=6 && 50>>2&0x3C@40&0xFF00=0"',
  '-m u32 --u32 "44=0:0x1000"',
] as const;

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

const otherProtocolsOfIpv6 = [
  '-p esp -m esp --espspi 1',
  '-p esp -m esp ! --espspi 256:600',
  '-p 47',
  '! -p 47',
  '-p 253',
  '-p icmpv6 -m icmp6 --icmpv6-type 128',
  '-p icmpv6 -m icmp6 ! --icmpv6-type echo-reply',
  '-p icmpv6 -m icmp6 --icmpv6-type 143',
  '-p icmpv6 -m icmp6 --icmpv6-type 130/0',
  '-p icmpv6 -m icmp6 ! --icmpv6-type 128/0',
  '-p icmpv6',
] as const;

function extensions(random: Prng): readonly string[] {
  const headers = ['hop', 'dst', 'route', 'auth', 'prot', 'hop,prot', 'hop,dst,route,prot', 'none'];
  const header = () => pick(random, headers);
  return [
    `-m ipv6header ${bang(random)}--header ${header()}`,
    `-m ipv6header ${bang(random)}--header ${header()} --soft`,
    `-m ipv6header --header dst,route --soft`,
    `-m hbh ${bang(random)}--hbh-len ${pick(random, [8, 16])}`,
    `-m hbh --hbh-opts ${pick(random, ['30', '30:4', '5', '5:2', '30:4,1:0', '1'])}`,
    `-m dst ${bang(random)}--dst-len ${pick(random, [8, 16])}`,
    `-m dst --dst-opts ${pick(random, ['30', '30:4,5:2', '30,5', '1:4', '5'])}`,
    `-m rt ${bang(random)}--rt-type ${pick(random, [0, 2])}`,
    `-m rt ${bang(random)}--rt-segsleft ${pick(random, ['0', '1', '0:1'])}`,
    `-m rt --rt-type 2 ${bang(random)}--rt-len ${pick(random, [16, 24])}`,
    '-m hbh',
    '-m dst',
    '-m frag --fragfirst',
    `-m frag ${bang(random)}--fragid ${pick(random, ['77', '0:50'])} --fraglast --fragres`,
    '-m frag --fragmore',
    '-m ipv6header --header frag --soft',
    `-m ah ${bang(random)}--ahspi ${pick(random, ['1514695770', '0:100', '1'])}`,
    '-m ah --ahspi 0:4294967295 --ahlen 24 --ahres',
    `${bang(random)}-p udp`,
    '-p tcp -m tcp --dport 80',
    '-m eui64',
  ];
}

/** By name of the theme; for IPv6 below. */
export const ipv4Matches: Readonly<Record<string, Lines>> = {
  u32: () => u32,
  'other protocols, icmp': () => otherProtocols,
};

export const ipv6Matches: Readonly<Record<string, Lines>> = {
  u32: () => u32OfIpv6,
  'other protocols, icmp': () => otherProtocolsOfIpv6,
  'extension headers': extensions,
};
