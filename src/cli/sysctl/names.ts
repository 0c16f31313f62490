import { sysctlNames } from '../../conntrack/index.ts';

const FOLDER = 'net.netfilter.';
/** What the kernel had before net.netfilter, and still has for this one. */
const OLD_NAME = 'net.nf_conntrack_max';

/** A setting as the command line names it, and as the gateway does. */
export interface NamedSysctl {
  /** `net.netfilter.nf_conntrack_max` */
  readonly shown: string;
  /** `nf_conntrack_max` */
  readonly name: string;
}

/** All settings in the order of sysctl(8). */
export const allSysctls: readonly NamedSysctl[] = [
  ...sysctlNames.map((name) => ({ shown: FOLDER + name, name })),
  { shown: OLD_NAME, name: 'nf_conntrack_max' },
];

/** `net/netfilter/x`, `/proc/sys/net/netfilter/x` and `net.netfilter.x` with dots. */
export function dotted(text: string): string {
  const path = text.startsWith('/proc/sys/') ? text.slice('/proc/sys/'.length) : text;
  const separator = /[./]/.exec(path)?.[0];
  return separator === '/' ? path.replaceAll('/', '.') : path;
}

/** The setting with this name, in full or without its folder. */
export function sysctlNamed(text: string): NamedSysctl | undefined {
  const key = dotted(text);
  return allSysctls.find(({ shown, name }) => shown === key || name === key);
}

/** The setting with this name, or those of a folder. */
export function sysctlsUnder(text: string): readonly NamedSysctl[] {
  const one = sysctlNamed(text);
  if (one !== undefined) return [one];
  const folder = `${dotted(text)}.`;
  return allSysctls.filter(({ shown }) => shown.startsWith(folder));
}

/** The settings that a key of a file means, which may be a pattern with `*`, `?` and `[…]`. */
export function sysctlsMatching(text: string): readonly NamedSysctl[] {
  const key = dotted(text);
  if (/[*?[]/.test(key)) {
    const pattern = globPattern(key);
    return allSysctls.filter(({ shown }) => pattern.test(shown));
  }
  const one = sysctlNamed(key);
  return one === undefined ? [] : [one];
}

/** Whether a key speaks about something that this gateway has no part in. */
export function isForeign(text: string): boolean {
  const key = dotted(text);
  return key !== OLD_NAME && !/^(net\.netfilter\.)?nf_conntrack_/.test(key);
}

/** As glob(7) within one level: no wildcard stands for a dot. */
function globPattern(glob: string): RegExp {
  const text = glob.replace(/\[[^\]]+\]|[*?]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part === '*') return '[^.]*';
    if (part === '?') return '[^.]';
    if (part.length === 1) return `\\${part}`;
    const inner = part.slice(1, -1).replaceAll('\\', '\\\\');
    return inner.startsWith('!') ? `[^${inner.slice(1)}]` : `[${inner}]`;
  });
  return new RegExp(`^${text}$`);
}
