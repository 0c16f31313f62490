import type { InterfaceTable } from '../../base/index.ts';
import { parseWords } from './fill-table.ts';
import type { NeighbourJson } from './ip-json.ts';

/** States in which the kernel itself would send to the address (NUD_VALID of neighbour.h). */
const usable = new Set(['REACHABLE', 'STALE', 'DELAY', 'PROBE', 'PERMANENT', 'NOARP']);

const SLOTS = 8192;
const MASK = SLOTS - 1;
const MAX_ENTRIES = SLOTS / 2;
/** Words a slot: interface + 1 (0: empty), four address words, MAC high 16 and low 32 bits, second. */
const STRIDE = 8;
/**
 * A neighbour in use is shown to the kernel this often, so that the kernel keeps probing it: else a
 * host that went away without a word would keep its entry for ever.
 */
const CONFIRM_EVERY_SEC = 15;
/** In place of the first two bytes of a MAC, where the neighbour does not answer any more. */
const UNKNOWN = -1;
/** A neighbour just learnt was not shown to the kernel yet; smaller than any clock minus the above. */
const NEVER = -CONFIRM_EVERY_SEC;

/**
 * The kernel's neighbours as a flat table: IP address and interface to MAC address. Refilled as a
 * whole from the kernel's dump; bounded, and what does not fit is sent through the kernel instead.
 * Filling is cold, `find` is hot and allocates nothing.
 */
export class NeighbourTable {
  /** The MAC of the last `find` that succeeded, as the first two and the last four bytes. */
  macHigh = 0;
  macLow = 0;
  /** Neighbours of the last dump that did not fit. */
  left = 0;
  private readonly slots = new Int32Array(SLOTS * STRIDE);
  private entries = 0;

  get size(): number {
    return this.entries;
  }

  /** Takes a dump (`ip -j neigh`, both families) in place of everything known. */
  fill(interfaces: InterfaceTable, neighbours: readonly NeighbourJson[]): void {
    const before = this.slots.slice();
    this.slots.fill(0);
    this.entries = 0;
    this.left = 0;
    for (const neighbour of neighbours) this.update(interfaces, neighbour, before);
  }

  /** Takes one neighbour that is new, changed or gone (`[NEIGH]` lines of `ip monitor`). */
  update(
    interfaces: InterfaceTable,
    neighbour: NeighbourJson,
    before: Int32Array = this.slots,
  ): void {
    const words = parseWords(neighbour.dst.includes(':') ? 6 : 4, neighbour.dst);
    if (words === null || neighbour.dev === undefined) return;
    const [w0, w1, w2, w3] = [words[0]!, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0];
    const ifId = interfaces.id(neighbour.dev);
    const at = seek(this.slots, ifId, w0, w1, w2, w3);
    const mac = macOf(neighbour);
    if (mac === null) {
      // The slot stays taken until the next dump: others may have been placed behind it.
      if (this.slots[at] !== 0) this.slots[at + 5] = UNKNOWN;
      return;
    }
    if (this.slots[at] === 0 && this.entries >= MAX_ENTRIES) {
      this.left++;
      return;
    }
    const old = seek(before, ifId, w0, w1, w2, w3);
    const confirmedSec = before[old] === 0 ? NEVER : before[old + 7]!;
    if (this.slots[at] === 0) this.entries++;
    this.slots.set([ifId + 1, w0, w1, w2, w3, mac.high, mac.low, confirmedSec], at);
  }

  /**
   * True where the MAC of an address is known; `macHigh` and `macLow` hold it then. Once in a while
   * it answers false for a known one, so that the packet goes through the kernel, which checks by it
   * that the neighbour is still there. `nowSec` is any clock of whole seconds.
   */
  find(ifId: number, w0: number, w1: number, w2: number, w3: number, nowSec: number): boolean {
    const at = seek(this.slots, ifId, w0, w1, w2, w3);
    const { slots } = this;
    if (slots[at] === 0 || slots[at + 5] === UNKNOWN) return false;
    if (nowSec - slots[at + 7]! >= CONFIRM_EVERY_SEC) {
      slots[at + 7] = nowSec;
      return false;
    }
    this.macHigh = slots[at + 5]!;
    this.macLow = slots[at + 6]!;
    return true;
  }
}

/** The address of a neighbour to which the kernel itself would send; null for any other. */
function macOf(neighbour: NeighbourJson): { high: number; low: number } | null {
  const { lladdr, state } = neighbour;
  if (lladdr === undefined || !(state ?? []).some((name) => usable.has(name))) return null;
  return macWords(lladdr);
}

/** Offset of the slot that holds the address, or of the empty one where it would go. */
function seek(
  slots: Int32Array,
  ifId: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): number {
  const mixed = Math.imul(
    w3 ^ Math.imul(w2 ^ Math.imul(w1, 0x27d4eb2f), 0x85ebca6b) ^ ifId,
    0xc2b2ae35,
  );
  let slot = (Math.imul(mixed ^ w0, 0x9e3779b1) >>> 19) & MASK;
  for (;;) {
    const at = slot * STRIDE;
    if (slots[at] === 0) return at;
    if (
      slots[at] === ifId + 1 &&
      slots[at + 1] === w0 &&
      slots[at + 2] === w1 &&
      slots[at + 3] === w2 &&
      slots[at + 4] === w3
    ) {
      return at;
    }
    slot = (slot + 1) & MASK;
  }
}

/** `02:00:00:00:00:01` as the first two and the last four bytes; null where it is no Ethernet address. */
export function macWords(text: string): { high: number; low: number } | null {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return null;
  const bytes = text.split(':').map((byte) => Number.parseInt(byte, 16));
  const high = (bytes[0]! << 8) | bytes[1]!;
  return { high, low: (bytes[2]! << 24) | (bytes[3]! << 16) | (bytes[4]! << 8) | bytes[5]! };
}
