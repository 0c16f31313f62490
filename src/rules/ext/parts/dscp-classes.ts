/** Names of DSCP values: RFC 2474 (CS), RFC 2597 (AF), RFC 3246 (EF). */
const classes: ReadonlyMap<string, number> = new Map([
  ...Array.from({ length: 8 }, (_, i): [string, number] => [`CS${i}`, i << 3]),
  ['BE', 0],
  ...[1, 2, 3, 4].flatMap((group) =>
    [1, 2, 3].map((drop): [string, number] => [`AF${group}${drop}`, (group << 3) | (drop << 1)]),
  ),
  ['EF', 0x2e],
]);

/** The value of a class name in any case, or null. What follows the name is passed over. */
export function dscpOfClass(text: string): number | null {
  for (const [name, value] of classes) if (text.toUpperCase().startsWith(name)) return value;
  return null;
}
