/**
 * Search for a fixed run of bytes within part of a packet: Boyer-Moore and Knuth-Morris-Pratt, the two
 * algorithms of `-m string`. The tables are made once; a search allocates nothing. Both find the same
 * places (the kernel's Boyer-Moore misses what spans two fragments of a socket buffer; here a packet
 * is one piece).
 */

export interface TextSearch {
  /** Whether the bytes occur whole within [from, end) of `bytes`; the offsets lie in it. */
  occurs(bytes: Uint8Array, from: number, end: number): boolean;
}

/**
 * What a byte counts as: itself, or its capital. As the kernel's toupper, which knows Latin-1: a-z,
 * and 0xdf to 0xff but for the division sign.
 */
function foldTable(ignoreCase: boolean): Uint8Array {
  const isSmall = (byte: number) =>
    (byte >= 0x61 && byte <= 0x7a) || (byte >= 0xdf && byte <= 0xff && byte !== 0xf7);
  return Uint8Array.from({ length: 256 }, (_, byte) =>
    ignoreCase && isSmall(byte) ? byte - 0x20 : byte,
  );
}

export class BoyerMoore implements TextSearch {
  private readonly pattern: Uint8Array;
  private readonly fold: Uint8Array;
  /** By byte: how far the pattern may move when the text has this byte under its last place. */
  private readonly lastSeen: Int32Array;
  /** By number of bytes that agreed from the end: how far it may move then. */
  private readonly goodSuffix: Int32Array;

  constructor(pattern: Uint8Array, ignoreCase: boolean) {
    this.fold = foldTable(ignoreCase);
    this.pattern = pattern.map((byte) => this.fold[byte]!);
    this.lastSeen = lastSeenOf(this.pattern);
    this.goodSuffix = goodSuffixOf(this.pattern);
  }

  occurs(bytes: Uint8Array, from: number, end: number): boolean {
    const { pattern, fold, lastSeen, goodSuffix } = this;
    const last = pattern.length - 1;
    for (let at = from; at + last < end; ) {
      let i = last;
      while (i >= 0 && fold[bytes[at + i]!] === pattern[i]) i--;
      if (i < 0) return true;
      const byBad = i - lastSeen[fold[bytes[at + i]!]!]!;
      const byGood = goodSuffix[last - i]!;
      at += Math.max(byBad, byGood);
    }
    return false;
  }
}

/** By byte: its last place in the pattern, -1 where it does not occur. */
function lastSeenOf(pattern: Uint8Array): Int32Array {
  const table = new Int32Array(256).fill(-1);
  pattern.forEach((byte, at) => {
    table[byte] = at;
  });
  return table;
}

/**
 * Entry k: the smallest shift that puts an equal run (or a beginning of the pattern that is its end)
 * under the k bytes that agreed. Quadratic, which patterns of 128 bytes can afford.
 */
function goodSuffixOf(pattern: Uint8Array): Int32Array {
  const { length } = pattern;
  const fits = (shift: number, agreed: number) => {
    for (let i = length - agreed; i < length; i++) {
      if (i - shift >= 0 && pattern[i - shift] !== pattern[i]) return false;
    }
    return true;
  };
  return Int32Array.from({ length }, (_, agreed) => {
    let shift = 1;
    while (!fits(shift, agreed)) shift++;
    return shift;
  });
}

export class KnuthMorrisPratt implements TextSearch {
  private readonly pattern: Uint8Array;
  private readonly fold: Uint8Array;
  /** By place: length of the longest beginning of the pattern that ends there. */
  private readonly borders: Int32Array;

  constructor(pattern: Uint8Array, ignoreCase: boolean) {
    this.fold = foldTable(ignoreCase);
    this.pattern = pattern.map((byte) => this.fold[byte]!);
    this.borders = bordersOf(this.pattern);
  }

  occurs(bytes: Uint8Array, from: number, end: number): boolean {
    const { pattern, fold, borders } = this;
    let agreed = 0;
    for (let at = from; at < end; at++) {
      const byte = fold[bytes[at]!]!;
      while (agreed > 0 && pattern[agreed] !== byte) agreed = borders[agreed - 1]!;
      if (pattern[agreed] === byte) agreed++;
      if (agreed === pattern.length) return true;
    }
    return false;
  }
}

function bordersOf(pattern: Uint8Array): Int32Array {
  const borders = new Int32Array(pattern.length);
  for (let at = 1, border = 0; at < pattern.length; at++) {
    while (border > 0 && pattern[border] !== pattern[at]) border = borders[border - 1]!;
    if (pattern[border] === pattern[at]) border++;
    borders[at] = border;
  }
  return borders;
}
