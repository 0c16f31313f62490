const FIRST_CAPACITY = 64;
/** Words a port: kernel index (0: not there), MAC (first two bytes, last four), managed or not. */
const STRIDE = 4;

/** An interface, as the slow path knows it. */
export interface GatePort {
  readonly ifindex: number;
  /** First two and last four bytes of its MAC; 0 where it has none. */
  readonly macHigh: number;
  readonly macLow: number;
  /** The gate's program sits there, and frames may be sent out of it. */
  readonly managed: boolean;
}

/**
 * The interfaces by their id here and by their kernel index, which may be any number. Setting is cold,
 * asking is hot.
 */
export class GatePorts {
  private ports = new Int32Array(FIRST_CAPACITY * STRIDE);
  /** Kernel index and id + 1 a slot, open addressing, never more than half full. */
  private slots = new Int32Array(FIRST_CAPACITY * 4);
  private mask = 2 * FIRST_CAPACITY - 1;

  /** Sets or replaces what is known of an interface; null: it is gone. */
  set(id: number, port: GatePort | null): void {
    if ((id + 1) * STRIDE > this.ports.length) this.grow(id + 1);
    const { ifindex, macHigh, macLow, managed } = port ?? NOTHING;
    // Two interfaces never have one number: the older knowledge is wrong.
    const before = ifindex === 0 ? -1 : this.idOf(ifindex);
    if (before >= 0) this.ports.fill(0, before * STRIDE, (before + 1) * STRIDE);
    this.ports.set([ifindex, macHigh, macLow, managed ? 1 : 0], id * STRIDE);
    this.index();
  }

  /** Id of the interface with this kernel index; -1 where it is not known. */
  idOf(ifindex: number): number {
    const { slots, mask } = this;
    let slot = hash(ifindex) & mask;
    for (; slots[slot * 2] !== 0; slot = (slot + 1) & mask) {
      if (slots[slot * 2] === ifindex) return slots[slot * 2 + 1]! - 1;
    }
    return -1;
  }

  /** Kernel index; 0 where it is not known. */
  ifindexOf(id: number): number {
    return this.has(id) ? this.ports[id * STRIDE]! : 0;
  }

  isManaged(id: number): boolean {
    return this.has(id) && this.ports[id * STRIDE + 3] === 1;
  }

  macHigh(id: number): number {
    return this.has(id) ? this.ports[id * STRIDE + 1]! : 0;
  }

  macLow(id: number): number {
    return this.has(id) ? this.ports[id * STRIDE + 2]! : 0;
  }

  private has(id: number): boolean {
    return id >= 0 && id * STRIDE < this.ports.length;
  }

  private grow(ids: number): void {
    const capacity = 2 ** Math.ceil(Math.log2(ids));
    const before = this.ports;
    this.ports = new Int32Array(capacity * STRIDE);
    this.ports.set(before);
    this.slots = new Int32Array(capacity * 4);
    this.mask = 2 * capacity - 1;
  }

  private index(): void {
    const { ports, slots, mask } = this;
    slots.fill(0);
    for (let at = 0; at < ports.length; at += STRIDE) {
      const ifindex = ports[at]!;
      if (ifindex === 0) continue;
      let slot = hash(ifindex) & mask;
      while (slots[slot * 2] !== 0) slot = (slot + 1) & mask;
      slots[slot * 2] = ifindex;
      slots[slot * 2 + 1] = at / STRIDE + 1;
    }
  }
}

const NOTHING: GatePort = { ifindex: 0, macHigh: 0, macLow: 0, managed: false };

function hash(ifindex: number): number {
  return Math.imul(ifindex, 0x9e3779b1) >>> 16;
}
