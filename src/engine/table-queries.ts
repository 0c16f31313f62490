import { AddressKind, type AddressKindCode, type RouteQueries } from '../rules/index.ts';
import type { Packet } from '../wire/index.ts';
import { RouteKind, type RouteKindCode } from './ports.ts';
import type { RouteEntry } from './route-entry.ts';
import type { RouteTable } from './route-table.ts';

/** To this host no link sets a limit but the length field itself. */
const LOCAL_MTU = 65_535;

const kindOfRoute: Readonly<Record<RouteKindCode, AddressKindCode>> = {
  [RouteKind.Forward]: AddressKind.Unicast,
  [RouteKind.Local]: AddressKind.Local,
  [RouteKind.Unreachable]: AddressKind.Unreachable,
  [RouteKind.Prohibited]: AddressKind.Prohibit,
  [RouteKind.Blackhole]: AddressKind.Blackhole,
  [RouteKind.Broadcast]: AddressKind.Broadcast,
};

/** What rules ask of a routing table held in memory. Allocates nothing. */
export class TableQueries implements RouteQueries {
  private readonly table: RouteTable;

  constructor(table: RouteTable) {
    this.table = table;
  }

  /** As inet_dev_addr_type answers for IPv4, and match_type6 of xt_addrtype.c for IPv6. */
  addressKind(
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    interfaceId: number,
  ): AddressKindCode {
    if (family === 4) return this.addressKind4(w0, interfaceId);
    if ((w0 | w1 | w2 | w3) === 0) return AddressKind.Unspecified;
    if (w0 >>> 24 === 0xff) return AddressKind.Multicast;
    const entry = this.table.entryFor(6, w0, w1, w2, w3);
    if (entry === null) return AddressKind.Unreachable;
    const kind = kindOf(entry);
    // RTF_REJECT is all that the kernel looks at there.
    if (kind === AddressKind.Blackhole || kind === AddressKind.Prohibit) {
      return AddressKind.Unreachable;
    }
    return limited(kind, entry, interfaceId);
  }

  /**
   * What no route leads to is unicast there, and so is what a route refuses: the lookup fails, and
   * its type is not looked at. 0.0.0.0 and 255.255.255.255 are broadcast.
   */
  private addressKind4(word: number, interfaceId: number): AddressKindCode {
    if (word === 0 || word === -1) return AddressKind.Broadcast;
    if (word >>> 28 === 14) return AddressKind.Multicast;
    const entry = this.table.ownEntryFor(word);
    if (entry === null) return AddressKind.Unicast;
    const kind = kindOf(entry);
    return kind >= AddressKind.Blackhole ? AddressKind.Unicast : limited(kind, entry, interfaceId);
  }

  /** rpfilter_mt of ipt_rpfilter.c and ip6t_rpfilter.c. */
  reversePathHolds(
    packet: Packet,
    inIf: number,
    loose: boolean,
    acceptLocal: boolean,
    mark: number,
  ): boolean {
    const { family, src0 } = packet;
    if (mayComeFromNowhere(packet)) return true;
    // Only IPv6 asks for the interface, and so finds rules with `oif`.
    const entry = this.table.reverseEntryFor(packet, family === 6 && !loose ? inIf : -1, mark);
    if (entry === null) return isLinkLocal(family, src0);
    const kind = kindOf(entry);
    if (kind === AddressKind.Local) {
      if (!acceptLocal) return false;
      return family === 6 || loose || leadsTo(entry, inIf);
    }
    // Every link has these: they come from the one they came from.
    if (isLinkLocal(family, src0)) return true;
    return kind === AddressKind.Unicast && (loose || leadsTo(entry, inIf));
  }

  pathMtu(family: number, w0: number, w1: number, w2: number, w3: number): number {
    // Of the packet in hand the way is known: policy rules may have led it elsewhere.
    if (this.table.leadsTo(family, w0, w1, w2, w3)) return this.table.mtu;
    const entry = this.table.entryFor(family, w0, w1, w2, w3);
    if (entry === null) return 0;
    if (entry.kind === RouteKind.Forward) return this.table.mtuOfRoute(entry);
    return entry.kind === RouteKind.Local ? LOCAL_MTU : 0;
  }
}

function kindOf(entry: RouteEntry): AddressKindCode {
  return entry.addressKind ?? kindOfRoute[entry.kind];
}

/** Seen from one interface alone, what belongs to another one is nothing special. */
function limited(kind: AddressKindCode, entry: RouteEntry, interfaceId: number): AddressKindCode {
  return interfaceId < 0 || entry.outIf === interfaceId ? kind : AddressKind.Unicast;
}

function leadsTo(entry: RouteEntry, inIf: number): boolean {
  return entry.outIf === inIf || (entry.otherOutIfs?.includes(inIf) ?? false);
}

/** A host that has no address yet speaks to everybody (DHCP, IGMP; duplicate address detection). */
function mayComeFromNowhere(packet: Packet): boolean {
  const { family, src0, dst0 } = packet;
  if (family === 6) return (src0 | packet.src1 | packet.src2 | packet.src3) === 0;
  return src0 === 0 && (dst0 === -1 || dst0 >>> 8 === 0xe00000);
}

/** fe80::/10 (RFC 4291 section 2.5.6). */
function isLinkLocal(family: number, w0: number): boolean {
  return family === 6 && w0 >>> 22 === 0x3fa;
}
