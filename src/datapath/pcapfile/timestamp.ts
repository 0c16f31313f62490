const NANOS_PER_SEC = 1_000_000_000;
const TWO_16 = 65_536;
const TWO_32 = 4_294_967_296;
/** 10^9 is 5^9 * 2^9: multiplying by 5^9 alone keeps a 32-bit word below 2^53. */
const FIVE_TO_9 = 1_953_125;

/** 10^19 and 2^63 are the finest units whose second still fits 64 bits; libpcap's limits as well. */
const MAX_POWER_OF_TEN = 19;
const MAX_POWER_OF_TWO = 63;

/** True where the if_tsresol byte names a resolution that a 64-bit timestamp can carry. */
export function isUsableResolution(tsresol: number): boolean {
  return (tsresol & 0x80) === 0
    ? tsresol <= MAX_POWER_OF_TEN
    : (tsresol & 0x7f) <= MAX_POWER_OF_TWO;
}

/**
 * Turns the 64-bit timestamps of one pcapng interface into seconds and nanoseconds, exactly (finer
 * units are rounded down), without BigInt: nanoseconds since 1970 do not fit a double.
 */
export class TimestampScale {
  /** Result of the last `resolve()`. */
  epochSec = 0;
  /** Result of the last `resolve()`: 0..999 999 999. */
  nanos = 0;

  private readonly isPowerOfTwo: boolean;
  private readonly exponent: number;
  private readonly offsetSec: number;
  /** Decimal: what to divide by first, to whole seconds (<= 10^9) or to nanoseconds. */
  private readonly divisor: number;
  /** Decimal, from nanoseconds upwards: nanoseconds per unit; 0 for finer units. */
  private readonly nanosPerUnit: number;
  /** Binary: units per second, counted in the low word (k < 32) or in the high word. */
  private readonly unitsInWord: number;
  /** Binary: 2^(k-9) and 2^(k-41), by which the product's two words are divided. */
  private readonly lowDivisor: number;
  private readonly highDivisor: number;
  private quotientHigh = 0;
  private quotientLow = 0;

  /** `tsresol` as in if_tsresol (checked by `isUsableResolution`), `offsetSec` as in if_tsoffset. */
  constructor(tsresol: number, offsetSec: number) {
    this.isPowerOfTwo = (tsresol & 0x80) !== 0;
    this.exponent = tsresol & 0x7f;
    this.offsetSec = offsetSec;
    const k = this.exponent;
    this.divisor = 10 ** (k <= 9 ? k : k - 9);
    this.nanosPerUnit = k <= 9 ? 10 ** (9 - k) : 0;
    this.unitsInWord = 2 ** (k < 32 ? k : k - 32);
    this.lowDivisor = 2 ** (k - 9);
    this.highDivisor = 2 ** (k - 41);
  }

  /** Sets `epochSec` and `nanos` from the two unsigned halves of a timestamp. */
  resolve(high: number, low: number): void {
    if (this.isPowerOfTwo) this.resolveBinary(high, low);
    else this.resolveDecimal(high, low);
    this.epochSec += this.offsetSec;
  }

  private resolveDecimal(high: number, low: number): void {
    const remainder = this.divide(high, low, this.divisor);
    this.nanos =
      this.nanosPerUnit === 0
        ? this.divide(this.quotientHigh, this.quotientLow, NANOS_PER_SEC)
        : remainder * this.nanosPerUnit;
    this.epochSec = this.quotientHigh * TWO_32 + this.quotientLow;
  }

  /**
   * Long division by 16-bit digits. `divisor` <= 10^10 < 2^37, so that every partial dividend is
   * below 2^53 and the rounded division never reaches the next integer.
   */
  private divide(high: number, low: number, divisor: number): number {
    const digit3 = high >>> 16;
    const quotient3 = Math.floor(digit3 / divisor);
    const digit2 = (digit3 - quotient3 * divisor) * TWO_16 + (high & 0xffff);
    const quotient2 = Math.floor(digit2 / divisor);
    const digit1 = (digit2 - quotient2 * divisor) * TWO_16 + (low >>> 16);
    const quotient1 = Math.floor(digit1 / divisor);
    const digit0 = (digit1 - quotient1 * divisor) * TWO_16 + (low & 0xffff);
    const quotient0 = Math.floor(digit0 / divisor);
    this.quotientHigh = quotient3 * TWO_16 + quotient2;
    this.quotientLow = quotient1 * TWO_16 + quotient0;
    return digit0 - quotient0 * divisor;
  }

  /** The fraction f / 2^k of a second is floor(f * 5^9 / 2^(k-9)) ns, in two 32-bit words. */
  private resolveBinary(high: number, low: number): void {
    const units = this.unitsInWord;
    const isInLow = this.exponent < 32;
    const wholeSec = Math.floor((isInLow ? low : high) / units);
    const fractionHigh = isInLow ? 0 : high - wholeSec * units;
    const fractionLow = isInLow ? low - wholeSec * units : low;
    this.epochSec = isInLow ? high * (TWO_32 / units) + wholeSec : wholeSec;
    const productLow = fractionLow * FIVE_TO_9;
    const carry = Math.floor(productLow / TWO_32);
    const wordHigh = fractionHigh * FIVE_TO_9 + carry;
    const wordLow = productLow - carry * TWO_32;
    // For k <= 41 the low word still holds whole nanoseconds, and 1 / 2^(k-41) is an integer.
    this.nanos =
      this.exponent <= 41
        ? wordHigh / this.highDivisor + Math.floor(wordLow / this.lowDivisor)
        : Math.floor(wordHigh / this.highDivisor);
  }
}
