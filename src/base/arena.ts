/**
 * The one place that large table memory is taken from, so that tables can later live in shared or
 * file-backed memory without a change to the code that uses them. The memory is zeroed; the
 * operating system maps it lazily, so a table sized for its maximum costs only what it uses.
 */
export class Arena {
  /** Bytes handed out so far. */
  allocatedBytes = 0;

  int32(length: number): Int32Array {
    return new Int32Array(this.take(length * 4));
  }

  float64(length: number): Float64Array {
    return new Float64Array(this.take(length * 8));
  }

  private take(bytes: number): ArrayBuffer {
    this.allocatedBytes += bytes;
    return new ArrayBuffer(bytes);
  }
}
