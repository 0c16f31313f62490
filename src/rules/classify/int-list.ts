/** A list of 32-bit integers that grows. Cold: the packet path reads `trimmed()`. */
export class IntList {
  length = 0;
  private values = new Int32Array(16);

  /** Appends a value; returns its place. */
  push(value: number): number {
    if (this.length === this.values.length) {
      const larger = new Int32Array(this.values.length * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.length] = value;
    return this.length++;
  }

  get(place: number): number {
    return this.values[place]!;
  }

  set(place: number, value: number): void {
    this.values[place] = value;
  }

  /** The values, in an array of their own. */
  trimmed(): Int32Array {
    return this.values.slice(0, this.length);
  }
}
