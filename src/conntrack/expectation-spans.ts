import { type Expectation, sameMaster, sameSource, sameWords } from './expectation.ts';
import type { Tuple } from './tuple.ts';

/**
 * Expectations of a range of ports, which cannot be found by the hash of one: by their destination
 * address. Few, and asked only where no expectation of one port holds.
 */
export class ExpectationSpans {
  private readonly byAddress = new Map<number, Expectation[]>();
  count = 0;

  add(span: Expectation): void {
    push(this.byAddress, keyOf(span.dst), span);
    this.count++;
  }

  remove(span: Expectation): boolean {
    if (!dropFrom(this.byAddress, keyOf(span.dst), span)) return false;
    this.count--;
    return true;
  }

  /** Those that may lead to the destination of the tuple, oldest first; others among them. */
  leadingTo({ d0, d3 }: Tuple): readonly Expectation[] | undefined {
    return this.byAddress.get(d0 ^ d3);
  }

  /** The same span of the same master, or null. */
  sameAs(wanted: Expectation): Expectation | null {
    const list = this.byAddress.get(keyOf(wanted.dst));
    return list?.find((span) => isSame(span, wanted)) ?? null;
  }

  all(): Expectation[] {
    return [...this.byAddress.values()].flat();
  }
}

function keyOf([w0, , , w3]: Expectation['dst']): number {
  return w0 ^ w3;
}

function isSame(a: Expectation, b: Expectation): boolean {
  return (
    sameMaster(a, b) &&
    sameSource(a, b) &&
    sameWords(a.dst, b.dst) &&
    a.family === b.family &&
    a.protocol === b.protocol &&
    a.dport === b.dport &&
    a.dportLast === b.dportLast
  );
}

/** Adds to the list under a key. */
export function push<K>(map: Map<K, Expectation[]>, key: K, value: Expectation): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Takes out of the list under a key. False where it is not there. */
export function dropFrom<K>(map: Map<K, Expectation[]>, key: K, value: Expectation): boolean {
  const list = map.get(key);
  const index = list?.indexOf(value) ?? -1;
  if (list === undefined || index < 0) return false;
  list.splice(index, 1);
  if (list.length === 0) map.delete(key);
  return true;
}
