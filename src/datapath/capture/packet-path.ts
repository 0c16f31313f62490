import type { Clock } from '../../base/index.ts';
import { type IpFragmenter, Outcome, RouteKind, type Routes } from '../../engine/index.ts';
import { Decode, type DecodeCode, decodeFrame, LinkType, Packet } from '../../wire/index.ts';
import {
  comesFromHere,
  completePartialChecksum,
  Departures,
  isLoopback,
  type PieceSink,
} from '../paths/index.ts';
import { FrameViews } from './frame-views.ts';
import { takePriorityTagOff } from './priority-tag.ts';
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
  private readonly departures: Departures;
  private readonly pieces: PieceSink;
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
    this.departures = new Departures(parts.engine.assembly.fragmenter, parts.stats);
    this.routes = parts.routes;
    this.sender = parts.sender;
    this.pieces = { piece: (packet, outIf) => parts.sender.forward(packet, outIf) };
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
    takePriorityTagOff(packet);
    const decoded = this.decode();
    // A tagged frame belongs to the VLAN interface above, not to this one.
    if (packet.vlanId >= 0) return;
    if (decoded === Decode.Ok && comesFromHere(packet, this.routes)) {
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
    if (decoded !== Decode.Ok) return decoded;
    if (completePartialChecksum(packet)) this.stats.completedChecksums++;
    this.departures.learn(packet);
    return decoded;
  }

  private forward(): void {
    const { departures, packet } = this;
    const { outIf } = this.engine;
    const { mtu } = this.routes;
    if (departures.mustCut(packet, mtu)) departures.cut(packet, mtu, this.pieces, outIf);
    else this.sender.forward(packet, outIf);
  }

  /** To this host itself, though never to its loopback addresses: nothing outside may reach those. */
  private deliver(): void {
    const { packet, stats } = this;
    const { family, dst0, dst1, dst2, dst3 } = packet;
    const kind = this.routes.lookupAddress(family, dst0, dst1, dst2, dst3);
    if (isLoopback(packet) || kind !== RouteKind.Local) stats.martians++;
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
