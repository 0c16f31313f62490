import { ReplyLine, type ReplyLineCode } from '../dialogue/replies.ts';
import type { FtpSession } from '../dialogue/session.ts';
import { Verb } from '../grammar/verbs.ts';
import type { FtpPolicy } from '../policy.ts';

const NOTHING = new Uint8Array(0);
const SYSTEM_TYPE = 215;
const SYST_REPLY = bytesOf('215 UNIX Type: L8\r\n');

/** Put in place of a 227 that cannot lead anywhere over IPv6. */
export const PASV_NOT_HERE_CODE = 501;
export const PASV_NOT_HERE = bytesOf(
  `${PASV_NOT_HERE_CODE} PASV works over IPv4 only, use EPSV.\r\n`,
);

/** True where the next line of the server may be one that the policy hides. */
export function mayBecomeMasked(policy: FtpPolicy, session: FtpSession): boolean {
  if (policy.banner !== null && !session.isGreeted) return true;
  return policy.maskSyst && session.oldestCommand === Verb.Syst;
}

/**
 * What goes on in place of a reply line that tells too much of the server: its greeting, and its
 * answer to SYST. Empty for all but the last line of one; null for other lines.
 */
export function maskedReply(
  policy: FtpPolicy,
  session: FtpSession,
  kind: ReplyLineCode,
  wasGreeted: boolean,
): Uint8Array | null {
  if (policy.banner !== null && !wasGreeted && session.replyCode === 220) {
    return kind === ReplyLine.Final ? bytesOf(`220 ${policy.banner}\r\n`) : NOTHING;
  }
  if (!policy.maskSyst || session.replyCode !== SYSTEM_TYPE) return null;
  if (kind === ReplyLine.Final) return session.answered === Verb.Syst ? SYST_REPLY : null;
  return session.oldestCommand === Verb.Syst ? NOTHING : null;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}
