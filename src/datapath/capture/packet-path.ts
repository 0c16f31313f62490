import type { Clock } from '../../base/index.ts';
import { type IpFragmenter, Outcome, RouteKind, type Routes } from '../../engine/index.ts';
import {
  completeL4Checksum,
  Decode,
  type DecodeCode,
  decodeFrame,
  hasPartialChecksum,
  LinkType,
  Packet,
  Proto,
} from '../../wire/index.ts';
import { FrameViews } from './frame-views.ts';
import { MssTable } from './mss-table.ts';
import { TcpSegmenter } from './segment.ts';
import type { CaptureStats } from './stats.ts';

/** What the capture datapath needs of an engine. */
export interface CaptureEngine {
  readonly clock: Clock;
  readonly outIf: number;
  readonly assembly: { readonly fragmenter: IpFragmenter };
  process(packet: Packet, inIf: number): number;
  observeOutput(packet: Packet, outIf: number): void;
  sweep(budget: number): void;
}

/** The ways out: `Sender`, or a recorder in tests. */
export interface PathSender {
  /** Whole seconds; set here. */
  nowSec: number;
  isOwn(packet: Packet): boolean;
  forward(packet: Packet, outIf: number): void;
  deliver(packet: Packet): void;
}

/** By its MAC a frame's direction is known: see `tapFilter`. */
export interface TapAddress {
  readonly macHigh: number;
  readonly macLow: number;
}

export interface PacketPathParts {
  readonly engine: CaptureEngine;
  readonly routes: Routes;
  readonly sender: PathSender;
  readonly stats: CaptureStats;
  readonly log: (line: string) => void;
  /** Milliseconds of any steady clock. */
  readonly now: () => number;
}

/** Rows swept each so many packets, so that expiry goes on where the event loop does not. */
const SWEEP_EVERY = 64;
const SWEEP_ROWS = 32;
/** How long one drain of the rings may last before packets are dropped to bring it to an end. */
const SHED_AFTER_MS = 100;
/** Clocks are read at the beginning of a turn and every so many packets: reading one allocates. */
const CHECK_EVERY = 256;
/** Same complaint at most this often. */
const LOG_EVERY_MS = 10_000;

/**
 * The way of a packet through the capture datapath: tap, checks, engine, out. Hot: allocates nothing
 * of its own per packet, and no exception leaves `take`.
 *
 * Overload: `cap` hands over packets until its ring is empty and only then lets the event loop turn,
 * so at a rate that cannot be sustained timers and the control socket would wait for ever. When one
 * turn has lasted `SHED_AFTER_MS`, packets are dropped unread (and counted) until the rings are
 * empty once.
 */
export class PacketPath {
  /** The one cursor; capture handles write into `buffer`, a view of its memory. */
  readonly packet = new Packet();
  readonly buffer: Buffer;
  private readonly engine: CaptureEngine;
  private readonly routes: Routes;
  private readonly sender: PathSender;
  private readonly stats: CaptureStats;
  private readonly log: (line: string) => void;
  private readonly now: () => number;
  private readonly segmenter = new TcpSegmenter();
  private readonly fragmenter: IpFragmenter;
  private readonly mssTable = new MssTable();
  private count = 0;
  private inTurnCount = 0;
  private inTurn = false;
  private turnBegan = 0;
  private shedding = false;
  private shedLogged = Number.NEGATIVE_INFINITY;
  private faultLogged = Number.NEGATIVE_INFINITY;
  private readonly endTurn = (): void => this.turnEnded();

  constructor(parts: PacketPathParts) {
    this.engine = parts.engine;
    this.fragmenter = parts.engine.assembly.fragmenter;
    this.routes = parts.routes;
    this.sender = parts.sender;
    this.stats = parts.stats;
    this.log = parts.log;
    this.now = parts.now;
    this.buffer = new FrameViews(this.packet).frame(this.packet.capacity);
  }

  /** A frame of `length` bytes lies in `buffer`. Never throws. */
  take(tap: TapAddress, ifId: number, length: number, truncated: boolean): void {
    if (!this.mayTake()) return;
    try {
      if (truncated) this.stats.truncated++;
      this.packet.begin(length, LinkType.Ethernet);
      const { view, frameOffset } = this.packet;
      const sent =
        view.getUint16(frameOffset + 6) === tap.macHigh &&
        view.getInt32(frameOffset + 8) === tap.macLow;
      if (sent) this.observe(ifId);
      else this.receive(ifId);
    } catch (error) {
      this.fault(error);
    }
  }

  /** Sets the clocks; also called by the datapath's timer. */
  tick(): void {
    const { clock } = this.engine;
    clock.setEpochMs(Date.now());
    this.sender.nowSec = clock.sec;
  }

  private receive(ifId: number): void {
    const { packet } = this;
    this.stats.received++;
    this.count++;
    if (this.count % SWEEP_EVERY === 0) this.engine.sweep(SWEEP_ROWS);
    const decoded = this.decode();
    // A tagged frame belongs to the VLAN interface above, not to this one.
    if (packet.vlanId >= 0) return;
    if (decoded === Decode.Ok && this.comesFromHere()) {
      this.stats.martians++;
      return;
    }
    const outcome = this.engine.process(packet, ifId);
    if (outcome === Outcome.Forward) this.forward();
    else if (outcome === Outcome.Deliver) this.deliver();
  }

