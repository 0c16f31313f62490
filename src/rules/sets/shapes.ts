import type { SetBody } from './definition.ts';

/**
 * Which prefix lengths the elements of a set have. A packet is looked up once for each, the longest
 * of the first network first, as the kernel does; a set without networks has one shape.
 */
export class NetworkShapes {
  /** Shapes in the order of asking: `first << 8 | second` prefix length. */
  private readonly codes: number[] = [];
  private readonly counts: number[] = [];
  /** Where addresses of networks begin in a key; the prefix length stands behind each. */
  private readonly networks: readonly number[];
  private readonly addressWords: number;
  /** Address fields that `netmask` applies to. */
  private readonly addresses: readonly number[];
  private readonly netmask: number;

  constructor(body: SetBody) {
    const { fields } = body.type;
    const at = (kind: string) =>
      fields.flatMap((field, i) => (field === kind ? [body.layout.offsets[i]!] : []));
    this.networks = at('net');
    this.netmask = body.options.netmask;
    this.addresses = this.netmask === 0 ? [] : at('ip');
    this.addressWords = body.options.family === 6 ? 4 : 1;
    if (this.networks.length === 0) {
      this.codes.push(0);
      this.counts.push(1);
    }
  }

  get size(): number {
    return this.codes.length;
  }

  /** Takes note of an element that comes (1) or goes (-1). */
  count(key: Int32Array, change: 1 | -1): void {
    if (this.networks.length === 0) return;
    let code = 0;
    for (let i = 0; i < 2; i++) {
      const at = this.networks[i];
      code = (code << 8) | (at === undefined ? 0 : key[at + this.addressWords]!);
    }
    const { codes, counts } = this;
    let index = 0;
    while (index < codes.length && codes[index]! > code) index++;
    if (codes[index] !== code) {
      codes.splice(index, 0, code);
      counts.splice(index, 0, 0);
    }
    counts[index] = counts[index]! + change;
    if (counts[index] === 0) {
      codes.splice(index, 1);
      counts.splice(index, 1);
    }
  }

  /** Writes `whole` with its networks cut to the prefixes of a shape into `key`. */
  mask(shape: number, whole: Int32Array, key: Int32Array): void {
    this.cut(whole, key, this.codes[shape]! >> 8, this.codes[shape]! & 0xff);
  }

  /** As `mask`, with the longest prefix that each network has in the set; a host's where none. */
  maskLongest(whole: Int32Array, key: Int32Array): void {
    const host = this.addressWords * 32;
    let second = 0;
    for (let i = 0; i < this.codes.length; i++) {
      second = Math.max(second, this.codes[i]! & 0xff);
    }
    const first = this.codes.length === 0 ? 0 : this.codes[0]! >> 8;
    this.cut(whole, key, first || host, second || host);
  }

  private cut(whole: Int32Array, key: Int32Array, first: number, second: number): void {
    const { networks, addresses, addressWords } = this;
    for (let i = 0; i < key.length; i++) key[i] = whole[i]!;
    for (let i = 0; i < networks.length; i++) {
      const length = i === 0 ? first : second;
      cutWords(key, networks[i]!, addressWords, length);
      key[networks[i]! + addressWords] = length;
    }
    for (let i = 0; i < addresses.length; i++) {
      cutWords(key, addresses[i]!, addressWords, this.netmask);
    }
  }
}

/** Clears what stands behind the first `length` bits of `words` words. */
function cutWords(key: Int32Array, at: number, words: number, length: number): void {
  for (let i = 0; i < words; i++) {
    const bits = length - 32 * i;
    if (bits <= 0) key[at + i] = 0;
    else if (bits < 32) key[at + i] = key[at + i]! & (-1 << (32 - bits));
  }
}
