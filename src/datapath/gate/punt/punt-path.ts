import { Outcome, RouteKind } from '../../../engine/index.ts';
import { Decode, decodeFrame, LinkType, Packet } from '../../../wire/index.ts';
import {
  comesFromHere,
  completePartialChecksum,
  Departures,
  isLoopback,
  type PieceSink,
} from '../../paths/index.ts';
import { PUNT_HEADER_BYTES, PuntFlag, PuntWord } from '../layout.ts';
import { copyWords } from './copy-words.ts';
import type { GatePorts } from './gate-ports.ts';
import type { GateSender } from './gate-sender.ts';
import type { PuntEngine, PuntRoutes } from './ports.ts';
import type { PuntStats } from './stats.ts';

/** Same complaint at most this often. */
const LOG_EVERY_MS = 10_000;
const HEADER_WORDS = PUNT_HEADER_BYTES >> 2;
/** Of `PuntWord.Way`. */
const FLAG_BITS = 8;
const FLAGS_MASK = (1 << FLAG_BITS) - 1;
/** RFC 3376. */
const IGMP = 2;

export interface PuntPathParts {
  readonly engine: PuntEngine;
  readonly routes: PuntRoutes;
  readonly ports: GatePorts;
  readonly sender: GateSender;
  readonly stats: PuntStats;
  readonly log: (line: string) => void;
  /** Milliseconds of any steady clock. */
  readonly now: () => number;
}

/**
 * The way of a punted packet: ring, checks, engine, out. Hot: allocates nothing per packet, and no
 * exception leaves `take`.
 */
export class PuntPath {
  private readonly packet = new Packet();
  private readonly engine: PuntEngine;
  private readonly routes: PuntRoutes;
  private readonly ports: GatePorts;
  private readonly sender: GateSender;
  private readonly stats: PuntStats;
  private readonly log: (line: string) => void;
  private readonly now: () => number;
  private readonly departures: Departures;
  /** Link addresses of the frame in hand as it came: the engine may move the header behind them. */
  private toHigh = 0;
  private toLow = 0;
  private fromHigh = 0;
  private fromLow = 0;
  private faultLogged = Number.NEGATIVE_INFINITY;
  private readonly forwarded: PieceSink = {
    piece: (packet, outIf) => this.sender.forward(packet, outIf),
  };
  private readonly delivered: PieceSink = {
    piece: (packet, ifId) => this.sender.deliver(packet, ifId, this.toHigh, this.toLow),
  };
  private readonly sentOut: PieceSink = {
    piece: (packet, outIf) => this.sendOut(packet, outIf),
  };

  constructor(parts: PuntPathParts) {
    this.engine = parts.engine;
    this.routes = parts.routes;
    this.ports = parts.ports;
    this.sender = parts.sender;
    this.stats = parts.stats;
    this.log = parts.log;
    this.now = parts.now;
    this.departures = new Departures(parts.engine.assembly.fragmenter, parts.stats);
  }

  /** Takes the record that stands at this index of a ring's words. Never throws. */
  take(words: Int32Array, at: number): void {
    try {
      const way = words[at + PuntWord.Way]!;
      const flags = way & FLAGS_MASK;
      const ifId = this.ports.idOf(way >>> FLAG_BITS);
      // Of an interface that has gone meanwhile.
      if (ifId < 0 || !this.load(words, at)) this.stats.unsendable++;
      else if ((flags & PuntFlag.Output) === 0) this.receive(ifId, flags);
      else this.sendOn(ifId, flags, words[at + PuntWord.Uid]!, words[at + PuntWord.Mark]!);
    } catch (error) {
      this.fault(error);
    } finally {
      this.sender.mark = 0;
    }
  }

  private load(words: Int32Array, at: number): boolean {
    const { packet } = this;
    const length = words[at + PuntWord.Length]!;
    if (length < 14 || length > packet.capacity) return false;
    packet.begin(length, LinkType.Ethernet);
    const { view, frameOffset } = packet;
    copyWords(words, at + HEADER_WORDS, packet.words, frameOffset >> 2, (length + 3) >> 2);
    this.toHigh = view.getUint16(frameOffset);
    this.toLow = view.getInt32(frameOffset + 2);
    this.fromHigh = view.getUint16(frameOffset + 6);
    this.fromLow = view.getInt32(frameOffset + 8);
    return true;
  }

