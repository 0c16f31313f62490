import type { Tuple } from '../../../conntrack/index.ts';
import type { FtpNetwork } from '../../../rules/index.ts';
import type { FtpAnnouncement } from '../grammar/grammar.ts';
import type { FtpPolicy } from '../policy.ts';

/** Whose address an announcement names. */
export const Whose = {
  /** The speaker's own; a 229 names none and means this one. */
  Own: 0,
  /** The one under which the peer sees the speaker, through the translation. */
  Public: 1,
  /** 0.0.0.0 or ::, "the one that I come from". */
  Zero: 2,
  /** One of the policy's list. */
  ThirdParty: 3,
  Stranger: 4,
  /** An address of the other IP version: whoever has it, no end of this connection. */
  OtherFamily: 5,
} as const;
export type WhoseCode = (typeof Whose)[keyof typeof Whose];

/**
 * RFC 2577: the address must be the speaker's. `sent` is the tuple of the direction in which the
 * line goes, `heard` that of the other.
 */
export function whoseAddress(
  announcement: FtpAnnouncement,
  sent: Tuple,
  heard: Tuple,
  policy: FtpPolicy,
): WhoseCode {
  if (!announcement.hasAddress) return Whose.Own;
  if (announcement.family !== sent.family) return Whose.OtherFamily;
  const { a0, a1, a2, a3 } = announcement;
  if (a0 === sent.s0 && a1 === sent.s1 && a2 === sent.s2 && a3 === sent.s3) return Whose.Own;
  if (a0 === heard.d0 && a1 === heard.d1 && a2 === heard.d2 && a3 === heard.d3) {
    return Whose.Public;
  }
  if ((a0 | a1 | a2 | a3) === 0) return Whose.Zero;
  return isListed(announcement, policy) ? Whose.ThirdParty : Whose.Stranger;
}

function isListed(announcement: FtpAnnouncement, policy: FtpPolicy): boolean {
  return policy.thirdParties.some((network) => holds(network, announcement));
}

function holds(network: FtpNetwork, { family, a0, a1, a2, a3 }: FtpAnnouncement): boolean {
  if (network.family !== family) return false;
  const words = [a0, a1, a2, a3];
  for (let i = 0; i < (family === 4 ? 1 : 4); i++) {
    const bits = Math.min(32, Math.max(0, network.prefixLen - 32 * i));
    const mask = bits === 0 ? 0 : -1 << (32 - bits);
    if (((words[i]! ^ network.words[i]!) & mask) !== 0) return false;
  }
  return true;
}
