/**
 * State that several rules share by a name, such as the address lists of `recent`. A reload hands it
 * on: what the new rules still name goes on as it was, what they no longer name is forgotten with
 * the old rules, as in the kernel.
 */
export class SharedState {
  private previous: SharedState | null;
  private readonly values = new Map<string, unknown>();
  /** Where the names asked for are noted. */
  private keys = new Set<string>();

  constructor(previous: SharedState | null = null) {
    this.previous = previous;
  }

  /**
   * The state of a kind and name: what a rule before had, else what the rules before the reload had,
   * else a new one. One kind always has one type.
   */
  named<T>(kind: string, name: string, make: () => T): T {
    const key = `${kind} ${name}`;
    this.keys.add(key);
    const known = this.values.get(key) ?? this.previous?.values.get(key);
    const value = known === undefined ? make() : (known as T);
    this.values.set(key, value);
    return value;
  }

  /**
   * As `named`, for state that a reload makes anew from what was before it (null: nothing was), so
   * that the rules before stay as they are until the new ones take their place.
   */
  renewed<T>(kind: string, name: string, make: (before: T | null) => T): T {
    const key = `${kind} ${name}`;
    this.keys.add(key);
    const known = this.values.get(key);
    if (known !== undefined) return known as T;
    const value = make((this.previous?.values.get(key) ?? null) as T | null);
    this.values.set(key, value);
    return value;
  }

  /** From now on, what is asked for is noted in `keys`. */
  noteKeys(keys: Set<string>): void {
    this.keys = keys;
  }

  /** Keeps what rules that go on as they are have named: `keys` were noted when they were made. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      const value = this.previous?.values.get(key);
      if (value !== undefined) this.values.set(key, value);
    }
  }

  /** To be called when all rules have been made: the state before is let go. */
  settle(): void {
    this.previous = null;
  }
}
