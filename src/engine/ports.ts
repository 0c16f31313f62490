import type { RouteQueries } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';

/** Where a packet goes by its destination address. */
export const RouteKind = {
  /** Out of an interface: `outIf`, `mtu` and the gateway words are set. */
  Forward: 0,
  /** To this host itself. */
  Local: 1,
  /** No route: answered with "network unreachable". */
  Unreachable: 2,
  /** `prohibit` route: answered with "administratively prohibited". */
  Prohibited: 3,
  /** `blackhole` route: dropped without an answer. */
  Blackhole: 4,
  /** Broadcast or multicast: none of the gateway's business, left to the host. */
  Broadcast: 5,
} as const;
export type RouteKindCode = (typeof RouteKind)[keyof typeof RouteKind];

/**
 * The routing table, as the engine asks it. In the live datapath it is the kernel's own, followed
 * as it changes; in replay and tests a fixed one. Answers are left in the fields: nothing is
 * allocated for a packet. Who asks for a purpose of its own puts them back (`RouteAnswer`).
 */
export interface Routes {
  /** Interface id the last `lookup` leads out of; -1 unless it answered Forward. */
  outIf: number;
  /** MTU towards it, in bytes of IP datagram. */
  mtu: number;
  /** Next hop as address words: the gateway, or the destination itself where it is on the link. */
  hopFamily: number;
  hop0: number;
  hop1: number;
  hop2: number;
  hop3: number;
  /** What rules ask. Leaves the answers of `lookup` alone. */
  readonly queries: RouteQueries;
  /**
   * Looks up the packet's present destination, by policy rules where there are any. `inIf` is the
   * interface it came in by (-1: this host sends it), `mark` its packet mark at this point.
   */
  lookup(packet: Packet, inIf: number, mark: number): RouteKindCode;
  /** Whether `lookup` may answer differently for two packets that differ in their TOS octet alone. */
  looksAtTos(family: number): boolean;
  /** Looks up any address, as for a packet of this host's own of which nothing else is known. */
  lookupAddress(family: number, w0: number, w1: number, w2: number, w3: number): RouteKindCode;
  /**
   * The address this host uses on an interface (the one nearest to the last looked-up next hop),
   * as 1 (IPv4) or 4 (IPv6) words; null where the interface has none.
   */
  addressOf(family: number, interfaceId: number): readonly number[] | null;
  /** MTU of an interface in bytes of IP datagram. */
  mtuOf(interfaceId: number): number;
}

/** What the engine sends on its own account: resets and ICMP errors. */
export interface PacketOutput {
  /**
   * Sends a packet that the gateway made. It begins at `packet.l3Offset` with an IP header whose
   * checksums are complete; routing and link header are the datapath's business. `towardsIf` is the
   * interface the offending packet came from, where the answer normally goes. The cursor is reused
   * after the call.
   */
  emit(packet: Packet, towardsIf: number): void;
}
