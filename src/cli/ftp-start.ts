import type { FtpOptions } from '../helpers/index.ts';
import type { RuleSet } from '../rules/index.ts';

/** A word about directives where the kernel's twin runs, which reads none; '' where all is well. */
export function idleDirectives({ mode }: FtpOptions, { ftp }: RuleSet): string {
  const [first] = ftp;
  if (mode !== 'kernel' || first === undefined) return '';
  const which = `${first.file}:${first.line}${ftp.length > 1 ? ` and ${ftp.length - 1} more` : ''}`;
  return `"# pinhole: ftp" of ${which}: nothing comes of it in kernel mode`;
}
