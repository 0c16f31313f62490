import type { EncryptedEventDto } from '../../control/index.ts';
import { endText } from '../end-text.ts';

type Encrypted = Pick<EncryptedEventDto, 'master' | 'server' | 'passiveRange'>;

/** `10.0.1.2:50940 -> 192.0.2.2:21 is encrypted …`: what that means, and what is to be done. */
export function encryptedText(event: Encrypted): string {
  const { src, dst, sport = 0, dport = 0 } = event.master;
  const session = `${endText(src, sport)} -> ${endText(dst, dport)}`;
  const meaning = 'is encrypted (AUTH TLS): its data connections cannot be read';
  return `${session} ${meaning}; ${encryptedAdvice(event)}`;
}

/** What the administrator must open, since the announcements cannot be read any more. */
export function encryptedAdvice({ master, server, passiveRange }: Encrypted): string {
  const { src: client, dst: known } = master;
  if (passiveRange === null) {
    return (
      `let ${client} connect to the passive ports of ${server} by a rule, or say which they are: ` +
      `# pinhole: ftp server=${server} passive-range=FIRST:LAST`
    );
  }
  const { first, last } = passiveRange;
  const translated = known === server ? '' : `, and translate those of ${known} to it`;
  return `let ${client} connect to ${server} on TCP ports ${first}:${last} (passive range)${translated}`;
}
