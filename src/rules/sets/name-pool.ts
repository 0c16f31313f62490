import type { InterfaceTable } from '../../base/index.ts';

/** Interface names that elements of sets hold, as small numbers that outlive a reload. */
export class NamePool {
  private readonly names: string[] = [];
  private readonly interfaces: InterfaceTable;
  /** By interface id: index of its name plus 1, 0 where not looked up yet. */
  private known = new Int32Array(64);

  constructor(interfaces: InterfaceTable) {
    this.interfaces = interfaces;
  }

  intern(name: string): number {
    const known = this.names.indexOf(name);
    return known >= 0 ? known : this.names.push(name) - 1;
  }

  /** The index of an interface's name, taken in at the first question. */
  ofInterface(id: number): number {
    if (id < 0) return -1;
    if (id >= this.known.length) {
      const grown = new Int32Array(id * 2);
      grown.set(this.known);
      this.known = grown;
    }
    if (this.known[id]! === 0) this.known[id] = this.intern(this.interfaces.name(id)) + 1;
    return this.known[id]! - 1;
  }

  /** True where the interface's name begins with the name of an index. */
  begins(id: number, index: number): boolean {
    return id >= 0 && this.interfaces.name(id).startsWith(this.names[index]!);
  }
}
