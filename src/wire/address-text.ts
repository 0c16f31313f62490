import { Address4, Address6 } from 'ip-address';

/** Address words to text and back. Cold path only: screens, events, configuration. */

/** `10.0.1.2` for a signed 32-bit word. */
export function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/**
 * Canonical text of an IPv6 address (RFC 5952) for four signed 32-bit words. An embedded IPv4 address
 * is written as one (section 5), where inet_ntop(3) does so: `::ffff:192.0.2.1`, `::192.0.2.1`.
 */
export function formatIpv6(w0: number, w1: number, w2: number, w3: number): string {
  if (w0 === 0 && w1 === 0) {
    if (w2 === 0xffff) return `::ffff:${formatIpv4(w3)}`;
    if (w2 === 0 && w3 >>> 16 !== 0) return `::${formatIpv4(w3)}`;
  }
  const groups = [w0, w1, w2, w3].flatMap((w) => [(w >>> 16) & 0xffff, w & 0xffff]);
  return new Address6(groups.map((g) => g.toString(16)).join(':')).correctForm();
}

/** Text of an address of either family; an IPv4 address is in word 0. */
export function formatAddress(
  family: number,
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): string {
  return family === 4 ? formatIpv4(w0) : formatIpv6(w0, w1, w2, w3);
}

/** Dotted quad to a signed word, or null where it is not an IPv4 address. No prefix length. */
export function parseIpv4(text: string): number | null {
  if (text.includes('/') || !Address4.isValid(text)) return null;
  const [a, b, c, d] = text.split('.').map(Number) as [number, number, number, number];
  return (a << 24) | (b << 16) | (c << 8) | d;
}

/** IPv6 text to four signed words, or null. Neither prefix length nor zone id is accepted. */
export function parseIpv6(text: string): [number, number, number, number] | null {
  if (/[/%[\]]/.test(text) || !Address6.isValid(text)) return null;
  const bytes = new Address6(text).toUnsignedByteArray();
  const padded = [...new Array<number>(16 - Math.min(16, bytes.length)).fill(0), ...bytes].slice(
    -16,
  );
  const word = (i: number) =>
    (padded[i]! << 24) | (padded[i + 1]! << 16) | (padded[i + 2]! << 8) | padded[i + 3]!;
  return [word(0), word(4), word(8), word(12)];
}
