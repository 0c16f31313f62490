import { RuleFault } from './errors.ts';
import type { ServiceTable } from './services.ts';

/** A range of ports, both ends included. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/** Unsigned number in C notation (decimal, 0x hexadecimal, 0 octal) of at most `max`, or null. */
export function parseUnsigned(text: string, max: number): number | null {
  let value: number;
  if (/^0[xX][0-9a-fA-F]+$/.test(text)) value = Number.parseInt(text.slice(2), 16);
  else if (/^0[0-7]+$/.test(text)) value = Number.parseInt(text, 8);
  else if (/^(0|[1-9][0-9]*)$/.test(text)) value = Number(text);
  else return null;
  return value <= max ? value : null;
}

/**
 * A port by number or service name; throws `bad-value` in iptables' words. The name must be one of
 * `proto`; only for udp a name that another protocol has will do, as in iptables.
 */
export function parsePort(text: string, proto: string, services: ServiceTable): number {
  const named = services.port(text, proto) ?? (proto === 'udp' ? services.port(text, '') : null);
  const port = parseUnsigned(text, 0xffff) ?? named;
  if (port === null) throw new RuleFault('bad-value', `invalid port/service \`${text}' specified`);
  return port;
}

/** `21`, `20:21`, `:1023`, `1024:`; throws in the words of the tcp and udp matches. */
export function parsePortRange(text: string, proto: string, services: ServiceTable): PortRange {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const port = parsePort(text, proto, services);
    return { min: port, max: port };
  }
  const low = text.slice(0, colon);
  const high = text.slice(colon + 1);
  const min = low === '' ? 0 : parsePort(low, proto, services);
  const max = high === '' ? 0xffff : parsePort(high, proto, services);
  if (min > max) throw new RuleFault('bad-value', 'invalid portrange (min > max)');
  return { min, max };
}

/** `21` or `20:21`. */
export function formatPortRange(range: PortRange): string {
  return range.min === range.max ? String(range.min) : `${range.min}:${range.max}`;
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

/** `VALUE` or `VALUE/MASK`, both 32 bits, or null. */
export function parseMasked(text: string): { value: number; mask: number } | null {
  const slash = text.indexOf('/');
  const value = parseUnsigned(slash < 0 ? text : text.slice(0, slash), 0xffffffff);
  const mask = slash < 0 ? 0xffffffff : parseUnsigned(text.slice(slash + 1), 0xffffffff);
  if (value === null || mask === null) return null;
  return { value: value | 0, mask: mask | 0 };
}
