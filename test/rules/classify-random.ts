/** Random rules and packets for the tests that compare walks. */
import type { Prng } from '../../src/base/index.ts';
import { decodeFrame, LinkType, Packet } from '../../src/wire/index.ts';
import { join } from '../support/bytes.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  fragmentHeader,
  tcpSegment,
} from '../support/packets.ts';

export const links = ['eth0', 'eth1', 'ppp0'] as const;
export const userChains = ['C0', 'C1', 'C2', 'C3'] as const;

const networks = { 4: ['10.0', '10.1', '192.168'], 6: ['2001:db8', '2001:db8:1', 'fe80'] } as const;
const lengths = { 4: [8, 15, 16, 23, 24, 31, 32], 6: [16, 32, 47, 64, 113, 127, 128] } as const;
const ports = [20, 21, 80, 81, 443, 1024, 5000, 65_535] as const;

const pick = <T>(random: Prng, values: readonly T[]): T => values[random.below(values.length)]!;
const one = (random: Prng, outOf: number) => random.below(outOf) === 0;
const bang = (random: Prng) => (one(random, 5) ? '! ' : '');

function host(family: 4 | 6, random: Prng): string {
  const network = pick(random, networks[family]);
  const [a, b] = [random.below(3), random.below(24)];
  return family === 4 ? `${network}.${a}.${b}` : `${network}::${a}:${b.toString(16)}`;
}

function portRange(random: Prng): string {
  const low = pick(random, ports);
  return one(random, 2) ? String(low) : `${low}:${Math.min(65_535, low + random.below(500))}`;
}

function portMatches(random: Prng): string[] {
  const proto = pick(random, ['tcp', 'udp', 'sctp', 'tcp']);
  const parts: string[] = [];
  if (!one(random, 3)) {
    let own = `-m ${proto}`;
    if (one(random, 2)) own += ` ${bang(random)}--sport ${portRange(random)}`;
    if (!one(random, 3)) own += ` ${bang(random)}--dport ${portRange(random)}`;
    // Chunks that are cut short drop the packet at once, whatever stands behind.
    if (proto === 'sctp' && one(random, 3)) own += ' --chunk-types any DATA,INIT';
    if (proto === 'tcp' && one(random, 4)) own += pick(random, [' --syn', ' --tcp-option 3']);
    parts.push(own);
  }
  if (one(random, 3)) {
    const list = Array.from({ length: 1 + random.below(4) }, () => pick(random, ports)).join(',');
    const side = pick(random, ['--sports', '--dports', '--ports']);
    parts.push(`-m multiport ${bang(random)}${side} ${list},30:40`);
  }
  return [`-p ${proto}`, ...parts];
}

function icmpMatches(family: 4 | 6, random: Prng): string[] {
  const type = pick(random, [0, 3, 8, 128, 129]);
  const text = `${bang(random)}--icmp${family === 6 ? 'v6' : ''}-type ${type}`;
  const code = one(random, 2) ? `/${random.below(3)}` : '';
  return [
    family === 4 ? '-p icmp' : '-p ipv6-icmp',
    `-m icmp${family === 6 ? '6' : ''} ${text}${code}`,
  ];
}

function otherMatches(family: 4 | 6, random: Prng): string[] {
  const low = pick(random, networks[family]);
  const range =
    family === 4
      ? `${low}.1.${random.below(12)}-${low}.1.20`
      : `${low}::1:2-${low}::${1 + random.below(2)}:9`;
  const all = [
    `-m iprange ${bang(random)}--${pick(random, ['src', 'dst'])}-range ${range}`,
    '-m mark --mark 1',
    '-m conntrack --ctstate NEW',
    '-m limit --limit 10/second --limit-burst 3',
    `-m statistic --mode nth --every ${2 + random.below(3)} --packet 0`,
    '-m statistic --mode random --probability 0.5',
    `-m recent --name R${random.below(2)} ${pick(random, ['--set', '--update --seconds 5', '--rcheck'])}`,
    '-m quota --quota 2000',
    '-m comment --comment x',
  ];
  return one(random, 3) ? [pick(random, all), pick(random, all)] : [pick(random, all)];
}

/** The same match may not stand twice with options that share a name. */
const uniqueMatches = (parts: readonly string[]) =>
  parts.filter((part, i) => parts.findIndex((p) => p.split(' ')[1] === part.split(' ')[1]) === i);

function shuffled(parts: string[], random: Prng): string[] {
  for (let i = parts.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [parts[i], parts[j]] = [parts[j]!, parts[i]!];
  }
  return parts;
}

