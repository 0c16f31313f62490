/** Numbers as C reads them, for options whose bounds or tolerance are those of C. Cold. */

/**
 * The integer a text begins with, blanks and a sign before it allowed, whatever follows (atoi); 0
 * where there is none.
 */
export function leadingInteger(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

/** The same within the 32 bits of an unsigned int, as `unsigned int n = atoi(text)` has it. */
export function leadingUint32(text: string): number {
  const [digits = '0'] = /^\s*([+-]?\d+)/.exec(text)?.slice(1) ?? [];
  const value = BigInt(digits);
  const limit = 2n ** 63n;
  // strtol stops at the bounds of a long before atoi cuts it to 32 bits.
  const bounded = value >= limit ? limit - 1n : value < -limit ? -limit : value;
  return Number(BigInt.asUintN(32, bounded));
}

export const MAX_UINT64 = 2n ** 64n - 1n;

/** An unsigned number of 64 bits in C notation, with what follows it; null where none begins here. */
export function leadingUint64(text: string): { value: bigint; rest: string } | null {
  const [all = '', digits = ''] = /^\s*\+?(0[xX][0-9a-fA-F]+|\d+)/.exec(text) ?? [];
  if (digits === '') return null;
  const octal = /^0[0-7]*/.exec(digits)?.[0] ?? '';
  const isOctal = octal.length > 1 && !/^0[xX]/.test(digits);
  const used = isOctal ? octal : /^0[89]/.test(digits) ? '0' : digits;
  const value = isOctal ? BigInt(`0o${used.slice(1)}`) : BigInt(used);
  const rest = text.slice(all.length - digits.length + used.length);
  return value > MAX_UINT64 ? null : { value, rest };
}

/** A text cut to so many bytes, never within a character. */
export function cutBytes(text: string, maxBytes: number): string {
  let cut = text;
  while (Buffer.byteLength(cut) > maxBytes) cut = cut.slice(0, -1);
  return cut;
}

/** Whether the kernel can make a file of this name below /proc (xt_check_proc_name). */
export function isProcName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}
