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

/** Throws 'program-missing' where `ip` or `tc` is not there; says so in the log for `ethtool`. */
export function needPrograms(run: CommandRunner, log: (line: string) => void): void {
  for (const program of ['ip', 'tc']) {
    if (canRun(run, [program, '-V'])) continue;
    throw new DatapathUnavailable(
      'program-missing',
      `the program ${program} cannot be run`,
      'apt-get install iproute2',
    );
  }
  if (!canRun(run, ['ethtool', '--version'])) {
    log('capture: ethtool is missing: offloads stay as they are (apt-get install ethtool)');
  }
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
  return join(runDir, `capture-${statSync(namespaceFile).ino}.json`);
}
