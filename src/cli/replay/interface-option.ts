import type { InterfacePrefix } from '../../datapath/index.ts';
import { parseIpv4, parseIpv6 } from '../../wire/index.ts';
import { CommandError, Exit } from '../exit-code.ts';

/** `lan0=192.168.1.1/24`: the addresses behind an interface, and the gateway's own one there. */
export function parseInterfaceOption(text: string): InterfacePrefix {
  const match = /^([^=/\s]{1,15})=([^/\s]+)(?:\/(\d+))?$/.exec(text);
  if (match === null) throw badOption(text, 'expected NAME=ADDRESS/LENGTH');
  const [, name = '', address = '', length] = match;
  const v4 = parseIpv4(address);
  const v6 = v4 === null ? parseIpv6(address) : null;
  if (v4 === null && v6 === null) throw badOption(text, `"${address}" is not an address`);
  const family = v4 !== null ? 4 : 6;
  const bits = family === 4 ? 32 : 128;
  const prefixLength = length === undefined ? bits : Number(length);
  if (prefixLength > bits) throw badOption(text, `the prefix length is at most ${bits}`);
  const words = v6 ?? [v4!];
  const hasHostPart = prefixLength < bits && hasBitsBehind(words, prefixLength);
  return { name, family, words, prefixLength, hasHostPart };
}

function hasBitsBehind(words: readonly number[], prefixLength: number): boolean {
  return words.some((word, index) => {
    const keep = Math.min(32, Math.max(0, prefixLength - index * 32));
    const mask = keep === 0 ? 0 : -1 << (32 - keep);
    return (word & ~mask) !== 0;
  });
}

function badOption(text: string, why: string): CommandError {
  return new CommandError(`pinhole replay: bad --interface "${text}": ${why}`, Exit.Usage);
}
