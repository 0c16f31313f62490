import type { AddressKindCode, RouteQueries } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';
import { RouteKind, type RouteKindCode, type Routes } from './ports.ts';
import { PrefixSet } from './prefix-set.ts';
import { TableQueries } from './table-queries.ts';

/** The kernel's three default tables, in the order in which its rules ask them. */
const tableNames = ['local', 'main', 'default'] as const;
export type RouteTableName = (typeof tableNames)[number];

export interface RouteEntry {
  readonly family: 4 | 6;
  /** Address words of the prefix, 1 or 4; bits behind the prefix length are ignored. */
  readonly prefix: readonly number[];
  readonly prefixLength: number;
  readonly kind: RouteKindCode;
  /** What rules are told of the address, where `kind` does not say it (`-m addrtype`). */
  readonly addressKind?: AddressKindCode;
  /** The way out for `RouteKind.Forward`; else the interface that the address belongs to. */
  readonly outIf?: number;
  /** Further ways out of a route with several next hops. Packets do not take them. */
  readonly otherOutIfs?: readonly number[];
  /** Gateway words, of the entry's family. Absent: the destination is on the link. */
  readonly via?: readonly number[];
  /** MTU of this route in bytes; absent or 0: that of the interface. */
  readonly mtu?: number;
  /** Lower wins between routes to the same prefix. Default 0. */
  readonly metric?: number;
  /** Default: the main table. */
  readonly table?: RouteTableName;
}

interface InterfaceAddress {
  readonly family: number;
  readonly interfaceId: number;
  readonly words: readonly number[];
  readonly prefixLength: number;
}

const CACHE_SLOTS = 4096;
/** Of an interface nobody told the MTU of: Ethernet's. */
const DEFAULT_MTU = 1500;
const MAX_INTERFACE_MTU = 65_536;

/**
 * A routing table held in memory: longest prefix within a table, tables in the order local, main,
 * default, as the kernel's default policy rules have it. Feeding it is cold and may allocate;
 * a lookup allocates nothing, and repeated destinations come from a direct-mapped cache that any
 * change clears. Multicast and the limited broadcast address are `Broadcast` without an entry.
 */
export class RouteTable implements Routes {
  readonly queries: RouteQueries = new TableQueries(this);
  outIf = -1;
  mtu = 0;
  hop0 = 0;
  hop1 = 0;
  hop2 = 0;
  hop3 = 0;

  private readonly rows: RouteEntry[] = [];
  private readonly sets4 = [new PrefixSet(), new PrefixSet(), new PrefixSet()];
  private readonly sets6 = [new PrefixSet(), new PrefixSet(), new PrefixSet()];
  private readonly addresses: InterfaceAddress[] = [];
  private readonly mtus: number[] = [];
  /** Address words and a row a slot; row + 2, so that 0 is an empty slot and 1 means no route. */
  private readonly cache4 = new Int32Array(CACHE_SLOTS * 2);
  private readonly cache6 = new Int32Array(CACHE_SLOTS * 5);

  /** Adds a route; between routes to the same prefix of the same table the lowest metric wins. */
  addRoute(entry: RouteEntry): void {
    const row = this.rows.push(entry) - 1;
    const sets = entry.family === 4 ? this.sets4 : this.sets6;
    const set = sets[tableNames.indexOf(entry.table ?? 'main')]!;
    set.add(entry.prefix, entry.prefixLength, row, (candidate, present) => {
      return (this.rows[candidate]!.metric ?? 0) < (this.rows[present]!.metric ?? 0);
    });
    this.forgetCached();
  }

  /** An address of this host, and the interface it belongs to where that is known. */
  addLocal(family: 4 | 6, words: readonly number[], interfaceId?: number): void {
    const prefixLength = family === 4 ? 32 : 128;
    const kind = RouteKind.Local;
    const outIf = interfaceId === undefined ? {} : { outIf: interfaceId };
    this.addRoute({ family, prefix: words, prefixLength, kind, table: 'local', ...outIf });
  }

  /** An address that this host may use on an interface, best first: what `addressOf` answers with. */
  addInterfaceAddress(
    family: 4 | 6,
    interfaceId: number,
    words: readonly number[],
    prefixLength: number,
  ): void {
    this.addresses.push({ family, interfaceId, words: [...words], prefixLength });
  }

  /** MTU of an interface, in bytes of IP datagram. */
  setMtu(interfaceId: number, mtu: number): void {
    while (this.mtus.length <= interfaceId) this.mtus.push(DEFAULT_MTU);
    this.mtus[interfaceId] = Math.min(mtu, MAX_INTERFACE_MTU);
  }

  /** Forgets routes, addresses and MTUs. */
  clear(): void {
    this.rows.length = 0;
    this.addresses.length = 0;
    this.mtus.length = 0;
    for (const set of this.sets4) set.clear();
    for (const set of this.sets6) set.clear();
    this.forgetCached();
  }

  lookup(packet: Packet): RouteKindCode {
    return this.lookupAddress(packet.family, packet.dst0, packet.dst1, packet.dst2, packet.dst3);
  }

