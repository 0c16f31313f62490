import { type PacketOutput, RouteAnswer, RouteKind } from '../../../engine/index.ts';
import type { Packet } from '../../../wire/index.ts';
import { ReentryOp } from '../layout.ts';
import { copyWords } from './copy-words.ts';
import type { GatePorts } from './gate-ports.ts';
import type { FrameBatch, HopSource, PuntRoutes } from './ports.ts';
import type { PuntStats } from './stats.ts';

const ETHERNET_HEADER = 14;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
/** First two bytes of the MACs that carry an instruction: see `ReentryOp`. */
const FORWARD = 0x0200 | ReentryOp.Forward;
const UP = 0x0200 | ReentryOp.Up;
const HOP = 0x0200;
/** Of `lo`, in every network namespace (net/core/dev.c: LOOPBACK_IFINDEX). */
const LOOPBACK_IFINDEX = 1;

export interface GateSenderParts {
  readonly batch: FrameBatch;
  readonly routes: PuntRoutes;
  readonly ports: GatePorts;
  readonly hops: HopSource;
  readonly stats: PuntStats;
  /** Kernel index of `punt1`. */
  readonly pairIfindex: number;
}

/**
 * The ways out of the slow path, all through one packet socket: straight out of an interface where the
 * neighbour is known, else through the punt pair with an instruction in the MACs (see `ReentryOp`),
 * where the kernel finds the neighbour or hands the frame up. Nothing leaves before the batch is
 * flushed, by the loop or because it is full. Hot.
 */
export class GateSender implements PacketOutput {
  /** Whole seconds of any clock; set by the loop. */
  nowSec = 0;
  /** Of the packet that is sent: what queueing disciplines see. 0: none. Set by the path. */
  mark = 0;
  /** Kernel index of `punt1`; another one where the pair had to be made anew. */
  pairIfindex: number;
  private readonly answer = new RouteAnswer();
  private readonly batch: FrameBatch;
  private readonly routes: PuntRoutes;
  private readonly ports: GatePorts;
  private readonly hops: HopSource;
  private readonly stats: PuntStats;

  constructor(parts: GateSenderParts) {
    this.batch = parts.batch;
    this.routes = parts.routes;
    this.ports = parts.ports;
    this.hops = parts.hops;
    this.stats = parts.stats;
    this.pairIfindex = parts.pairIfindex;
  }

  /** Sends a packet out of an interface, to the next hop that `routes` holds. */
  forward(packet: Packet, outIf: number): void {
    const { ports, routes } = this;
    const { neighbours, hop0, hop1, hop2, hop3 } = routes;
    const isKnown =
      ports.isManaged(outIf) && neighbours.find(outIf, hop0, hop1, hop2, hop3, this.nowSec);
    if (!isKnown) {
      this.forwardByKernel(packet, outIf);
      return;
    }
    const { macHigh, macLow } = neighbours;
    this.sendOut(packet, outIf, macHigh, macLow, ports.macHigh(outIf), ports.macLow(outIf));
  }

  /** Sends a packet out of an interface, between these MACs (first two and last four bytes). */
  sendOut(
    packet: Packet,
    outIf: number,
    toHigh: number,
    toLow: number,
    fromHigh: number,
    fromLow: number,
  ): void {
    const ifindex = this.ports.ifindexOf(outIf);
    if (this.send(packet, ifindex, toHigh, toLow, fromHigh, fromLow)) this.stats.forwarded++;
  }

  /** Hands a packet up to this host as received on an interface, with this destination MAC. */
  deliver(packet: Packet, ifId: number, macHigh: number, macLow: number): void {
    this.up(packet, this.ports.ifindexOf(ifId), macHigh, macLow);
  }

  /** IPv4 needs accept_local there, and route_localnet where it goes to 127.0.0.1. */
  private loopBack(packet: Packet): void {
    this.up(packet, LOOPBACK_IFINDEX, 0, 0);
  }

