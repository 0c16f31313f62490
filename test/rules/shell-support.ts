/** Runs a script in bash and reads it here, and gives what each says. */
import { spawnSync } from 'node:child_process';
import { load } from './support.ts';

/** What `say` is given in a real shell, one line per call; null where there is no such shell. */
export function saidByShell(script: string, shell = '/bin/bash'): readonly string[] | null {
  const prelude = 'say() { printf \'%s\\n\' "$*"; }\n';
  const run = spawnSync(shell, ['-s'], {
    input: prelude + script,
    encoding: 'utf8',
    timeout: 10_000,
    // Nothing but the shell's own commands can be run.
    env: { PATH: '/nonexistent' },
    cwd: '/',
  });
  if (run.error !== undefined && 'code' in run.error && run.error.code === 'ENOENT') return null;
  if (run.error !== undefined) throw run.error;
  return run.stdout.split('\n').slice(0, -1);
}

/** The same, from reading the script: each call of `say` leaves a rule with a comment. */
export function saidHere(script: string): {
  readonly said: readonly string[];
  readonly errors: readonly string[];
} {
  // On the line of the first command, so that lines are counted alike.
  const prelude = 'say() { iptables -A INPUT -m comment --comment "<$*>"; }\n';
  const { ruleSet, errors } = load(prelude + script, {}, 'fw.sh');
  const rules = ruleSet?.table(4, 3)?.chains.get('INPUT')?.rules ?? [];
  const said = rules.map((rule) => {
    const text = rule.matches[0]!.saveText();
    return /<(.*)>/s.exec(text)![1]!.replace(/\\(["'\\])/g, '$1');
  });
  return { said, errors: errors.map((error) => error.format()) };
}
