/** Which unit holds a row of the tracker's table. Costs memory only for the rows that are used. */
export class RowUnits {
  /** Unit + 1; 0: none. */
  private unitOfRow: Int32Array;

  constructor(rows: number) {
    this.unitOfRow = new Int32Array(rows);
  }

  /** -1: none. */
  of(row: number): number {
    return row < this.unitOfRow.length ? this.unitOfRow[row]! - 1 : -1;
  }

  set(row: number, unit: number): void {
    if (row >= this.unitOfRow.length) this.grow(row);
    this.unitOfRow[row] = unit + 1;
  }

  delete(row: number): void {
    this.unitOfRow[row] = 0;
  }

  /** The tracker has reserved more rows. */
  private grow(row: number): void {
    const grown = new Int32Array(Math.max(row + 1, 2 * this.unitOfRow.length));
    grown.set(this.unitOfRow);
    this.unitOfRow = grown;
  }
}
