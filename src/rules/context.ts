import type { Clock } from '../base/index.ts';
import type { Packet } from '../wire/index.ts';

/** The five netfilter hooks, in the order a packet may meet them. */
export const Hook = {
  Prerouting: 0,
  Input: 1,
  Forward: 2,
  Output: 3,
  Postrouting: 4,
} as const;
export type HookCode = 0 | 1 | 2 | 3 | 4;

/** What a walk through a chain ends with. */
export const Verdict = {
  /** Go on with the next rule. Never the result of a whole walk. */
  Continue: 0,
  Accept: 1,
  Drop: 2,
} as const;
export type VerdictCode = 0 | 1 | 2;

/** Address and port range of a NAT target; null parts are "not given". Addresses are 16 or 4 bytes as words. */
export interface NatRange {
  /** First and last address, as 1 (IPv4) or 4 (IPv6) signed 32-bit words; null where none was given. */
  readonly minAddress: readonly number[] | null;
  readonly maxAddress: readonly number[] | null;
  /** First and last port (or ICMP id); 0 where none was given. */
  readonly minPort: number;
  readonly maxPort: number;
  /** `--to-destination A:1000-2000/BASE`: the port that is mapped to `minPort`; absent or 0: none. */
  readonly basePort?: number;
  readonly random: boolean;
  readonly randomFully: boolean;
  readonly persistent: boolean;
}

/** Options of a LOG target. */
export interface LogOptions {
  readonly level: number;
  readonly prefix: string;
  readonly tcpSequence: boolean;
  readonly tcpOptions: boolean;
  readonly ipOptions: boolean;
  readonly uid: boolean;
  readonly macDecode: boolean;
}

/**
 * What targets do to a packet beyond ACCEPT and DROP. The engine implements this; a target's
 * `apply` calls it. Methods that return a verdict end (or continue) the walk with it.
 */
export interface RuleActions {
  log(options: LogOptions): void;
  /** Answers with an ICMP error or a reset; `kind` is the `--reject-with` name. Always ends in Drop. */
  reject(kind: string): VerdictCode;
  sourceNat(range: NatRange): VerdictCode;
  destinationNat(range: NatRange): VerdictCode;
  masquerade(range: NatRange): VerdictCode;
  redirect(range: NatRange): VerdictCode;
  /** `-j NOTRACK`, `-j CT --notrack`. */
  notrack(): void;
  /** `-j CT --helper NAME`. */
  assignHelper(name: string): void;
}

/**
 * What rules see of the packet in hand: one reused object that the engine fills before each walk.
 * All fields are plain integers or interned strings; reading them allocates nothing.
 */
export interface RuleContext {
  packet: Packet;
  readonly clock: Clock;
  readonly actions: RuleActions;
  hook: HookCode;
  /** Interface ids of base/InterfaceTable; -1 where there is none at this hook. */
  inIf: number;
  outIf: number;
  /** One of CtStateBit (New, Established, Related, Invalid, Untracked), plus Snat/Dnat bits. */
  ctState: number;
  /** Name of the helper of this connection's master ('' where it has no master or no helper). */
  masterHelper: string;
  /** Packet mark. */
  mark: number;
}
