import type { NflogTarget } from '../datapath/index.ts';
import type { RuleSet } from '../rules/index.ts';
import { CommandError, Exit } from './exit-code.ts';

/** `--nflog`, the same for every command that runs rules. */
export const nflogOptions = {
  nflog: {
    type: 'string',
    array: true,
    requiresArg: true,
    default: [] as string[],
    describe:
      'Where NFLOG packets go: [GROUP=]PATH, a pcap file, or [GROUP=]unix:PATH, a socket (repeat)',
  },
} as const;

const MAX_GROUP = 65_535;

/** Takes `[GROUP=][unix:]PATH` apart. */
export function parseNflogTarget(text: string): NflogTarget {
  const [, group, unix, path = ''] = /^(?:(\d+)=)?(unix:)?(.*)$/s.exec(text) ?? [];
  if (path === '') throw badTarget(text, 'expected [GROUP=]PATH or [GROUP=]unix:PATH');
  if (Number(group ?? 0) > MAX_GROUP) throw badTarget(text, `a group is at most ${MAX_GROUP}`);
  return {
    group: group === undefined ? null : Number(group),
    path,
    isSocket: unix !== undefined,
  };
}

function badTarget(text: string, why: string): CommandError {
  return new CommandError(`pinhole: bad --nflog "${text}": ${why}`, Exit.Usage);
}

/** A sentence about NFLOG rules whose packets nobody gets; '' where there are none. */
export function nflogWithoutTarget(ruleSet: RuleSet, targets: readonly NflogTarget[]): string {
  if (targets.some(({ group }) => group === null)) return '';
  const lost = nflogGroups(ruleSet).filter((group) => !targets.some((t) => t.group === group));
  if (lost.length === 0) return '';
  const groups = lost.length === 1 ? `group ${lost[0]}` : `groups ${lost.join(', ')}`;
  return `NFLOG rules of ${groups} lead nowhere: their packets are counted only; give --nflog PATH`;
}

function nflogGroups(ruleSet: RuleSet): number[] {
  const groups = new Set<number>();
  for (const table of ruleSet.allTables()) {
    for (const { rules } of table.chains.values()) {
      for (const { jump } of rules) {
        if (jump.kind !== 'target' || jump.target.name !== 'NFLOG') continue;
        const text = jump.target.saveText();
        groups.add(Number(/--nflog-group (\d+)/.exec(text)?.[1] ?? 0));
      }
    }
  }
  return [...groups].sort((a, b) => a - b);
}
