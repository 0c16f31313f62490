import type { LiveDatapath, NflogTarget } from '../../datapath/index.ts';
import type { FtpOptions } from '../../helpers/index.ts';
import { keepsFlowsInEngine, needsOutputHook, type RuleSet } from '../../rules/index.ts';
import { idleDirectives } from '../ftp-start.ts';
import { unfilteredFamilies } from '../load-rules.ts';
import { nflogWithoutTarget } from '../nflog.ts';

/** At most this many rules of a kind are named one by one. */
const NAMED = 5;

export interface RemarkOptions {
  readonly ftp: FtpOptions;
  readonly nflog: readonly NflogTarget[];
}

/** What the rules ask for and this gateway does not do, or lets through for want of rules. */
export function remarksOn(
  ruleSet: RuleSet,
  options: RemarkOptions,
  datapath: Pick<LiveDatapath, 'name' | 'holdsOutput'>,
): string[] {
  const remarks = datapath.holdsOutput ? [] : outputRemarks(ruleSet);
  if (datapath.name === 'gate') remarks.push(...flowRemarks(ruleSet));
  const nowhere = nflogWithoutTarget(ruleSet, options.nflog);
  if (nowhere !== '') remarks.push(nowhere);
  const idle = idleDirectives(options.ftp, ruleSet);
  if (idle !== '') remarks.push(idle);
  for (const family of unfilteredFamilies(ruleSet)) {
    remarks.push(
      `no rules for IPv${family}: all IPv${family} traffic is let through, as the kernel does`,
    );
  }
  return remarks;
}

function outputRemarks(ruleSet: RuleSet): string[] {
  const remarks = needsOutputHook(ruleSet).map(
    ({ file, line, what }) =>
      `${file}:${line}: ${what}: this datapath cannot hold back the host's own packets`,
  );
  return firstOf(remarks, (more) => `and ${more} more OUTPUT rules that are not enforced`);
}

/** Exact, but not as fast: what such a rule may meet is looked at packet by packet. */
function flowRemarks(ruleSet: RuleSet): string[] {
  const remarks = keepsFlowsInEngine(ruleSet).map(
    ({ place, parts }) =>
      `${place.file}:${place.line}: ${parts.join(', ')}: connections that come to this rule stay in the engine`,
  );
  return firstOf(remarks, (more) => `and ${more} more rules that keep connections in the engine`);
}

function firstOf(remarks: readonly string[], rest: (more: number) => string): string[] {
  const more = remarks.length - NAMED;
  return more > 0 ? [...remarks.slice(0, NAMED), rest(more)] : [...remarks];
}
