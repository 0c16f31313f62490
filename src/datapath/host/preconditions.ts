import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatapathUnavailable } from './errors.ts';
import type { CommandRunner } from './host-changes.ts';

/** Throws 'not-root' for anybody else. */
export function needRoot(uid: number | undefined): void {
  if (uid === 0) return;
  throw new DatapathUnavailable(
    'not-root',
    'the live datapath captures and sends raw packets, which only root may',
    'run it as root',
  );
}

/** Throws 'program-missing' where one of these is not there: `ip`, `tc`, `ethtool`. */
export function needPrograms(run: CommandRunner, programs: readonly string[]): void {
  for (const program of programs) {
    const isEthtool = program === 'ethtool';
    if (canRun(run, [program, isEthtool ? '--version' : '-V'])) continue;
    throw new DatapathUnavailable(
      'program-missing',
      `the program ${program} cannot be run`,
      `apt-get install ${isEthtool ? program : 'iproute2'}`,
    );
  }
}

/** Says in the log where `ethtool` is missing to a datapath that can do without. */
export function missEthtool(run: CommandRunner, log: (line: string) => void): void {
  if (canRun(run, ['ethtool', '--version'])) return;
  log('ethtool is missing: offloads stay as they are (apt-get install ethtool)');
}

function canRun(run: CommandRunner, argv: readonly string[]): boolean {
  try {
    run(argv);
    return true;
  } catch {
    return false;
  }
}

/** One state file for each network namespace: interface names mean something within one only. */
export function stateFileOf(runDir: string, namespaceFile = '/proc/self/ns/net'): string {
  return join(runDir, `host-${statSync(namespaceFile).ino}.json`);
}
