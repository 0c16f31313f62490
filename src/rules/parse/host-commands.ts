import type { Word } from './words.ts';

/** What a command of a script does to the host, seen from a rule file that is read, not run. */
export interface HostCommand {
  /** It stores the rules as they are now: a restart of the service then changes nothing. */
  readonly saves: boolean;
}

const saveProgram = /^ip6?tables(-legacy)?-save$/;
const initScript = /^\/etc\/(rc\.d\/)?init\.d\/ip6?tables$/;
/** Nothing about rules: a pause, the index of kernel modules. */
const idle = ['sleep', 'depmod'];

/**
 * Recognises the lines that firewall guides put around rules: saving them, restarting the service
 * that loads them, waiting. null for everything else. `saved` tells whether the rules have been
 * stored before: without that, a restart would replace them by others that nobody knows here.
 */
export function readHostCommand(
  program: Word,
  words: readonly Word[],
  saved: boolean,
): HostCommand | null {
  const name = program.text.replace(/^.*\//, '');
  if (saveProgram.test(name)) return { saves: true };
  if (idle.includes(name)) return { saves: false };
  const action = serviceAction(program.text, name, words);
  if (action === 'save') return { saves: true };
  if (action === 'status') return { saves: false };
  return saved && (action === 'restart' || action === 'start') ? { saves: false } : null;
}

/** `save` of `service iptables save` and of `/etc/init.d/iptables save`; '' where it is neither. */
function serviceAction(path: string, name: string, words: readonly Word[]): string {
  if (initScript.test(path)) return words[0]?.text ?? '';
  const isService = name === 'service' && /^ip6?tables$/.test(words[0]?.text ?? '');
  return isService ? (words[1]?.text ?? '') : '';
}
