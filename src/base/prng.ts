/**
 * A small seeded generator (xorshift32) for port picking and test data: fast, allocation-free and
 * replayable. Not for secrets; its seed comes from `randomSeed()` at start.
 */
export class Prng {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0 || 0x6d2b79f5;
  }

  /** The next unsigned 32-bit integer. */
  next(): number {
    return this.advance() >>> 0;
  }

  /** The upper half of the next one: small enough never to be boxed. */
  next16(): number {
    return this.advance() >>> 16;
  }

  private advance(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x | 0;
    return x | 0;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.next() % bound;
  }
}