/** A rule of a chain (-1: FORWARD); chains only lead to later ones, so that there is no loop. */
export function randomRule(family: 4 | 6, chain: number, random: Prng): string {
  let rule = `-A ${chain < 0 ? 'FORWARD' : userChains[chain]!}`;
  if (one(random, 2))
    rule += ` ${bang(random)}-s ${host(family, random)}/${pick(random, lengths[family])}`;
  if (one(random, 2))
    rule += ` ${bang(random)}-d ${host(family, random)}/${pick(random, lengths[family])}`;
  if (one(random, 6)) rule += ` ${bang(random)}-i ${pick(random, ['eth0', 'eth+', 'ppp0', '+'])}`;
  if (one(random, 6)) rule += ` ${bang(random)}-o ${pick(random, links)}`;
  if (family === 4 && one(random, 15)) rule += ` ${bang(random)}-f`;
  const kind = random.below(6);
  const [proto = '', ...own] =
    kind < 3 ? portMatches(random) : kind === 3 ? icmpMatches(family, random) : [];
  if (kind === 4) rule += ` ${bang(random)}-p ${pick(random, ['tcp', 'udp', '47'])}`;
  const others = one(random, 3) ? otherMatches(family, random) : [];
  rule += ` ${[proto, ...shuffled(uniqueMatches([...own, ...others]), random)].join(' ')}`;
  const next = chain + 1 + random.below(Math.max(1, userChains.length - chain - 1));
  if (next < userChains.length && one(random, 5)) {
    return `${rule} ${pick(random, ['-j', '-j', '-g'])} ${userChains[next]!}`;
  }
  const ends = ['-j ACCEPT', '-j DROP', '-j RETURN'];
  const goesOn = ['', '', '-j LOG', '-j MARK --set-mark 1', '-j TOS --set-tos 8'];
  return `${rule} ${one(random, 4) ? pick(random, ends) : pick(random, goesOn)}`;
}

const segment = (random: Prng, src: string, dst: string) =>
  tcpSegment({ src, dst, sport: pick(random, ports), dport: pick(random, ports), flags: 'S' });

/** A packet as it comes in: mostly whole ones, some fragments, some cut short. */
export function randomFrame(family: 4 | 6, random: Prng): Uint8Array {
  const [src, dst] = [host(family, random), host(family, random)];
  const sport = pick(random, ports) + random.below(2) * random.below(30);
  const ends = { src, dst, sport: Math.min(sport, 65_535), dport: pick(random, ports) };
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return buildTcp({ ...ends, flags: pick(random, ['S', 'A']) });
    case 4:
    case 5:
      return buildUdp(ends);
    case 6: {
      const message = { src, dst, type: pick(random, [0, 3, 8, 128, 129]), code: random.below(3) };
      return family === 4 ? buildIcmp(message) : buildIcmpv6(message);
    }
    case 7:
      return buildIp(ends, 47, new Uint8Array(8));
    case 8: {
      const length = pick(random, [3, 8, 12, 16, 16]);
      const header = segment(random, src, dst).slice(0, 4);
      return buildIp(ends, 132, join(header, new Uint8Array(12)).slice(0, length));
    }
    case 9:
      return buildIp(
        ends,
        pick(random, [6, 17]),
        segment(random, src, dst).slice(0, random.below(20)),
      );
    default: {
      const offsetBytes = pick(random, [0, 8, 16, 64]);
      const more = one(random, 2);
      const payload = segment(random, src, dst);
      if (family === 4) {
        return buildIpv4Fragment({
          ...ends,
          protocol: pick(random, [6, 17, 1]),
          offsetBytes,
          more,
          payload,
        });
      }
      return buildIp(
        { ...ends, extensions: [fragmentHeader({ offsetBytes, more, id: 1 })] },
        6,
        payload,
      );
    }
  }
}

/** The frame in a new cursor, taken apart as far as it can be. */
export function loadAny(frame: Uint8Array): Packet {
  const packet = new Packet(new ArrayBuffer(2048));
  packet.bytes.fill(0xa5);
  packet.load(frame, LinkType.Ethernet);
  decodeFrame(packet);
  return packet;
}

const denseHost = (family: 4 | 6, random: Prng) => {
  const [a, b] = [random.below(3), random.below(256)];
  return family === 4 ? `10.0.${a}.${b}` : `fd00::${a}:${b.toString(16)}`;
};

/** A rule among many that lie side by side: the edges of neighbours meet. */
export function denseRule(family: 4 | 6, random: Prng): string {
  const bits = family === 4 ? 32 : 128;
  const network = () =>
    `${denseHost(family, random)}/${bits - (one(random, 3) ? random.below(9) : 0)}`;
  const kind = random.below(5);
  let rule = '-A FORWARD';
  if (kind === 0 || kind === 3) rule += ` -s ${network()}`;
  if (kind === 1 || kind === 3) rule += ` -d ${network()}`;
  const low = random.below(600);
  const high = one(random, 2) ? low : low + random.below(40);
  if (kind === 2) rule += ` -p tcp --dport ${low}:${high}`;
  if (kind === 4)
    rule += ` -d ${network()} -p ${pick(random, ['tcp', 'udp'])} --sport ${low}:${high}`;
  return one(random, 40) ? `${rule} -j RETURN` : rule;
}

/** A packet that lies among `denseRule`s. */
export function denseFrame(family: 4 | 6, random: Prng): Uint8Array {
  const src = denseHost(family, random);
  const dst = denseHost(family, random);
  const build = one(random, 2) ? buildTcp : buildUdp;
  return build({ src, dst, sport: random.below(660), dport: random.below(660) });
}
