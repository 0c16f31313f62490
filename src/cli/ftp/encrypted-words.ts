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

/** What is open instead of announced ports, or what the administrator must open. */
export function encryptedAdvice({ master, server, passiveRange }: Encrypted): string {
  const { src: client } = master;
  if (passiveRange === null) {
    return (
      `let ${client} connect to the passive ports of ${server} by a rule, or say which they are: ` +
      `# pinhole: ftp server=${server} passive-range=FIRST:LAST`
    );
  }
  const { first, last } = passiveRange;
  return `TCP ports ${first}:${last} of ${server} (passive range) are open to ${client} as RELATED until it closes`;
}