  /** A frame that this host sent: its own, or one that went through the raw socket here. */
  private observe(ifId: number): void {
    const { packet } = this;
    const decoded = this.decode();
    if (packet.vlanId >= 0 || decoded !== Decode.Ok || this.sender.isOwn(packet)) return;
    this.stats.observed++;
    this.engine.observeOutput(packet, ifId);
  }

  /** Decodes, completes a checksum that was left to a card that does not exist, reads what SYNs say. */
  private decode(): DecodeCode {
    const { packet } = this;
    const decoded = decodeFrame(packet);
    if (decoded === Decode.BadIpTotalLength) this.stats.truncated++;
    if (decoded !== Decode.Ok || packet.protocol !== Proto.Tcp) {
      if (decoded === Decode.Ok && hasPartialChecksum(packet)) this.complete();
      return decoded;
    }
    if (hasPartialChecksum(packet)) this.complete();
    this.mssTable.learn(packet);
    return decoded;
  }

  private complete(): void {
    completeL4Checksum(this.packet);
    this.packet.checksumIsOurs = true;
    this.stats.completedChecksums++;
  }

  /**
   * A source that cannot come in from outside: this host's own addresses, loopback, broadcast,
   * multicast, 0.0.0.0/8 (RFC 1812 section 5.3.7; fib_validate_source in the kernel).
   */
  private comesFromHere(): boolean {
    const { packet } = this;
    const { family, src0, src1, src2, src3 } = packet;
    if (family === 4 && src0 >>> 24 === 0) return true;
    const kind = this.routes.lookupAddress(family, src0, src1, src2, src3);
    return kind === RouteKind.Local || kind === RouteKind.Broadcast;
  }

  private forward(): void {
    const { packet, routes, sender } = this;
    const { outIf } = this.engine;
    if (!this.fragmenter.mustCut(packet, routes.mtu)) sender.forward(packet, outIf);
    else if (packet.fragMaxSize > 0) this.fragment(outIf, routes.mtu);
    else this.cut(outIf, routes.mtu);
  }

  /**
   * Longer than the way out takes, and yet the engine let it through: a super-frame, a segment that
   * grew by translation, or an IPv4 datagram that may be fragmented. A super-frame of datagrams
   * cannot be cut, since nobody knows any more where one ended.
   */
  private cut(outIf: number, mtu: number): void {
    const { packet } = this;
    const whole = decodeFrame(packet) === Decode.Ok && !packet.isFragment;
    if (whole && packet.protocol === Proto.Tcp) this.segment(outIf, mtu);
    else if (packet.family === 4 && !packet.dontFragment) this.fragment(outIf, mtu);
    else this.stats.unsegmentable++;
  }

  private segment(outIf: number, mtu: number): void {
    const { packet, segmenter, stats } = this;
    if (!segmenter.begin(packet, mtu, this.mssTable.towards(packet))) {
      stats.unsegmentable++;
      return;
    }
    stats.superFrames++;
    while (segmenter.next()) {
      stats.segments++;
      this.sender.forward(segmenter.segment, outIf);
    }
  }

  private fragment(outIf: number, mtu: number): void {
    const { packet, fragmenter, stats } = this;
    if (!fragmenter.begin(packet, mtu)) {
      stats.unsegmentable++;
      return;
    }
    while (fragmenter.next()) {
      stats.fragments++;
      this.sender.forward(fragmenter.fragment, outIf);
    }
  }

  /** To this host itself, though never to its loopback addresses: nothing outside may reach those. */
  private deliver(): void {
    const { packet, stats } = this;
    const { family, dst0, dst1, dst2, dst3 } = packet;
    const loopback = family === 4 ? dst0 >>> 24 === 127 : (dst0 | dst1 | dst2) === 0 && dst3 === 1;
    const kind = this.routes.lookupAddress(family, dst0, dst1, dst2, dst3);
    if (loopback || kind !== RouteKind.Local) stats.martians++;
    else this.sender.deliver(packet);
  }

  /** Keeps the clocks, and says whether this packet is still within what one turn may take. */
  private mayTake(): boolean {
    if (this.shedding) {
      this.stats.shed++;
      return false;
    }
    if (!this.inTurn) {
      this.inTurn = true;
      this.inTurnCount = 0;
      this.turnBegan = this.now();
      setImmediate(this.endTurn);
      this.tick();
      return true;
    }
    this.inTurnCount++;
    if (this.inTurnCount % CHECK_EVERY !== 0) return true;
    this.tick();
    this.shedding = this.now() - this.turnBegan > SHED_AFTER_MS;
    return true;
  }

  private turnEnded(): void {
    this.inTurn = false;
    if (!this.shedding) return;
    this.shedding = false;
    const now = this.now();
    if (now - this.shedLogged < LOG_EVERY_MS) return;
    this.shedLogged = now;
    this.log(`capture: overloaded: ${this.stats.shed} packets dropped unread so far`);
  }

  private fault(error: unknown): void {
    this.stats.faults++;
    const now = this.now();
    if (now - this.faultLogged < LOG_EVERY_MS) return;
    this.faultLogged = now;
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.log(`capture: a packet was dropped by a fault (${this.stats.faults} so far): ${what}`);
  }
}
