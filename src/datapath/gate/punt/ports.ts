import type { Clock } from '../../../base/index.ts';
import type { IpFragmenter, Routes } from '../../../engine/index.ts';
import type { Packet } from '../../../wire/index.ts';

/** What the slow path needs of an engine. */
export interface PuntEngine {
  readonly clock: Clock;
  /** Of the last packet. */
  readonly outIf: number;
  /** Whether OUTPUT has asked the routes anew: else the way is the one its sender chose. */
  readonly flight: { readonly rerouted: boolean };
  /** Of the last packet, as the rules have left it. */
  readonly context: { readonly mark: number };
  readonly assembly: { readonly fragmenter: IpFragmenter };
  process(packet: Packet, inIf: number): number;
  /** `uid`: owner of the sending socket; -1 where there is none. `mark`: the socket's. */
  processOutput(packet: Packet, outIf: number, uid: number, mark: number): number;
  sweep(budget: number): void;
}

/** The routes, with the kernel's neighbours. */
export interface PuntRoutes extends Routes {
  readonly neighbours: {
    /** The MAC of the last `find` that succeeded: first two and last four bytes. */
    readonly macHigh: number;
    readonly macLow: number;
    find(ifId: number, w0: number, w1: number, w2: number, w3: number, nowSec: number): boolean;
  };
}

/** Ways out by number, as the program knows them: `HopTable`. */
export interface HopSource {
  /**
   * Kernel index, MTU in bytes of IP datagram, family of the next hop (0: the packet's own
   * destination) and its address words. -1: no room.
   */
  intern(
    ifindex: number,
    mtu: number,
    family: number,
    address0: number,
    address1: number,
    address2: number,
    address3: number,
    managed: boolean,
  ): number;
}

/** Frames on their way out, sent together: `PacketSocket`. */
export interface FrameBatch {
  /** Frames that it holds, and bytes of room for each: a multiple of four. */
  readonly slots: number;
  readonly slotBytes: number;
  /** The memory of the slots, one behind the other. */
  readonly words: Int32Array;
  readonly view: DataView;
  /** Frames queued since the last flush: the next slot to use. */
  readonly queued: number;
  /**
   * The frame of `length` bytes from `offset` of a slot on goes out of an interface. `mark`: its own;
   * 0: that of the gate.
   */
  queue(slot: number, offset: number, length: number, ifindex: number, mark: number): void;
  /** Sends what is queued; what the kernel does not take is lost, and counted there. */
  flush(): unknown;
}

/** Has the event loop watch the rings: `Waiter`. */
export interface RingWatcher {
  /**
   * Calls `turn` from the event loop as often as it turns while a ring holds something that was not
   * released.
   */
  watch(turn: () => void): RingWatch;
}

/** Until closed; may be closed from within a turn. */
export interface RingWatch {
  close(): void;
}