  lookupAddress(family: number, w0: number, w1: number, w2: number, w3: number): RouteKindCode {
    this.outIf = -1;
    if (isMulticast(family, w0)) return RouteKind.Broadcast;
    const entry = this.entryFor(family, w0, w1, w2, w3);
    if (entry === null) return RouteKind.Unreachable;
    if (entry.kind === RouteKind.Forward) this.answer(entry, w0, w1, w2, w3);
    return entry.kind;
  }

  /** The route to any address, or null; leaves the fields of the last lookup alone. */
  entryFor(family: number, w0: number, w1: number, w2: number, w3: number): RouteEntry | null {
    const row = family === 4 ? this.cachedRow4(w0) : this.cachedRow6(w0, w1, w2, w3);
    return row < 0 ? null : this.rows[row]!;
  }

  /** MTU of a way out, in bytes of IP datagram: the route's own, or that of its interface. */
  mtuOfRoute(entry: RouteEntry): number {
    const ofInterface = this.mtuOf(entry.outIf ?? -1);
    const ofRoute = entry.mtu ?? 0;
    return ofRoute > 0 && ofRoute < ofInterface ? ofRoute : ofInterface;
  }

  addressOf(family: number, interfaceId: number): readonly number[] | null {
    let first: readonly number[] | null = null;
    for (let i = 0; i < this.addresses.length; i++) {
      const address = this.addresses[i]!;
      if (address.interfaceId !== interfaceId || address.family !== family) continue;
      if (this.holdsHop(address)) return address.words;
      if (first === null) first = address.words;
    }
    return first;
  }

  mtuOf(interfaceId: number): number {
    return interfaceId >= 0 && interfaceId < this.mtus.length
      ? this.mtus[interfaceId]!
      : DEFAULT_MTU;
  }

  private answer(entry: RouteEntry, w0: number, w1: number, w2: number, w3: number): void {
    this.outIf = entry.outIf ?? -1;
    this.mtu = this.mtuOfRoute(entry);
    const { via } = entry;
    const four = entry.family === 4;
    this.hop0 = via === undefined ? w0 : via[0]!;
    this.hop1 = via === undefined ? w1 : four ? 0 : via[1]!;
    this.hop2 = via === undefined ? w2 : four ? 0 : via[2]!;
    this.hop3 = via === undefined ? w3 : four ? 0 : via[3]!;
  }

  private cachedRow4(word: number): number {
    const at = (Math.imul(word, 0x9e3779b1) >>> 20) * 2;
    const { cache4 } = this;
    if (cache4[at] === word && cache4[at + 1] !== 0) return cache4[at + 1]! - 2;
    const row = findInOrder(this.sets4, word, 0, 0, 0);
    cache4[at] = word;
    cache4[at + 1] = row + 2;
    return row;
  }

  private cachedRow6(w0: number, w1: number, w2: number, w3: number): number {
    const mixed =
      Math.imul(w0 ^ Math.imul(w1, 0x85ebca6b), 0xc2b2ae35) ^ w2 ^ Math.imul(w3, 0x27d4eb2f);
    const at = (Math.imul(mixed, 0x9e3779b1) >>> 20) * 5;
    const { cache6 } = this;
    const known =
      cache6[at] === w0 && cache6[at + 1] === w1 && cache6[at + 2] === w2 && cache6[at + 3] === w3;
    if (known && cache6[at + 4] !== 0) return cache6[at + 4]! - 2;
    const row = findInOrder(this.sets6, w0, w1, w2, w3);
    cache6[at] = w0;
    cache6[at + 1] = w1;
    cache6[at + 2] = w2;
    cache6[at + 3] = w3;
    cache6[at + 4] = row + 2;
    return row;
  }

  private forgetCached(): void {
    this.cache4.fill(0);
    this.cache6.fill(0);
  }

  /** Whether the last looked-up next hop lies in the subnet of an address. */
  private holdsHop(address: InterfaceAddress): boolean {
    const { words, prefixLength } = address;
    if (!sameBits(words[0]!, this.hop0, prefixLength)) return false;
    if (address.family === 4) return true;
    return (
      sameBits(words[1]!, this.hop1, prefixLength - 32) &&
      sameBits(words[2]!, this.hop2, prefixLength - 64) &&
      sameBits(words[3]!, this.hop3, prefixLength - 96)
    );
  }
}

function findInOrder(
  sets: readonly PrefixSet[],
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  for (let i = 0; i < sets.length; i++) {
    const row = sets[i]!.find(w0, w1, w2, w3);
    if (row >= 0) return row;
  }
  return -1;
}

/** 224.0.0.0/4 and 255.255.255.255 (RFC 1112, RFC 919); ff00::/8 (RFC 4291 section 2.7). */
function isMulticast(family: number, w0: number): boolean {
  if (family === 4) return w0 >>> 28 === 14 || w0 === -1;
  return w0 >>> 24 === 0xff;
}

function sameBits(a: number, b: number, bits: number): boolean {
  if (bits <= 0) return true;
  return bits >= 32 ? a === b : ((a ^ b) & (-1 << (32 - bits))) === 0;
}