  private receive(ifId: number, flags: number): void {
    const { packet, ports, stats } = this;
    stats.received++;
    const isGroup = (flags & PuntFlag.Segment) === 0 && (this.toHigh & 0x0100) !== 0;
    if (!isGroup) {
      // Of a segment the pair has used the address for another purpose.
      this.toHigh = ports.macHigh(ifId);
      this.toLow = ports.macLow(ifId);
    }
    if (this.decode() && this.isMartian(isGroup)) {
      stats.martians++;
      return;
    }
    // A tagged frame belongs to the VLAN interface above, not to this one.
    const isTagged = packet.vlanId >= 0;
    const outcome = isTagged ? Outcome.Ignore : this.engine.process(packet, ifId);
    if (outcome === Outcome.Forward) this.forward();
    else if (outcome === Outcome.Deliver) this.deliver(ifId);
    else if (outcome === Outcome.Ignore) {
      this.sender.returnUp(packet, ifId, this.toHigh, this.toLow);
    }
  }

  /** A packet of this host's own, held back on its way out. */
  private sendOn(outIf: number, flags: number, uid: number, mark: number): void {
    const { engine, packet, ports, sender } = this;
    this.stats.observed++;
    if ((flags & PuntFlag.Segment) !== 0) {
      this.fromHigh = ports.macHigh(outIf);
      this.fromLow = ports.macLow(outIf);
    }
    this.decode();
    const isTagged = packet.vlanId >= 0;
    const outcome = isTagged ? Outcome.Ignore : engine.processOutput(packet, outIf, uid, mark);
    sender.mark = isTagged ? mark : engine.context.mark;
    if (outcome === Outcome.Ignore) {
      sender.returnOut(packet, outIf, this.fromHigh, this.fromLow);
    } else if (outcome === Outcome.Deliver) sender.bringHome(packet, outIf);
    else if (outcome === Outcome.Forward) {
      if (engine.flight.rerouted) this.forward();
      else this.goOn(outIf);
    }
  }

  /** Decodes, completes a checksum that was left to a network card, reads what SYNs say. */
  private decode(): boolean {
    const { packet } = this;
    if (decodeFrame(packet) !== Decode.Ok) return false;
    if (completePartialChecksum(packet)) this.stats.completedChecksums++;
    this.departures.learn(packet);
    return true;
  }

  /** What the kernel's routing refuses of what comes in, before any rule but those of raw. */
  private isMartian(isGroup: boolean): boolean {
    const { packet, routes } = this;
    if (isUnconfigured(packet)) return false;
    if (comesFromHere(packet, routes)) return true;
    if (!isGroup) return false;
    // ip_forward and ip6_forward: what was sent to many hosts is not forwarded to one.
    const { family, dst0, dst1, dst2, dst3 } = packet;
    const kind = routes.lookupAddress(family, dst0, dst1, dst2, dst3);
    return kind !== RouteKind.Local && kind !== RouteKind.Broadcast;
  }

  private forward(): void {
    const { departures, packet } = this;
    const { outIf } = this.engine;
    const { mtu } = this.routes;
    if (departures.mustCut(packet, mtu)) departures.cut(packet, mtu, this.forwarded, outIf);
    else this.sender.forward(packet, outIf);
  }

  /** To this host itself, though never to its loopback addresses: nothing outside may reach those. */
  private deliver(ifId: number): void {
    const { departures, packet, routes } = this;
    if (isLoopback(packet)) {
      this.stats.martians++;
      return;
    }
    const mtu = routes.mtuOf(ifId);
    // Put together here, it may be longer than any frame: the kernel puts it together once more.
    if (packet.fragMaxSize > 0 && departures.mustCut(packet, mtu)) {
      departures.cut(packet, mtu, this.delivered, ifId);
    } else this.sender.deliver(packet, ifId, this.toHigh, this.toLow);
  }

  /** The way that the kernel had chosen, the neighbour included. */
  private goOn(outIf: number): void {
    const { departures, packet } = this;
    const mtu = this.routes.mtuOf(outIf);
    if (departures.mustCut(packet, mtu)) departures.cut(packet, mtu, this.sentOut, outIf);
    else this.sendOut(packet, outIf);
  }

  private sendOut(packet: Packet, outIf: number): void {
    this.sender.sendOut(packet, outIf, this.toHigh, this.toLow, this.fromHigh, this.fromLow);
  }

  private fault(error: unknown): void {
    this.stats.faults++;
    const now = this.now();
    if (now - this.faultLogged < LOG_EVERY_MS) return;
    this.faultLogged = now;
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log(`gate: a packet was dropped by a fault (${this.stats.faults} so far): ${what}`);
  }
}

/**
 * A host that has no address yet may speak to everybody on its link, for DHCP and IGMP
 * (ip_route_input_slow, ip_mc_validate_source).
 */
function isUnconfigured(packet: Packet): boolean {
  const { family, protocol, src0, dst0 } = packet;
  if (family !== 4 || src0 >>> 24 !== 0) return false;
  if (dst0 === -1 || dst0 >>> 8 === 0xe00000) return true;
  return protocol === IGMP && dst0 >>> 28 === 14;
}
