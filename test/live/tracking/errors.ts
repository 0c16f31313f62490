/** ICMP errors about packets of a talk: from the end itself or from a router, right and wrong ones. */
import type { Prng } from '../../../src/base/index.ts';
import { buildIcmp, buildIcmpv6 } from '../../support/packets.ts';
import type { Scene } from './scenes.ts';
import { type EndNumber, type Line, type Message, reversed, type Talk } from './talk.ts';

const ERRORS_IN_100 = 7;

const pick = <T>(random: Prng, all: readonly T[]): T => all[random.below(all.length)]!;

/** Type and code, and the second word of the header. */
export const errorKinds = {
  4: [
    [3, 1, 0],
    [3, 3, 0],
    [3, 4, 1400],
    [3, 13, 0],
    [4, 0, 0],
    [11, 0, 0],
    [11, 1, 0],
    [12, 0, 0x14000000],
  ],
  6: [
    [1, 0, 0],
    [1, 4, 0],
    [2, 0, 1400],
    [3, 0, 0],
    [4, 1, 6],
    [100, 0, 0],
  ],
} as const;

/** What is quoted of a datagram: usually enough, sometimes less than its ports. */
export function quoteOf(random: Prng, datagram: Uint8Array, header: number): Uint8Array {
  const kind = random.below(100);
  if (kind < 45) return datagram.subarray(0, header + 8);
  if (kind < 85) return datagram.subarray(0, 500);
  return datagram.subarray(0, header + random.below(40));
}

/**
 * An error that the receiver of `about`, or a router at its side, sends back; `seen` is how that side
 * sees the packet. Now and then it quotes something else, or goes to somebody else.
 */
function errorAbout(random: Prng, scene: Scene, about: Message, seen: Line): Message {
  const { family } = scene;
  const from: EndNumber = about.from === 0 ? 1 : 0;
  const kind = random.below(100);
  const hosts = from === 0 ? scene.hosts.clients : scene.hosts.servers;
  const quotedLine = kind < 5 ? { ...seen, sport: seen.sport ^ 1 } : seen;
  const datagram = about.frame({ ...quotedLine, link: 'raw', ttl: 60 });
  const [type, code, rest] = pick<readonly [number, number, number]>(random, errorKinds[family]);
  const build = family === 4 ? buildIcmp : buildIcmpv6;
  const inner = quoteOf(random, datagram, family === 4 ? 20 : 40);
  const badChecksum = kind >= 95;
  const src = random.below(2) === 0 ? seen.dst : pick(random, hosts);
  // To whom it does not concern.
  const misdirected = kind >= 5 && kind < 10;
  const others = from === 0 ? scene.hosts.servers : scene.hosts.clients;
  const dst = misdirected ? pick(random, others) : seen.src;
  return {
    from,
    frame: (line) => build({ ...line, src, dst, type, code, rest, inner, badChecksum }),
  };
}

/** The messages of a talk, a few of them answered by errors. */
export function* withErrors(
  random: Prng,
  scene: Scene,
  ends: Line,
  talk: Talk,
): Generator<Message> {
  const messages = talk.messages();
  for (let next = messages.next(); !next.done; next = messages.next()) {
    yield next.value;
    if (random.below(100) >= ERRORS_IN_100) continue;
    const seen = next.value.from === 0 ? scene.atServer(ends) : reversed(ends);
    yield errorAbout(random, scene, next.value, seen);
  }
}