  /** Gives a frame back as it came in: up to this host, with this destination MAC. */
  returnUp(packet: Packet, ifId: number, macHigh: number, macLow: number): void {
    const ifindex = this.ports.ifindexOf(ifId);
    if (ifindex === 0) this.stats.unsendable++;
    else if (this.copyFrame(packet, this.pairIfindex, UP, ifindex, macHigh, macLow)) {
      this.stats.handedBack++;
    }
  }

  /** The same for a frame of this host's own: out, with this source MAC. */
  returnOut(packet: Packet, outIf: number, fromHigh: number, fromLow: number): void {
    const { view, frameOffset } = packet;
    const ifindex = this.ports.ifindexOf(outIf);
    const toHigh = view.getUint16(frameOffset);
    const toLow = view.getInt32(frameOffset + 2);
    if (this.copyFrame(packet, ifindex, toHigh, toLow, fromHigh, fromLow)) this.stats.handedBack++;
  }

  emit(packet: Packet, towardsIf: number): void {
    // The engine may still want its own answer from the routing table.
    this.answer.keep(this.routes);
    this.stats.emitted++;
    readAddresses(packet);
    this.emitByRoute(packet, towardsIf);
    this.answer.putBack(this.routes);
  }

  private emitByRoute(packet: Packet, towardsIf: number): void {
    const { routes } = this;
    if (isLinkLocal(packet)) {
      routes.mtu = routes.mtuOf(towardsIf);
      routes.hopFamily = 6;
      routes.hop0 = packet.dst0;
      routes.hop1 = packet.dst1;
      routes.hop2 = packet.dst2;
      routes.hop3 = packet.dst3;
      this.forward(packet, towardsIf);
      return;
    }
    const kind = routes.lookup(packet, -1, 0);
    if (kind === RouteKind.Forward) this.forward(packet, routes.outIf);
    else if (kind === RouteKind.Local) this.bringHome(packet, towardsIf);
    else this.stats.unsendable++;
  }

  /**
   * Hands this host a packet of its own: by `lo`, or where it speaks in the name of somebody else as if
   * that one had sent it. `towardsIf`: where no route says from where.
   */
  bringHome(packet: Packet, towardsIf: number): void {
    const { ports, routes } = this;
    const kind = routes.lookupAddress(
      packet.family,
      packet.src0,
      packet.src1,
      packet.src2,
      packet.src3,
    );
    if (kind === RouteKind.Local) {
      this.loopBack(packet);
      return;
    }
    // As from where the one in whose name it speaks would answer: strict rp_filter looks there.
    const ifId = kind === RouteKind.Forward ? routes.outIf : towardsIf;
    this.deliver(packet, ifId, ports.macHigh(ifId), ports.macLow(ifId));
  }

  /** The neighbour is not known here, or the interface is none of ours. */
  private forwardByKernel(packet: Packet, outIf: number): void {
    const { ports, routes } = this;
    const ifindex = ports.ifindexOf(outIf);
    // Destinations on the link share one hop: there may be more of them than hops.
    const family = leadsToItself(packet, routes) ? 0 : routes.hopFamily;
    const hop =
      ifindex === 0
        ? -1
        : this.hops.intern(
            ifindex,
            routes.mtu,
            family,
            routes.hop0,
            routes.hop1,
            routes.hop2,
            routes.hop3,
            ports.isManaged(outIf),
          );
    if (hop < 0) this.stats.unsendable++;
    else if (this.send(packet, this.pairIfindex, FORWARD, ifindex, HOP, hop)) this.stats.viaPair++;
  }

  private up(packet: Packet, ifindex: number, macHigh: number, macLow: number): void {
    if (ifindex === 0) this.stats.unsendable++;
    else if (this.send(packet, this.pairIfindex, UP, ifindex, macHigh, macLow)) {
      this.stats.delivered++;
    }
  }

