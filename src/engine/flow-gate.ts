import type { DirectionCode, Tuple } from '../conntrack/index.ts';

/** What a flow gate does with the packets of one direction of a connection. */
export const GateAction = {
  /** Out of `outIf`, to the hop. */
  Forward: 1,
  /** Up to this host. */
  Local: 2,
  /** This host's own packets, on their way out. */
  Out: 3,
  /** None are taken over: they come to the engine, ahead of strangers. */
  Known: 4,
  /**
   * Out of `outIf`, to the hop, but only segments without data that acknowledge more than any before:
   * the rest comes to the engine, ahead of strangers.
   */
  Acks: 5,
} as const;
export type GateActionCode = 1 | 2 | 3 | 4 | 5;

/**
 * One direction of a connection that may be taken over: from now on every packet of it that has no
 * oddity (see `FlowGate`) gets the same verdict, the same translation and the same counters. One
 * reused object; to be read during the call only.
 */
export interface FlowOffer {
  /** Row in the tracker's table, and the connection's tuples. */
  row: number;
  readonly original: Tuple;
  readonly reply: Tuple;
  direction: DirectionCode;
  action: GateActionCode;
  /** Interface ids; -1: this host. */
  inIf: number;
  outIf: number;
  /** Of the way out: bytes of IP datagram, and the next hop. */
  mtu: number;
  /** 4 or 6; 0 where no hop is given, to this host and from it. */
  hopFamily: number;
  hop0: number;
  hop1: number;
  hop2: number;
  hop3: number;
  /** `Out`: the mark that the packets bear; those with another one come to the engine. */
  mark: number;
  /** Number of the counters that each packet counts in: see `CompiledRules.pathOf`. 0: in none. */
  path: number;
  /** TCP: segments outside the windows come to the engine. */
  checkWindow: boolean;
  /**
   * TCP: segments with FIN pass as well, where they lie in the windows: they fare and count as the
   * others. Of `Acks` only the FIN that answers one of the other direction (`FlowGate.noteFin`), without
   * data, right behind what was sent before. Only with `checkWindow`.
   */
  closes: boolean;
  /**
   * TCP: what each side has sent (highest byte, highest allowed byte, largest window, highest
   * acknowledgement), original then reply, then where the last segment within the windows ended; and
   * the shifts of their windows.
   */
  readonly sides: Int32Array;
  /** Whether each end permitted SACK: none that is sent to one that did not counts. */
  originalSack: boolean;
  replySack: boolean;
  originalScale: number;
  replyScale: number;
}

/**
 * Where flows can be forwarded without the engine: the eBPF gate. It passes on only packets that are
 * whole, without IP options or extension headers, with more than one hop to live, no longer than the
 * way out takes, and in TCP with ACK and none of SYN, FIN, RST and URG, within the windows; FIN where
 * `closes` says so.
 * Everything else comes to the engine, whether the flow is taken over or not.
 *
 * Whatever a call takes out of the gate is settled first: `FlowLedger.settle`.
 */
export interface FlowGate {
  /** Takes over one direction. False where there is no room: the engine goes on with it. */
  install(offer: FlowOffer): boolean;
  /** Collects what was counted of this connection; both directions stay. */
  collect(row: number): void;
  /** Collects what was counted of every connection; all stay. */
  collectAll(): void;
  /**
   * TCP: copies what the gate knows of both sides, laid out as `FlowOffer.sides`, and returns `Spoke`
   * bits: of the last segment that it has passed, and how far the connection has been closed;
   * -1: not here.
   */
  readSides(row: number, into: Int32Array): number;
  /**
   * The timestamp (RFC 7323, TSval) of the last acknowledgement that `GateAction.Acks` let pass in a
   * direction; 0: none.
   */
  stampOf(row: number, direction: DirectionCode): number;
  /**
   * TCP: the engine has seen a segment, and this has changed since `readSides`; words that moved on
   * meanwhile stay.
   */
  writeSides(row: number, before: Int32Array, after: Int32Array): void;
  /**
   * TCP: the engine has seen the first FIN, of this direction. True where FINs of both directions pass:
   * then the gate goes on with the connection, as if it had passed this one.
   */
  noteFin(row: number, direction: DirectionCode): boolean;
  /** Gives a connection back, both directions, settled. Nothing where it is not here. */
  withdraw(row: number): void;
  /** Gives everything back, settled: the rules or the routes are others. */
  withdrawAll(): void;
}

/** Where a gate accounts for what it forwarded. Implemented by the engine. */
export interface FlowLedger {
  /**
   * `packets` and `bytes` (of IP datagram) of one direction have passed, the last one at `seenMs` of
   * the engine's clock: counters of the connection and of the rules, and its timeout.
   */
  settle(
    row: number,
    direction: DirectionCode,
    path: number,
    packets: number,
    bytes: number,
    seenMs: number,
  ): void;
}
