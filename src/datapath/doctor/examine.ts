import type { LiveDatapathName } from '../live.ts';
import type { Finding } from './finding.ts';
import { checkFirewalls, checkHost } from './host-checks.ts';
import { checkLinks } from './link-checks.ts';
import type { HostProbe } from './probe.ts';

export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** What `--datapath auto` would choose; null where neither can run. */
  readonly datapath: LiveDatapathName | null;
}

/** Looks at everything that decides which datapath can run on these interfaces. Changes nothing. */
export async function examine(probe: HostProbe, interfaces: readonly string[]): Promise<Diagnosis> {
  const findings = [
    ...(await checkHost(probe)),
    ...checkFirewalls(probe),
    ...checkLinks(probe, interfaces),
  ];
  const stopped = new Set(findings.filter(isBad).flatMap(({ stops }) => stops));
  const datapath = (['gate', 'capture'] as const).find((name) => !stopped.has(name));
  return { findings, datapath: datapath ?? null };
}

function isBad(finding: Finding): boolean {
  return finding.state === 'bad';
}
