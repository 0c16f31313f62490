import type { Clock } from '../base/index.ts';
import type { DirectionCode, Tuple } from '../conntrack/index.ts';
import type { Packet } from '../wire/index.ts';
import type { RuleTrail } from './trail.ts';

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

/** Options of an NFLOG target, named as nfnetlink_log names them. */
export interface NflogOptions {
  readonly group: number;
  readonly prefix: string;
  /** Bytes of the datagram that are copied; 0 for all. */
  readonly size: number;
  readonly threshold: number;
}

/**
 * A named set of timeouts for `CT --timeout`, as `nfct add timeout NAME inet tcp established 100`
 * defines it.
 */
export interface TimeoutPolicy {
  readonly name: string;
  readonly family: 4 | 6;
  readonly protocol: number;
  /** Seconds by state, under the names of nfct in lower case (`established`, `unreplied`, …). */
  readonly seconds: ReadonlyMap<string, number>;
}

/** Which directions of a connection a zone of `CT --zone` is for. */
export const ZoneSide = { Both: 0, Original: 1, Reply: 2 } as const;
export type ZoneSideCode = 0 | 1 | 2;

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
  /** `-j CT --helper NAME`, of a rule with this `-m comment --comment`; '' without one. */
  assignHelper(name: string, comment: string): void;
  /** `-j CT --zone N`, `--zone-orig N`, `--zone-reply N`. */
  assignZone(zone: number, side: ZoneSideCode): void;
  /** `-j CT --timeout NAME`. */
  assignTimeouts(policy: TimeoutPolicy): void;
  nflog(options: NflogOptions): void;
  /** Writes one TRACE line; `kind` and `number` as the kernel has them in `table:chain:kind:number`. */
  trace(table: string, chain: string, kind: 'rule' | 'return' | 'policy', number: number): void;
}

/** What kind of destination an address is: the kernel's RTN_ numbers (linux/rtnetlink.h). */
export const AddressKind = {
  Unspecified: 0,
  Unicast: 1,
  Local: 2,
  Broadcast: 3,
  Anycast: 4,
  Multicast: 5,
  Blackhole: 6,
  Unreachable: 7,
  Prohibit: 8,
} as const;
export type AddressKindCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** What rules may ask of the routing table. Implemented by the engine; allocates nothing. */
export interface RouteQueries {
  /** The kind of an address; with an interface id (not -1) as seen from that interface alone. */
  addressKind(
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    interfaceId: number,
  ): AddressKindCode;
  /**
   * `-m rpfilter`: whether the packet's source would be reached through `inIf` (`loose`: through any
   * interface). A source that is one of this host's own addresses holds only with `acceptLocal`.
   * `mark` is the packet mark that the way back is looked up with.
   */
  reversePathHolds(
    packet: Packet,
    inIf: number,
    loose: boolean,
    acceptLocal: boolean,
    mark: number,
  ): boolean;
  /** MTU of the route to an address in bytes of IP datagram; 0 where there is no route. */
  pathMtu(family: number, w0: number, w1: number, w2: number, w3: number): number;
}

/**
 * What rules may ask about the connection of the packet in hand. Implemented by the engine over the
 * packet's row; allocates nothing. Where `exists` is false the packet has no connection (INVALID,
 * UNTRACKED) and nothing else may be asked.
 */
export interface ConnectionView {
  readonly exists: boolean;
  readonly direction: DirectionCode;
  /** `Status` bits of conntrack/. */
  readonly status: number;
  /** Seconds until it expires. */
  readonly expiresIn: number;
  readonly zone: number;
  /** Row and id, which together name a connection for ever. */
  readonly row: number;
  readonly id: number;
  /** Connection mark. Setting it reports an UPDATE of the connection. */
  mark: number;
  hasLabel(label: number): boolean;
  /** Gives the connection a label. A new one reports an UPDATE of the connection. */
  addLabel(label: number): void;
  packets(direction: DirectionCode): number;
  bytes(direction: DirectionCode): number;
  /** The tuple of a direction in an object that the next call reuses. */
  tuple(direction: DirectionCode): Tuple;
  /** False where the named connection has ended or is in TCP CLOSE or TIME_WAIT (`connlimit`). */
  isOpen(row: number, id: number): boolean;
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
  /** Packet mark, a signed 32-bit integer. Targets write it; it stays with the packet. */
  mark: number;
  readonly connection: ConnectionView;
  readonly routes: RouteQueries;
  /** Owner of the socket that sent the packet; -1 where there is none, as for all forwarded ones. */
  socketUid: number;
  socketGid: number;
  /** Set by targets that changed bytes of the packet. */
  changed: boolean;
  /** Set by the first CT or NOTRACK that a packet meets; the kernel passes over all later ones. */
  templated: boolean;
  /** Set by TRACE: from then on every rule that matches is reported through `actions.trace`. */
  traced: boolean;
  /** Where walks note what they met; null for nowhere, which costs next to nothing. */
  trail: RuleTrail | null;
}
