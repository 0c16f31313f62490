/**
 * TCP options of a script line: `wscale=7`, `sackperm`, and `sack=EDGE` for one block of 100 bytes
 * whose right edge is EDGE.
 */
export function tcpOptionBytes(options: ReadonlyMap<string, number>): Uint8Array {
  const bytes: number[] = [];
  if (options.has('sackperm')) bytes.push(4, 2);
  const scale = options.get('wscale');
  if (scale !== undefined) bytes.push(1, 3, 3, scale);
  const edge = options.get('sack');
  if (edge !== undefined) bytes.push(1, 1, 5, 10, ...word(edge - 100), ...word(edge));
  return Uint8Array.from(bytes);
}

function word(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
}
