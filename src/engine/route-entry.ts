import type { AddressKindCode } from '../rules/index.ts';
import type { PolicyPrefix } from './policy-rules.ts';
import type { RouteKindCode } from './ports.ts';
import { maskWord } from './prefix-set.ts';

/** Names of the kernel's default tables; all others go by their numbers. */
const tableNumbers = { local: 255, main: 254, default: 253 } as const;
export type RouteTableName = keyof typeof tableNumbers;

export interface RouteEntry {
  readonly family: 4 | 6;
  /** Address words of the prefix, 1 or 4; bits behind the prefix length are ignored. */
  readonly prefix: readonly number[];
  readonly prefixLength: number;
  readonly kind: RouteKindCode;
  /** Ends the search in its table, and the next rule is asked (`throw`). `kind` says nothing then. */
  readonly throws?: boolean;
  /** What rules are told of the address, where `kind` does not say it (`-m addrtype`). */
  readonly addressKind?: AddressKindCode;
  /** The way out for `RouteKind.Forward`; else the interface that the address belongs to. */
  readonly outIf?: number;
  /** Further ways out of a route with several next hops. Packets do not take them. */
  readonly otherOutIfs?: readonly number[];
  /** Gateway words: 1 for an IPv4, 4 for an IPv6 one. Absent: the destination is on the link. */
  readonly via?: readonly number[];
  /** MTU of this route in bytes; absent or 0: that of the interface. */
  readonly mtu?: number;
  /** Lower wins between routes to the same prefix. Default 0. */
  readonly metric?: number;
  /** Between IPv6 routes of one metric the higher wins (RFC 4191): 1, 0 or -1. Default 0. */
  readonly preference?: number;
  /** IPv4: only packets of this TOS (the bits 0x1c of the octet). Absent: all. */
  readonly tos?: number;
  /** IPv6: only packets from there. The longest prefix of the destination goes first. */
  readonly source?: PolicyPrefix;
  /** Name or number. Default: the main table. */
  readonly table?: RouteTableName | number;
}

export function tableNumber(table: RouteTableName | number): number {
  return typeof table === 'number' ? table : tableNumbers[table];
}

/** Whether an entry asks for more of a packet than its destination. */
export function isConditional(entry: RouteEntry): boolean {
  return entry.tos !== undefined || entry.source !== undefined;
}

/** Whether `a` is asked before `b`, which has the same prefix and was there first. */
export function precedes(a: RouteEntry, b: RouteEntry): boolean {
  const byTos = (b.tos ?? 0) - (a.tos ?? 0);
  if (byTos !== 0) return byTos < 0;
  const bySource = (b.source?.length ?? 0) - (a.source?.length ?? 0);
  if (bySource !== 0) return bySource < 0;
  const byMetric = (a.metric ?? 0) - (b.metric ?? 0);
  if (byMetric !== 0) return byMetric < 0;
  return (a.preference ?? 0) > (b.preference ?? 0);
}

/** Whether the address that begins at word `at` lies in the prefix. */
export function prefixHolds(prefix: PolicyPrefix, words: Int32Array, at: number): boolean {
  for (let i = 0; i < prefix.words.length; i++) {
    if (((words[at + i]! ^ prefix.words[i]!) & maskWord(prefix.length, i)) !== 0) return false;
  }
  return true;
}
