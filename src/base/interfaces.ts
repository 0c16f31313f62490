/**
 * Names of network interfaces as small integers: the packet path compares numbers, rules and
 * screens speak names. An id, once given, stays with its name for the life of the table.
 */
export class InterfaceTable {
  private readonly names: string[] = [];
  private readonly ids = new Map<string, number>();

  /** The id of `name`, given at first use: 0, 1, 2, … */
  id(name: string): number {
    const known = this.ids.get(name);
    if (known !== undefined) return known;
    const id = this.names.length;
    this.names.push(name);
    this.ids.set(name, id);
    return id;
  }

  /** The name of `id`; '' for -1 (no interface). */
  name(id: number): string {
    return this.names[id] ?? '';
  }

  get size(): number {
    return this.names.length;
  }
}
