import { RuleFault } from './errors.ts';
import type { ServiceTable } from './services.ts';

/** A range of ports, both ends included. */
export interface PortRange {
  readonly min: number;
  readonly max: number;
}

/**
 * The unsigned number that a text begins with, as strtoul(3) with base 0 reads it (blanks and `+`
 * before it, 0x hexadecimal, 0 octal), and what follows it; null where none begins here.
 */
export function scanUnsigned(text: string): { value: number; rest: string } | null {
  const [all = '', hexadecimal, octal = '', decimal] =
    /^\s*\+?(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))/.exec(text) ?? [];
  if (all === '') return null;
  const rest = text.slice(all.length);
  if (hexadecimal !== undefined) return { value: Number.parseInt(hexadecimal, 16), rest };
  return { value: decimal === undefined ? Number.parseInt(octal, 8) : Number(decimal), rest };
}

/** A text that is nothing but such a number, of at most `max`; else null. */
export function parseUnsigned(text: string, max: number): number | null {
  const found = scanUnsigned(text);
  return found !== null && found.rest === '' && found.value <= max ? found.value : null;
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
