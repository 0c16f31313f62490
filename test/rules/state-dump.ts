/** All that an object holds, however deep, as text: for tests that say that nothing has changed. */

/** What an answer leaves behind and the next one overwrites, and known answers about interfaces. */
const scratch = new Set(['anchored', 'answers', 'key', 'packetKey', 'signal', 'stack', 'whole']);

/**
 * Of compiled rules: who decided last, where imagined packets count, and the text of the rules, which
 * is large and written by nobody.
 */
const apart =
  /^\.(ruleSet|decided\w+|programs\.\d+\.(chains|decidedRow|places|rehearsed|rules|table))$/;

/** A line for each value, but for those of no meaning and those whose place `without` matches. */
export function dumpOf(root: object, without: RegExp = /^$/): readonly string[] {
  const seen = new Map<object, number>();
  const lines: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (typeof value === 'function' || apart.test(name) || without.test(name)) return;
    if (typeof value !== 'object' || value === null) {
      lines.push(`${name}=${String(value)}`);
      return;
    }
    const known = seen.get(value);
    if (known !== undefined) {
      lines.push(`${name}=#${known}`);
      return;
    }
    seen.set(value, seen.size);
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      lines.push(`${name}=${bytes.toString('latin1')}`);
      return;
    }
    if (value instanceof Map) {
      [...value].forEach(([key, entry], i) => {
        add(`${name}.key${i}`, key);
        add(`${name}.value${i}`, entry);
      });
    } else if (value instanceof Set) {
      [...value].forEach((entry, i) => {
        add(`${name}.${i}`, entry);
      });
    }
    for (const [key, member] of Object.entries(value)) {
      if (!scratch.has(key)) add(`${name}.${key}`, member);
    }
  };
  add('', root);
  return lines;
}

/** The lines by which two dumps of the same object differ. */
export function changesOf(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  const left = new Set(after);
  const gone = before.filter((line) => !left.has(line));
  return [...gone, ...after.filter((line) => !known.has(line))];
}
