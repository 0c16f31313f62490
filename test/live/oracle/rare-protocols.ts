/** SCTP, DCCP, UDP-Lite and Mobile IPv6: packets without a dialogue, and the matches that look into them. */
import type { Prng } from '../../../src/base/index.ts';
import { be16, be32, join } from '../../support/bytes.ts';
import { buildIp } from '../../support/packets.ts';
import { type Maker, network, pick, randomEnds, type Step } from './dialogue.ts';
import { bang, port } from './rule-text.ts';
import type { Words } from './words.ts';

const chunkTypes = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 14, 192];

function sctpChunk(random: Prng): Uint8Array {
  const body = new Uint8Array(4 * (1 + random.below(4)));
  const head = Uint8Array.of(pick(random, chunkTypes), random.below(8));
  return join(head, be16(4 + body.length), body);
}

/** Common header, then one to three chunks (RFC 9260 section 3). The checksum is left at zero. */
function sctp(random: Prng, ports: Uint8Array): Uint8Array {
  const chunks = Array.from({ length: 1 + random.below(3) }, () => sctpChunk(random));
  return join(ports, be32(0x1234), be32(0), ...chunks);
}

/** Bytes behind the generic header for each type of packet (RFC 4340 section 5). */
const dccpMore = [4, 12, 0, 8, 8, 8, 8, 12, 8, 8];
const dccpOptions = [
  [],
  [1, 1, 1, 1],
  [33, 4, 1, 2],
  [2, 34, 3, 7],
  [1, 44, 6, 1, 2, 3, 4, 0],
] as const;

/** The header with long sequence numbers, and options. */
function dccp(random: Prng, ports: Uint8Array): Uint8Array {
  const type = random.below(dccpMore.length);
  const options = Uint8Array.from(pick(random, dccpOptions));
  const more = new Uint8Array(dccpMore[type]!);
  const words = (16 + more.length + options.length) / 4;
  const generic = Uint8Array.of(words, 0, 0, 0, (type << 1) | 1, 0, 0, 0, 0, 0, 0, 9);
  return join(ports, generic, more, options);
}

/** Covers its header alone; checksum left at zero, which forwarding does not mind. */
function udpLite(_random: Prng, ports: Uint8Array): Uint8Array {
  return join(ports, be16(8), be16(0), new Uint8Array(12));
}

/** Mobility header (RFC 6275 section 6.1): no next header, one unit of eight bytes more. */
function mobility(random: Prng): Uint8Array {
  const body = new Uint8Array(16);
  body.set([59, 1, random.below(9)]);
  return body;
}

/** One packet of a protocol that few use. */
export function rarePacket(maker: Maker): Step {
  const { random, words } = maker;
  const { side, src, dst, sport, dport } = randomEnds(maker);
  const ports = join(be16(sport), be16(dport));
  const [protocol, build] = pick(random, [
    [132, sctp],
    [132, sctp],
    [33, dccp],
    [33, dccp],
    [136, udpLite],
    words.family === 6 ? [135, mobility] : [136, udpLite],
  ] as const);
  return { side, frame: buildIp(network(maker, side, src, dst), protocol, build(random, ports)) };
}

const chunkNames = ['DATA', 'INIT', 'INIT_ACK', 'SACK', 'HEARTBEAT', 'ABORT', 'SHUTDOWN', 'ERROR'];
const dccpNames = ['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSE', 'RESET', 'SYNC'];

export function rareMatches(random: Prng, { family }: Words): readonly string[] {
  const chunk = () => pick(random, chunkNames);
  const how = () => pick(random, ['any', 'all', 'only']);
  const few = pick(random, ['mh-type 1', 'mh-type 2:5', 'mh-type binding-update']);
  return [
    `-p sctp -m sctp ${bang(random)}--dport ${port(random)}`,
    `-p sctp -m sctp ${bang(random)}--sport 30000:30031`,
    `-p sctp -m sctp ${bang(random)}--chunk-types ${how()} ${chunk()}`,
    `-p sctp -m sctp --chunk-types ${how()} ${chunk()},${chunk()}`,
    `-p sctp -m sctp --chunk-types ${how()} DATA:${pick(random, ['B', 'bE', 'UBE', 'ube'])}`,
    `-p sctp -m sctp --chunk-types any ABORT:${pick(random, ['T', 't'])},${chunk()}`,
    `-p dccp -m dccp ${bang(random)}--dport ${port(random)}`,
    `-p dccp -m dccp ${bang(random)}--dccp-types ${pick(random, dccpNames)},${pick(random, dccpNames)}`,
    `-p dccp -m dccp ${bang(random)}--dccp-option ${pick(random, [1, 2, 33, 34, 44])}`,
    `-p sctp -m multiport ${bang(random)}--dports 22,80,443`,
    `-p dccp -m multiport --ports 53,30000:30031`,
    `-p udplite -m multiport ${bang(random)}--sports 21,30000:30020`,
    '-p udplite',
    ...(family === 6 ? [`-p mh -m mh ${bang(random)}--${few}`, '-p mh'] : []),
  ];
}
