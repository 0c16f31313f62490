import { Exit } from './exit-code.ts';
import { loadRules } from './load-rules.ts';

/** `pinhole check FILE…`: all problems of all files on stderr; 0 where there are none, else 2. */
export function runCheck(
  files: readonly string[],
  stdout: (text: string) => void,
  stderr: (text: string) => void,
): number {
  if (files.length === 0) {
    stderr('pinhole check: no file to check\n');
    return Exit.Usage;
  }
  const { ruleSet, messages, errorCount } = loadRules(files);
  for (const message of messages) stderr(`${message}\n`);
  if (ruleSet === null) {
    stderr(`pinhole check: ${errorCount} ${errorCount === 1 ? 'error' : 'errors'}\n`);
    return Exit.Usage;
  }
  const rules = ruleSet
    .allTables()
    .flatMap((table) => [...table.chains.values()])
    .reduce((sum, chain) => sum + chain.rules.length, 0);
  stdout(`${files.join(' ')}: OK, ${rules} ${rules === 1 ? 'rule' : 'rules'}\n`);
  return Exit.Ok;
}
