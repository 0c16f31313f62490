import type { RouteQueries } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';
import { FamilyRoutes } from './family-routes.ts';
import type { PolicyRule } from './policy-rules.ts';
import { RouteKind, type RouteKindCode, type Routes } from './ports.ts';
import { type RouteEntry, tableNumber } from './route-entry.ts';
import { RouteKey } from './route-key.ts';
import { TableQueries } from './table-queries.ts';

interface InterfaceAddress {
  readonly family: number;
  readonly interfaceId: number;
  readonly words: readonly number[];
  readonly prefixLength: number;
}

/** Of an interface nobody told the MTU of: Ethernet's. */
const DEFAULT_MTU = 1500;
const MAX_INTERFACE_MTU = 65_536;

/**
 * Routing tables held in memory: longest prefix within a table, tables in the order local, main,
 * default, or as the policy rules have it that were set. Feeding it is cold and may allocate;
 * a lookup allocates nothing, and what was found is kept in a direct-mapped cache that any change
 * clears. Multicast and the limited broadcast address are `Broadcast` without an entry.
 */
export class RouteTable implements Routes {
  readonly queries: RouteQueries = new TableQueries(this);
  outIf = -1;
  mtu = 0;
  /** Family of the next hop's address: 4, or 6. */
  hopFamily = 4;
  hop0 = 0;
  hop1 = 0;
  hop2 = 0;
  hop3 = 0;

  private readonly groups: number[] = [];
  private readonly four = new FamilyRoutes(4, this.groups);
  private readonly six = new FamilyRoutes(6, this.groups);
  private readonly key = new RouteKey();
  /** Where the last packet goes that `lookup` was asked of; family 0: not forwarded. */
  private askedFamily = 0;
  private asked0 = 0;
  private asked1 = 0;
  private asked2 = 0;
  private asked3 = 0;
  private readonly addresses: InterfaceAddress[] = [];
  private readonly mtus: number[] = [];

  /** Adds a route; between equal routes to one prefix of one table the lowest metric wins. */
  addRoute(entry: RouteEntry): void {
    (entry.family === 4 ? this.four : this.six).add(entry);
  }

