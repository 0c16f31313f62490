const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const GROUPS = 8;

const nothing = new Uint8Array(0);

/**
 * IPv6 addresses in text as the kernel's in6_pton reads them (net/core/utils.c). It takes some that
 * nobody writes: leading zeros without end, a NUL in place of the closing delimiter, and a colon
 * behind an embedded IPv4 address. It refuses brackets and zones.
 */
export class Ipv6Text {
  /** The four words of the address, after `read`. */
  readonly words = new Int32Array(4);

  private readonly groups = new Int32Array(GROUPS);
  private count = 0;
  /** Index of the group behind the `::`, -1 before one was seen. */
  private gapAt = -1;
  /** The text in hand, and how far it is read. */
  private bytes: Uint8Array = nothing;
  private at = 0;
  private end = 0;
  private delimiter = 0;

  /**
   * Reads the address at `start`, which ends where `delimiter` stands. Its length in bytes, or 0.
   */
  read(bytes: Uint8Array, start: number, end: number, delimiter: number): number {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.delimiter = delimiter;
    this.count = 0;
    this.gapAt = -1;
    const isWhole = this.readGroups();
    if (isWhole) this.spread();
    return isWhole ? this.at - start : 0;
  }

  private readGroups(): boolean {
    if (this.isColon(this.at)) {
      if (!this.isColon(this.at + 1)) return false;
      this.at++;
      this.openGap();
      if (this.isEnd(this.at)) return true;
    }
    while (this.count < GROUPS) {
      const groupStart = this.at;
      const group = this.readGroup();
      if (group < 0) return false;
      // A group that must be the last ends the address; another one only behind a gap.
      if (this.isEnd(this.at)) {
        this.push(group);
        return this.gapAt >= 0 || this.count === GROUPS;
      }
      if (this.isByte(this.at, DOT)) return this.mayEmbed() && this.readEmbedded(groupStart);
      if (!this.isColon(this.at) || this.count === GROUPS - 1) return false;
      this.push(group);
      this.at++;
      if (this.gapAt >= 0 || !this.isColon(this.at)) continue;
      this.openGap();
      if (this.isEnd(this.at)) return true;
    }
    return false;
  }

  /** The `::`, at its second colon. It stands for one group of zeros at least, which takes its place. */
  private openGap(): void {
    this.at++;
    this.push(0);
    this.gapAt = this.count;
  }

  /** Hexadecimal digits that fit 16 bits, -1 where there is none or one too many. */
  private readGroup(): number {
    let group = -1;
    for (;;) {
      const digit = this.hexAt(this.at);
      if (digit < 0) return group;
      if (group > 0xfff) return -1;
      group = group < 0 ? digit : (group << 4) | digit;
      this.at++;
    }
  }

  /** An IPv4 address may stand for the last two groups. */
  private mayEmbed(): boolean {
    return this.count === GROUPS - 2 || (this.gapAt >= 0 && this.count < GROUPS - 2);
  }

  /** `192.0.2.1`, ended by the delimiter or by a colon. */
  private readEmbedded(start: number): boolean {
    this.at = start;
    let address = 0;
    for (let octets = 1; ; octets++) {
      const octet = this.readOctet();
      if (octet < 0) return false;
      address = (address << 8) | octet;
      if (octets === 4) break;
      if (!this.isByte(this.at, DOT)) return false;
      this.at++;
    }
    if (!this.isEnd(this.at) && !this.isColon(this.at)) return false;
    this.push(address >>> 16);
    this.push(address & 0xffff);
    return true;
  }

  private readOctet(): number {
    let octet = -1;
    for (; !this.isEnd(this.at); this.at++) {
      const digit = this.bytes[this.at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      octet = Math.max(octet, 0) * 10 + digit;
      if (octet > 255) return -1;
    }
    return octet;
  }

  private push(group: number): void {
    this.groups[this.count++] = group;
  }

  /** Puts the groups behind the gap to the end, and zeros between. */
  private spread(): void {
    const { groups, words, count } = this;
    const before = this.gapAt < 0 ? count : this.gapAt;
    const shift = GROUPS - count;
    words.fill(0);
    for (let i = 0; i < count; i++) {
      const place = i < before ? i : i + shift;
      words[place >> 1]! |= groups[i]! << ((place & 1) === 0 ? 16 : 0);
    }
  }

  /** The end of the text counts as a NUL, and a NUL as the delimiter. */
  private isEnd(at: number): boolean {
    if (at >= this.end) return true;
    const byte = this.bytes[at]!;
    return byte === this.delimiter || byte === 0;
  }

  /** The delimiter comes before any other meaning of its byte. */
  private isByte(at: number, byte: number): boolean {
    return !this.isEnd(at) && this.bytes[at] === byte;
  }

  private isColon(at: number): boolean {
    return this.isByte(at, COLON);
  }

  private hexAt(at: number): number {
    if (this.isEnd(at)) return -1;
    const byte = this.bytes[at]!;
    if (byte >= ZERO && byte <= ZERO + 9) return byte - ZERO;
    const letter = byte | 0x20;
    return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
  }
}
