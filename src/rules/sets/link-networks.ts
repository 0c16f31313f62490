import { SetTable } from './table.ts';

/**
 * The networks of a hash:net,iface whatever their interface. Where the kernel finds one that covers
 * a packet it looks for no wider one, whether or not the interface fits (`multi` in
 * ip_set_hash_gen.h). Keys are those of the set's elements. Hot; counting may let the table grow.
 */
export class LinkNetworks {
  /** `packets` of a slot is the number of elements with this network. */
  private readonly table: SetTable;
  private readonly key: Int32Array;
  private readonly ifaceAt: number;

  constructor(words: number, ifaceAt: number, seed: number) {
    this.table = new SetTable({ words, counters: true, marks: false, seed });
    this.key = new Int32Array(words);
    this.ifaceAt = ifaceAt;
  }

  /** Notes that an element came (1) or went (-1). */
  count(key: Int32Array, change: 1 | -1): void {
    this.read(key);
    const slot = this.table.insert(this.key);
    const left = this.table.packets[slot]! + change;
    this.table.packets[slot] = left;
    if (left <= 0) this.table.removeAt(slot);
  }

  has(key: Int32Array): boolean {
    this.read(key);
    return this.table.find(this.key) >= 0;
  }

  private read(key: Int32Array): void {
    for (let i = 0; i < key.length; i++) this.key[i] = i === this.ifaceAt ? 0 : key[i]!;
  }
}
