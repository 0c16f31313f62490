import { KernelKind, type KernelKindCode } from './announcement.ts';

const COMMA = 0x2c;
const DOT = 0x2e;
const COLON = 0x3a;
const BAR = 0x7c;
const ZERO = 0x30;

/** `|2|` and `|65535|` around an IPv6 address in full. */
const LONGEST = 3 + 39 + 7;

/**
 * Writes the numbers of announcements in the form of nf_nat_ftp.c, whatever form they came in:
 * `a,b,c,d,p1,p2`, `|1|a.b.c.d|p|`, `|2|` with all 39 characters of the address, `|||p|`.
 */
export class NumbersWriter {
  /** The text; it ends at what `write` returns. */
  readonly text = new Uint8Array(LONGEST);
  private length = 0;

  /** `words` are those of the address, one in IPv4. Returns the length in bytes. */
  write(kind: KernelKindCode, family: number, words: Int32Array, port: number): number {
    this.length = 0;
    if (kind === KernelKind.Eprt) this.eprt(family, words, port);
    else if (kind === KernelKind.Epsv) this.epsv(port);
    else {
      // Over IPv6 too: the kernel prints the first four bytes of the address then.
      this.octets(words[0]!, COMMA);
      this.byte(COMMA);
      this.decimal(port >>> 8);
      this.byte(COMMA);
      this.decimal(port & 0xff);
    }
    return this.length;
  }

  private eprt(family: number, words: Int32Array, port: number): void {
    this.byte(BAR);
    this.byte(family === 4 ? ZERO + 1 : ZERO + 2);
    this.byte(BAR);
    if (family === 4) this.octets(words[0]!, DOT);
    else this.groups(words);
    this.byte(BAR);
    this.decimal(port);
    this.byte(BAR);
  }

  private epsv(port: number): void {
    this.byte(BAR);
    this.byte(BAR);
    this.byte(BAR);
    this.decimal(port);
    this.byte(BAR);
  }

  private octets(address: number, separator: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) {
      this.decimal((address >>> shift) & 0xff);
      if (shift > 0) this.byte(separator);
    }
  }

  /** `2001:0db8:0002:0000:0000:0000:0000:0001` */
  private groups(words: Int32Array): void {
    for (let nibble = 0; nibble < 32; nibble++) {
      if (nibble > 0 && nibble % 4 === 0) this.byte(COLON);
      const digit = (words[nibble >> 3]! >>> (28 - 4 * (nibble & 7))) & 0xf;
      this.byte(digit < 10 ? ZERO + digit : 0x57 + digit);
    }
  }

  private decimal(value: number): void {
    let divisor = 1;
    while (divisor * 10 <= value) divisor *= 10;
    for (; divisor >= 1; divisor = Math.trunc(divisor / 10)) {
      this.byte(ZERO + (Math.trunc(value / divisor) % 10));
    }
  }

  private byte(value: number): void {
    this.text[this.length++] = value;
  }
}
