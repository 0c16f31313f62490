/** Memory, offers and a ledger for the tests of the shared flows. */
import { type DirectionCode, Tuple } from '../../../../src/conntrack/index.ts';
import {
  bucketsFor,
  type FlowMemory,
  initialise,
  SharedFlows,
} from '../../../../src/datapath/gate/flows/index.ts';
import {
  type FlowLedger,
  type FlowOffer,
  GateAction,
  type GateActionCode,
} from '../../../../src/engine/index.ts';
import type { PacketKey } from './twin.ts';

export const SEED = 0x5eed_1234;

/** What was in the memory before: a byte that is forgotten shows. */
const DIRT = 0xa5a5_a5a5 | 0;

export function dirtyMemory(units: number, shared = false): FlowMemory {
  const words = (length: number) =>
    new Int32Array(shared ? new SharedArrayBuffer(4 * length) : new ArrayBuffer(4 * length)).fill(
      DIRT,
    );
  return {
    config: words(32),
    flows: words(30 * units),
    buckets: words(16 * bucketsFor(units)),
    hops: words(8 * 4096),
  };
}

export function newMemory(units: number, shared = false): FlowMemory {
  const memory = dirtyMemory(units, shared);
  initialise(memory, { seed: SEED, mark: 0x77, puntIfindex: 9, units });
  return memory;
}

export interface Settled {
  readonly row: number;
  readonly direction: DirectionCode;
  readonly path: number;
  readonly packets: number;
  readonly bytes: number;
  readonly seenMs: number;
}

/** Writes down what is settled. */
export class Notebook implements FlowLedger {
  entries: Settled[] = [];

  settle(
    row: number,
    direction: DirectionCode,
    path: number,
    packets: number,
    bytes: number,
    seenMs: number,
  ): void {
    this.entries.push({ row, direction, path, packets, bytes, seenMs });
  }

  /** What was settled since the last call. */
  take(): Settled[] {
    const { entries } = this;
    this.entries = [];
    return entries;
  }
}

export interface Lab {
  readonly memory: FlowMemory;
  readonly ledger: Notebook;
  readonly flows: SharedFlows;
}

/** Interface ids 0 to 99 are the kernel's 1000 to 1099; odd ones are managed. */
export function labParts(memory: FlowMemory, ledger: FlowLedger) {
  return {
    memory,
    rows: 16,
    ledger,
    ifindexOf: (id: number) => (id < 100 ? 1000 + id : id === 100 ? 0 : 0x100_0000),
    isManaged: (id: number) => (id & 1) === 1,
  };
}

export function newLab(units: number): Lab {
  const memory = newMemory(units);
  const ledger = new Notebook();
  return { memory, ledger, flows: new SharedFlows(labParts(memory, ledger)) };
}

/** Whether a connection stands in the memory. */
export function holds(flows: SharedFlows, row: number): boolean {
  return flows.readSides(row, new Int32Array(9)) >= 0;
}

/** The key of the n-th connection of a family as it comes from the inside, then as it is answered. */
export function keysOf(n: number, family: 4 | 6 = 4, protocol = 6): [PacketKey, PacketKey] {
  const inside = addressOf(family, 10, n);
  const outside = addressOf(family, 198, n % 7);
  const gateway = addressOf(family, 203, n % 3);
  const clientPort = [0x04 + (n & 0x7f), (n >> 7) & 0xff];
  const natPort = [0x80 | (n >> 8), n & 0xff];
  return [
    {
      family,
      protocol,
      source: inside,
      destination: outside,
      ports: Uint8Array.from([...clientPort, 0, 80]),
    },
    {
      family,
      protocol,
      source: outside,
      destination: gateway,
      ports: Uint8Array.from([0, 80, ...natPort]),
    },
  ];
}

function addressOf(family: 4 | 6, first: number, n: number): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 4 : 16).fill(0x11);
  bytes[0] = first;
  bytes.set([n >> 16, n >> 8, n], bytes.length - 3);
  return bytes;
}

/** The tuple that the tracker makes of such a packet. */
export function tupleOf(key: PacketKey): Tuple {
  const tuple = new Tuple();
  const word = (bytes: Uint8Array, n: number) =>
    4 * n < bytes.length ? new DataView(bytes.buffer, bytes.byteOffset).getInt32(4 * n) : 0;
  tuple.meta = (key.family << 8) | key.protocol;
  tuple.ports = word(key.ports, 0);
  tuple.s0 = word(key.source, 0);
  tuple.s1 = word(key.source, 1);
  tuple.s2 = word(key.source, 2);
  tuple.s3 = word(key.source, 3);
  tuple.d0 = word(key.destination, 0);
  tuple.d1 = word(key.destination, 1);
  tuple.d2 = word(key.destination, 2);
  tuple.d3 = word(key.destination, 3);
  return tuple;
}

export type Offer = { -readonly [K in keyof FlowOffer]: FlowOffer[K] };

/** An offer of the n-th connection: forwarded from interface 1 to 2 (answers back), on-link. */
export function offerOf(
  row: number,
  direction: DirectionCode,
  keys: readonly [PacketKey, PacketKey],
  changes: Partial<Offer> = {},
): Offer {
  const [original, reply] = [tupleOf(keys[0]), tupleOf(keys[1])];
  const answer = direction === 0 ? reply : original;
  return {
    row,
    original,
    reply,
    direction,
    action: GateAction.Forward as GateActionCode,
    inIf: direction === 0 ? 1 : 2,
    outIf: direction === 0 ? 2 : 1,
    mtu: 1500,
    hopFamily: keys[0].family,
    hop0: answer.s0,
    hop1: answer.s1,
    hop2: answer.s2,
    hop3: answer.s3,
    mark: 0,
    path: 3 + direction,
    checkWindow: true,
    closes: true,
    sides: Int32Array.of(100, 200, 300, 400, 500, 600, 700, 800, 900),
    originalSack: true,
    replySack: true,
    originalScale: 7,
    replyScale: 14,
    ...changes,
  };
}

/** Installs both directions of the n-th connection under row n. */
export function installBoth(
  { flows }: Lab,
  n: number,
  family: 4 | 6 = 4,
  changes: Partial<Offer> = {},
): boolean {
  const keys = keysOf(n, family);
  return flows.install(offerOf(n, 0, keys, changes)) && flows.install(offerOf(n, 1, keys, changes));
}
