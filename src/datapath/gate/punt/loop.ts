import type { FrameBatch, PuntEngine, RingWatch, RingWatcher } from './ports.ts';
import type { RingReader } from './ring-reader.ts';
import type { PuntStats } from './stats.ts';

/** Packets between two flushes. */
const BATCH = 32;
/** It is a flood where strangers fill more than this part of their ring: 64 KiB, some 500 packets. */
const FLOOD_SHIFT = 7;
/** Of a batch, what known connections may take in a flood before strangers have had their share. */
const KNOWN_SHARE = 24;
/** A turn ends after so many packets, or as soon as a batch ends after so long. */
const TURN_PACKETS = 256;
const TURN_MS = 2;
/** Rows swept a batch, so that expiry goes on however full the rings are. */
const SWEEP_ROWS = 16;
/** Same complaint at most this often. */
const LOG_EVERY_MS = 10_000;

export interface PuntLoopParts {
  readonly engine: PuntEngine;
  readonly path: { take(words: Int32Array, at: number): void };
  readonly sender: { nowSec: number };
  readonly known: RingReader;
  readonly other: RingReader;
  readonly batch: FrameBatch;
  readonly watcher: RingWatcher;
  readonly stats: PuntStats;
  readonly log: (line: string) => void;
  /** Unix time in milliseconds; default `Date.now`. */
  readonly epochMs?: () => number;
  /** Milliseconds of a steady clock; default `performance.now`. */
  readonly steadyMs?: () => number;
}

/**
 * Takes packets from the rings in turns with a budget, and lets the event loop turn in between: under
 * any flood timers run and the control socket answers. In a flood known connections go first, and
 * strangers have a guaranteed share; what is too much is lost in the rings, by the kernel, and costs
 * nothing here. Otherwise packets keep their order across the two rings, as far as it can matter: a
 * server's reply must not overtake the data connection that it closes (clients give up then).
 *
 * The event loop itself watches the rings (`RingWatcher`), and calls again as long as they hold
 * something that was not released: a turn may end at its budget, and none is missed. See `RingReader`
 * for when the kernel wakes us.
 */
export class PuntLoop {
  private readonly parts: PuntLoopParts;
  private readonly epochMs: () => number;
  private readonly steadyMs: () => number;
  private readonly runTurn = (): void => this.turn();
  private watch: RingWatch | null = null;
  /** Packets of known connections taken since the rings were last looked at. */
  private knownTaken = 0;
  private faultLogged = Number.NEGATIVE_INFINITY;

  constructor(parts: PuntLoopParts) {
    this.parts = parts;
    this.epochMs = parts.epochMs ?? Date.now;
    this.steadyMs = parts.steadyMs ?? (() => performance.now());
  }

  /** From now on packets are taken, from the event loop. Keeps the process alive until `stop`. */
  start(): void {
    if (this.watch !== null) return;
    this.tick();
    this.watch = this.parts.watcher.watch(this.runTurn);
  }

  /**
   * Takes no further packet, even where it is called while one is being processed: then what was
   * taken is still released and sent, so rings and batch may be closed after the present turn of the
   * event loop.
   */
  stop(): void {
    this.watch?.close();
    this.watch = null;
  }

  /** Sets the clocks; to be called by a timer of the datapath, too. */
  tick(): void {
    const { clock } = this.parts.engine;
    clock.setEpochMs(this.epochMs());
    this.parts.sender.nowSec = clock.sec;
  }

  private turn(): void {
    this.parts.stats.turns++;
    try {
      this.takeBatches();
    } catch (error) {
      // Not of a packet, those are caught one by one: of the sweep, or of sending.
      this.fault(error);
    }
  }

  private takeBatches(): void {
    const began = this.steadyMs();
    let taken = 0;
    while (this.watch !== null && taken < TURN_PACKETS) {
      const inBatch = this.takeBatch();
      taken += inBatch;
      if (inBatch === 0 || this.steadyMs() - began >= TURN_MS) return;
    }
  }

  private takeBatch(): number {
    const { batch, engine, known, other } = this.parts;
    if (known.isEmpty() && other.isEmpty()) return 0;
    this.tick();
    if (known.seenBytes === 0 || this.knownTaken >= TURN_PACKETS) this.look();
    const isFlood = other.seenBytes > other.size >> FLOOD_SHIFT;
    let taken = isFlood ? this.takeFrom(known, KNOWN_SHARE) : 0;
    this.knownTaken += taken;
    taken += this.takeFrom(other, BATCH - taken);
    const rest = this.takeFrom(known, BATCH - taken);
    this.knownTaken += rest;
    taken += rest;
    if (batch.queued > 0) batch.flush();
    // Behind the flush: what it has the ends answer is punted within it, and need not wake anybody.
    known.release();
    other.release();
    engine.sweep(SWEEP_ROWS);
    return taken;
  }

  /** Known connections first: the strangers that their packets came behind are seen as well then. */
  private look(): void {
    this.parts.known.look();
    this.parts.other.look();
    this.knownTaken = 0;
  }

  private takeFrom(ring: RingReader, limit: number): number {
    const { path } = this.parts;
    let taken = 0;
    while (taken < limit && this.watch !== null) {
      const at = ring.nextSeen();
      if (at < 0) break;
      path.take(ring.words, at);
      taken++;
    }
    return taken;
  }

  private fault(error: unknown): void {
    this.parts.stats.faults++;
    const now = this.steadyMs();
    if (now - this.faultLogged < LOG_EVERY_MS) return;
    this.faultLogged = now;
    this.parts.log(`gate: a turn was cut short by a fault: ${String(error)}`);
  }
}