  /** Queues the IP datagram of a packet behind a new link header. */
  private send(
    packet: Packet,
    ifindex: number,
    toHigh: number,
    toLow: number,
    fromHigh: number,
    fromLow: number,
  ): boolean {
    const start = packet.l3Offset - ETHERNET_HEADER;
    const at = ifindex === 0 ? -1 : this.copy(packet, start, packet.l3End);
    if (at < 0) return this.refuse();
    this.batch.view.setUint16(at + 12, packet.family === 4 ? IPV4 : IPV6);
    this.queue(at, packet.l3End - start, ifindex, toHigh, toLow, fromHigh, fromLow);
    return true;
  }

  /** Queues the whole frame, whatever it holds, between other MACs. */
  private copyFrame(
    packet: Packet,
    ifindex: number,
    toHigh: number,
    toLow: number,
    fromHigh: number,
    fromLow: number,
  ): boolean {
    const { frameOffset, frameEnd } = packet;
    const at = ifindex === 0 ? -1 : this.copy(packet, frameOffset, frameEnd);
    if (at < 0) return this.refuse();
    this.queue(at, frameEnd - frameOffset, ifindex, toHigh, toLow, fromHigh, fromLow);
    return true;
  }

  private refuse(): boolean {
    this.stats.unsendable++;
    return false;
  }

  /** Copies bytes into the next slot; where they stand in the batch's memory, -1: they do not fit. */
  private copy(packet: Packet, start: number, end: number): number {
    const { batch } = this;
    if (batch.queued === batch.slots) batch.flush();
    // From a whole word on, so that words can be copied: the rest is cut off by the offset.
    const from = start >>> 2;
    const count = ((end + 3) >>> 2) - from;
    if (count << 2 > batch.slotBytes) return -1;
    const slotAt = batch.queued * batch.slotBytes;
    copyWords(packet.words, from, batch.words, slotAt >>> 2, count);
    return slotAt + (start & 3);
  }

  private queue(
    at: number,
    length: number,
    ifindex: number,
    toHigh: number,
    toLow: number,
    fromHigh: number,
    fromLow: number,
  ): void {
    const { batch, mark } = this;
    const { view, queued } = batch;
    view.setUint16(at, toHigh);
    view.setInt32(at + 2, toLow);
    view.setUint16(at + 6, fromHigh);
    view.setInt32(at + 8, fromLow);
    batch.queue(queued, at - queued * batch.slotBytes, length, ifindex, mark);
  }
}

/** Sets the cursor's addresses by its bytes: of what the engine made only those are sure. */
function readAddresses(packet: Packet): void {
  const { view, l3Offset: at } = packet;
  const four = view.getUint8(at) >>> 4 === 4;
  packet.family = four ? 4 : 6;
  packet.src0 = view.getInt32(at + (four ? 12 : 8));
  packet.src1 = four ? 0 : view.getInt32(at + 12);
  packet.src2 = four ? 0 : view.getInt32(at + 16);
  packet.src3 = four ? 0 : view.getInt32(at + 20);
  packet.dst0 = view.getInt32(at + (four ? 16 : 24));
  packet.dst1 = four ? 0 : view.getInt32(at + 28);
  packet.dst2 = four ? 0 : view.getInt32(at + 32);
  packet.dst3 = four ? 0 : view.getInt32(at + 36);
}

/** fe80::/10 (RFC 4291 section 2.5.6): means something on one link only. */
function isLinkLocal(packet: Packet): boolean {
  return packet.family === 6 && (packet.dst0 & 0xffc00000) === (0xfe800000 | 0);
}

/** True where the next hop is the destination. */
function leadsToItself(packet: Packet, routes: PuntRoutes): boolean {
  return (
    packet.family === routes.hopFamily &&
    packet.dst0 === routes.hop0 &&
    packet.dst1 === routes.hop1 &&
    packet.dst2 === routes.hop2 &&
    packet.dst3 === routes.hop3
  );
}