  /** Sets the policy rules of a family, in place of all that it had. */
  setRules(family: 4 | 6, rules: readonly PolicyRule[]): void {
    (family === 4 ? this.four : this.six).setRules(rules);
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

  /** Group of an interface (`ip link set … group`), which policy rules may look at. Default 0. */
  setGroup(interfaceId: number, group: number): void {
    while (this.groups.length <= interfaceId) this.groups.push(0);
    this.groups[interfaceId] = group;
  }

  /** Forgets routes, rules, addresses, MTUs and groups. */
  clear(): void {
    this.groups.length = 0;
    this.addresses.length = 0;
    this.mtus.length = 0;
    this.askedFamily = 0;
    this.four.clear();
    this.six.clear();
  }

  lookup(packet: Packet, inIf: number, mark: number): RouteKindCode {
    const { family, dst0, dst1, dst2, dst3 } = packet;
    const routes = family === 4 ? this.four : this.six;
    let kind: RouteKindCode;
    if (!routes.keyed || isMulticast(family, dst0)) {
      kind = this.lookupAddress(family, dst0, dst1, dst2, dst3);
    } else {
      this.key.setPacket(packet, inIf, mark);
      const row = routes.findByKey(this.key);
      kind = this.take(row < 0 ? null : routes.rows[row]!, dst0, dst1, dst2, dst3);
    }
    if (kind === RouteKind.Forward && inIf >= 0) this.noteAsked(packet);
    return kind;
  }

  looksAtTos(family: number): boolean {
    return (family === 4 ? this.four : this.six).looksAtTos;
  }

  lookupAddress(family: number, w0: number, w1: number, w2: number, w3: number): RouteKindCode {
    if (isMulticast(family, w0)) {
      this.outIf = -1;
      return RouteKind.Broadcast;
    }
    return this.take(this.entryFor(family, w0, w1, w2, w3), w0, w1, w2, w3);
  }

  /** The route to any address, or null; leaves the fields of the last lookup alone. */
  entryFor(family: number, w0: number, w1: number, w2: number, w3: number): RouteEntry | null {
    const routes = family === 4 ? this.four : this.six;
    let row: number;
    if (routes.keyed) {
      this.key.setAddress(w0, w1, w2, w3);
      row = routes.findByKey(this.key);
    } else {
      row = routes.findByAddress(w0, w1, w2, w3);
    }
    return row < 0 ? null : routes.rows[row]!;
  }

  /** The route back to the source of a packet (see `RouteKey.setReverse`), or null. */
  reverseEntryFor(packet: Packet, outIf: number, mark: number): RouteEntry | null {
    const { family, src0, src1, src2, src3 } = packet;
    const routes = family === 4 ? this.four : this.six;
    if (!routes.keyed) return this.entryFor(family, src0, src1, src2, src3);
    this.key.setReverse(packet, outIf, mark);
    const row = routes.findByKey(this.key);
    return row < 0 ? null : routes.rows[row]!;
  }

  /**
   * What this host knows an IPv4 address as, or null. The kernel asks its table `local`, which is one
   * with `main` until the first policy rule is added (fib_unmerge of fib_trie.c).
   */
  ownEntryFor(word: number): RouteEntry | null {
    if (!this.four.hasPolicy) return this.entryFor(4, word, 0, 0, 0);
    this.key.setAddress(word, 0, 0, 0);
    const row = this.four.findInTable(tableNumber('local'), this.key);
    return row < 0 ? null : this.four.rows[row]!;
  }

  /** Whether the fields of the last lookup are those of a packet to this destination. */
  leadsTo(family: number, w0: number, w1: number, w2: number, w3: number): boolean {
    const { asked0, asked1, asked2, asked3, askedFamily } = this;
    if (askedFamily !== family || this.outIf < 0) return false;
    return asked0 === w0 && asked1 === w1 && asked2 === w2 && asked3 === w3;
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

  private take(
    entry: RouteEntry | null,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): RouteKindCode {
    this.outIf = -1;
    this.askedFamily = 0;
    if (entry === null) return RouteKind.Unreachable;
    if (entry.kind === RouteKind.Forward) this.answer(entry, w0, w1, w2, w3);
    return entry.kind;
  }

  private noteAsked(packet: Packet): void {
    this.askedFamily = packet.family;
    this.asked0 = packet.dst0;
    this.asked1 = packet.dst1;
    this.asked2 = packet.dst2;
    this.asked3 = packet.dst3;
  }

  private answer(entry: RouteEntry, w0: number, w1: number, w2: number, w3: number): void {
    this.outIf = entry.outIf ?? -1;
    this.mtu = this.mtuOfRoute(entry);
    const { via } = entry;
    if (via === undefined) {
      this.hopFamily = entry.family;
      this.hop0 = w0;
      this.hop1 = w1;
      this.hop2 = w2;
      this.hop3 = w3;
      return;
    }
    const four = via.length === 1;
    this.hopFamily = four ? 4 : 6;
    this.hop0 = via[0]!;
    this.hop1 = four ? 0 : via[1]!;
    this.hop2 = four ? 0 : via[2]!;
    this.hop3 = four ? 0 : via[3]!;
  }

  /** Whether the last looked-up next hop lies in the subnet of an address. */
  private holdsHop(address: InterfaceAddress): boolean {
    const { words, prefixLength } = address;
    if (address.family !== this.hopFamily) return false;
    if (!sameBits(words[0]!, this.hop0, prefixLength)) return false;
    if (address.family === 4) return true;
    return (
      sameBits(words[1]!, this.hop1, prefixLength - 32) &&
      sameBits(words[2]!, this.hop2, prefixLength - 64) &&
      sameBits(words[3]!, this.hop3, prefixLength - 96)
    );
  }
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
