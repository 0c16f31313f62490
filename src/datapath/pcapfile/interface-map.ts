import type { InterfaceTable } from '../../base/index.ts';
import { type RouteEntry, RouteKind, RouteTable } from '../../engine/index.ts';
import { AddressKind } from '../../rules/index.ts';
import type { Packet } from '../../wire/index.ts';

/** One `NAME=CIDR` of the replay: the addresses that lie behind an interface. */
export interface InterfacePrefix {
  readonly name: string;
  readonly family: 4 | 6;
  /** The address as given: with bits behind the prefix it is the gateway's own address there. */
  readonly words: readonly number[];
  readonly prefixLength: number;
  readonly hasHostPart: boolean;
}

/** Frames of a capture were taken from a link of any MTU, often before segmentation. */
const ANY_MTU = 65_535;

/**
 * Which interface a captured packet would have come in by, and gone out of: a capture file does not
 * say, so addresses decide. Without any prefix all traffic crosses one nameless interface.
 */
export class InterfaceMap {
  readonly routes = new RouteTable();
  private readonly sources = new RouteTable();

  constructor(prefixes: readonly InterfacePrefix[], interfaces: InterfaceTable) {
    const nameless = interfaces.id('');
    this.routes.setMtu(nameless, ANY_MTU);
    for (const family of [4, 6] as const) this.addEverywhere(family, nameless);
    for (const prefix of prefixes) this.add(prefix, interfaces.id(prefix.name));
  }

  /** Id of the interface that a packet's source lies behind. */
  ingressOf(packet: Packet): number {
    const { family, src0, src1, src2, src3 } = packet;
    if (family === 0) return -1;
    this.sources.lookupAddress(family, src0, src1, src2, src3);
    return this.sources.outIf;
  }

  private addEverywhere(family: 4 | 6, id: number): void {
    const prefix = family === 4 ? [0] : [0, 0, 0, 0];
    const entry = { family, prefix, prefixLength: 0, kind: RouteKind.Forward, outIf: id };
    // Anything the caller names is better than this.
    this.routes.addRoute({ ...entry, metric: 1 });
    this.sources.addRoute({ ...entry, metric: 1 });
  }

  private add(prefix: InterfacePrefix, id: number): void {
    const { family, words, prefixLength } = prefix;
    const entry = { family, prefix: words, prefixLength, kind: RouteKind.Forward, outIf: id };
    this.routes.addRoute(entry);
    this.sources.addRoute(entry);
    this.routes.setMtu(id, ANY_MTU);
    if (!prefix.hasHostPart) return;
    this.routes.addLocal(family, words, id);
    this.addBroadcast(entry);
    this.routes.addInterfaceAddress(family, id, words, prefixLength);
  }

  /** Only rules are told of it: a capture does not say whom such a frame was for. */
  private addBroadcast(subnet: RouteEntry): void {
    const { family, prefix, prefixLength } = subnet;
    if (family !== 4 || prefixLength >= 31) return;
    this.routes.addRoute({
      ...subnet,
      prefix: [prefix[0]! | (2 ** (32 - prefixLength) - 1)],
      prefixLength: 32,
      addressKind: AddressKind.Broadcast,
    });
  }
}
