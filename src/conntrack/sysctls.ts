import type { ConntrackSettings } from './settings.ts';
import {
  type FragmentLimits,
  type Sysctl,
  type SysctlSubject,
  sysctlTable,
} from './sysctl-table.ts';

/** Why a sysctl cannot be read or set. */
export type SysctlErrorCode = 'UNKNOWN_SYSCTL' | 'READ_ONLY' | 'INVALID';

/** A sysctl that is not there, cannot be set, or not to that. */
export class SysctlError extends Error {
  readonly code: SysctlErrorCode;
  /** `nf_conntrack_…` */
  readonly sysctl: string;

  constructor(code: SysctlErrorCode, sysctl: string, message: string) {
    super(message);
    this.name = 'SysctlError';
    this.code = code;
    this.sysctl = sysctl;
  }
}

/** `nf_conntrack_max`, and what it is to be, as text. */
export interface SysctlSetting {
  readonly name: string;
  readonly value: string;
}

/** A setting that was another before. */
export interface SysctlChange extends SysctlSetting {
  readonly before: string;
}

/** Names of all sysctls, `nf_conntrack_acct` to `nf_conntrack_udp_timeout_stream`. */
export const sysctlNames: readonly string[] = sysctlTable.map(({ name }) => name);

const byName: ReadonlyMap<string, Sysctl> = new Map(sysctlTable.map((one) => [one.name, one]));

/** What a sysctl says, as reading its file would. Throws SysctlError. */
export function readSysctl(subject: SysctlSubject, name: string): string {
  return String(sysctlOf(name).get(subject));
}

/**
 * Sets sysctls in their order, all or nothing; each holds from the next packet on. Returns those that
 * are another now. Throws SysctlError for the first that cannot be set.
 */
export function writeSysctls(
  subject: SysctlSubject,
  wanted: readonly SysctlSetting[],
): SysctlChange[] {
  const names = [...new Set(wanted.map(({ name }) => name))];
  const before = names.map((name) => sysctlOf(name).get(subject));
  try {
    for (const { name, value } of wanted) writeOne(subject, sysctlOf(name), value);
  } catch (error) {
    names.forEach((name, at) => {
      const { get, setter } = sysctlOf(name);
      if (get(subject) !== before[at]) setter(subject)?.(before[at]!);
    });
    throw error;
  }
  return names
    .map((name, at) => ({ name, before: String(before[at]), value: readSysctl(subject, name) }))
    .filter((change) => change.before !== change.value);
}

function writeOne(subject: SysctlSubject, sysctl: Sysctl, text: string): void {
  const { name } = sysctl;
  const set = sysctl.setter(subject);
  if (set === null) throw new SysctlError('READ_ONLY', name, `${name}: cannot be set`);
  const value = numberOf(text, sysctl.signed);
  const least = sysctl.least(subject);
  const most = sysctl.most(subject);
  if (value === null || value < least || value > most) {
    const wanted = `a number from ${least} to ${most} expected`;
    throw new SysctlError('INVALID', name, `${name}: ${JSON.stringify(text)}: ${wanted}`);
  }
  set(value);
}

function sysctlOf(name: string): Sysctl {
  const sysctl = byName.get(name);
  if (sysctl !== undefined) return sysctl;
  throw new SysctlError('UNKNOWN_SYSCTL', name, `${name}: no such setting`);
}

/** Decimal, octal or hexadecimal; what stands behind a blank is not read. */
const numberText = /^[ \t\n\v\f\r]*(-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*))(?:[ \t\n]|$)/;
/** Longer ones are refused, whatever they say (TMPBUFLEN in kernel/sysctl.c). */
const LONGEST_NUMBER = 20;

/** The number that the kernel reads in a text written to a file under /proc/sys, null for none. */
function numberOf(text: string, signed: boolean): number | null {
  const digits = numberText.exec(text)?.[1];
  if (digits === undefined || digits.length > LONGEST_NUMBER) return null;
  const isNegative = digits.startsWith('-');
  if (isNegative && !signed) return null;
  const plain = isNegative ? digits.slice(1) : digits;
  const isOctal = /^0[0-7]/.test(plain);
  const value = isOctal ? Number.parseInt(plain, 8) : Number(plain);
  // Not -value: there is no negative zero among settings.
  return isNegative ? 0 - value : value;
}

/** The settings that a tracker will be made with. */
export function sysctlsOfStart(
  settings: ConntrackSettings,
  fragments: FragmentLimits,
): SysctlSubject {
  return {
    settings,
    fragments,
    count: 0,
    setMaximum: (maximum) => {
      settings.maximum = maximum;
    },
    setBuckets: (buckets) => {
      settings.buckets = buckets;
    },
    setExpectMaximum: (maximum) => {
      settings.expectMaximum = maximum;
    },
    setFragmentMemory: (bytes) => {
      fragments.memoryBytes = bytes;
    },
  };
}

/** What a running tracker has that can be set. */
interface RunningTracker {
  readonly settings: ConntrackSettings;
  readonly table: { readonly count: number };
  readonly expectations: { maximum: number };
  setMaximum(maximum: number): void;
  setBuckets(buckets: number): void;
}

/** The settings of a tracker while it runs. */
export function sysctlsOfTracker(
  conntrack: RunningTracker,
  fragments: FragmentLimits,
): SysctlSubject {
  const { expectations, settings } = conntrack;
  return {
    settings,
    fragments,
    get count() {
      return conntrack.table.count;
    },
    setMaximum: (maximum) => conntrack.setMaximum(maximum),
    setBuckets: (buckets) => conntrack.setBuckets(buckets),
    setExpectMaximum: (maximum) => {
      settings.expectMaximum = maximum;
      expectations.maximum = maximum;
    },
    setFragmentMemory: null,
  };
}

const GIB = 2 ** 30;
/** Bytes of memory for one bucket, on a small machine: nf_conntrack_init_start. */
const MEMORY_OF_BUCKET = 16_384 * 8;

/**
 * Buckets of a machine with so many bytes of memory, and with them the most connections, as the
 * kernel chooses them where nobody does (nf_conntrack_init_start of nf_conntrack_core.c).
 */
export function bucketsForMemory(bytes: number): number {
  if (bytes > 4 * GIB) return 262_144;
  if (bytes > GIB) return 65_536;
  return Math.max(1024, Math.ceil(Math.floor(bytes / MEMORY_OF_BUCKET) / 512) * 512);
}
