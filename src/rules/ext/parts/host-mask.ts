import { formatWords, maskOfPrefix, parseHostWords, prefixLength } from '../../address.ts';
import { RuleFault } from '../../errors.ts';
import type { Family } from '../../model.ts';
import { parseUnsigned } from '../../numbers.ts';

/** `ADDRESS[/MASK]` of options, where the host bits are kept as they were written. */
export interface HostMask {
  readonly address: readonly number[];
  readonly mask: readonly number[];
}

/** Throws `bad-address`. Names but `localhost` are not looked up. */
export function parseHostMask(text: string, family: Family): HostMask {
  const [host = '', maskText] = text.split(/\/(.*)/s, 2);
  const fullBits = family === 4 ? 32 : 128;
  const address = host === 'localhost' ? loopback(family) : parseHostWords(host, family);
  if (address === null) {
    throw new RuleFault('bad-address', `host/network \`${host}' not found`);
  }
  if (maskText === undefined) return { address, mask: maskOfPrefix(fullBits, family) };
  const bits = parseUnsigned(maskText, fullBits);
  const whole = family === 6 || maskText.split('.').length === 4;
  const mask =
    bits !== null ? maskOfPrefix(bits, family) : whole ? parseHostWords(maskText, family) : null;
  if (mask === null) {
    throw new RuleFault('bad-address', `invalid mask \`${maskText}' specified`);
  }
  return { address, mask };
}

const loopback = (family: Family) => (family === 4 ? [0x7f000001] : [0, 0, 0, 1]);

/** `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1/255.0.255.0`. */
export function formatHostMask({ address, mask }: HostMask): string {
  const length = prefixLength(mask);
  const full = mask.length === 1 ? 32 : 128;
  const text = formatWords(address);
  if (length === full) return text;
  return `${text}/${length < 0 ? formatWords(mask) : length}`;
}
