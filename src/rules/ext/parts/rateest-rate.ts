/**
 * Rates of data as `-m rateest` reads and prints them (`8bit`, `1.5mbit`, `4KBps`). Kept are whole
 * bytes a second in 32 bits; what is larger wraps round, as it does in iptables.
 */

const K = 1000;
const KI = 1024;
/** Bits of each unit; case does not count. */
const bits: ReadonlyMap<string, number> = new Map(
  [
    ['', 1],
    ...['k', 'm', 'g', 't'].flatMap((letter, at): [string, number][] => [
      [letter, K ** (at + 1)],
      [`${letter}i`, KI ** (at + 1)],
    ]),
  ].flatMap(([prefix, factor]): [string, number][] => [
    [`${prefix}bit`, Number(factor)],
    [`${prefix}bps`, 8 * Number(factor)],
  ]),
);

/** A number as strtod reads it, then a unit; bits where there is none. null: neither. */
export function parseBitRate(text: string): number | null {
  const number = /^\s*\+?(0x[0-9a-f]+|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)/i.exec(text);
  if (number === null) return null;
  const unit = text.slice(number[0].length).toLowerCase();
  const factor = unit === '' ? 1 : bits.get(unit);
  if (factor === undefined) return null;
  const bytes = Math.floor((Number(number[1]) * factor) / 8);
  // Beyond 63 bits the conversion of a double gives the smallest number, whose low half is 0.
  return bytes < 2 ** 63 ? bytes % 2 ** 32 : 0;
}

/** `8bit`, `1000Kbit`, `12000Mbit`: rounded, and from a thousand of the next unit on in that one. */
export function formatBitRate(bytes: number): string {
  const rate = bytes * 8;
  if (rate >= K ** 3) return `${roundHalfEven(rate / K ** 2)}Mbit`;
  return rate >= K ** 2 ? `${roundHalfEven(rate / K)}Kbit` : `${rate}bit`;
}

/** As printf's %.0f rounds. */
function roundHalfEven(value: number): number {
  const whole = Math.floor(value);
  return value - whole === 0.5 ? whole + (whole % 2) : Math.round(value);
}
