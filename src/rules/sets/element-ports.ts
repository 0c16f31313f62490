import { Proto } from '../../wire/index.ts';
import { RuleFault } from '../errors.ts';
import { parseUnsigned } from '../numbers.ts';
import { parseProtocol, protocolName } from '../protocols.ts';
import type { ServiceTable } from '../services.ts';
import type { SetBody } from './definition.ts';

/** The port field of elements: `80`, `http`, `udp:53`, `tcp:1024-65535`, `icmp:8/0`, `vrrp:0`. */

const portProtocols: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.Sctp, Proto.UdpLite];

/** Names of ICMP types that ipset has, as `type << 8 | code` (IANA numbers). */
const icmpNames: ReadonlyMap<string, number> = new Map([
  ['echo-reply', 0],
  ['pong', 0],
  ['network-unreachable', 0x300],
  ['host-unreachable', 0x301],
  ['protocol-unreachable', 0x302],
  ['port-unreachable', 0x303],
  ['fragmentation-needed', 0x304],
  ['source-route-failed', 0x305],
  ['network-unknown', 0x306],
  ['host-unknown', 0x307],
  ['network-prohibited', 0x309],
  ['host-prohibited', 0x30a],
  ['TOS-network-unreachable', 0x30b],
  ['TOS-host-unreachable', 0x30c],
  ['communication-prohibited', 0x30d],
  ['host-precedence-violation', 0x30e],
  ['precedence-cutoff', 0x30f],
  ['source-quench', 0x400],
  ['network-redirect', 0x500],
  ['host-redirect', 0x501],
  ['TOS-network-redirect', 0x502],
  ['TOS-host-redirect', 0x503],
  ['echo-request', 0x800],
  ['ping', 0x800],
  ['router-advertisement', 0x900],
  ['router-solicitation', 0xa00],
  ['ttl-zero-during-transit', 0xb00],
  ['ttl-zero-during-reassembly', 0xb01],
  ['ip-header-bad', 0xc00],
  ['required-option-missing', 0xc01],
  ['timestamp-request', 0xd00],
  ['timestamp-reply', 0xe00],
  ['address-mask-request', 0x1100],
  ['address-mask-reply', 0x1200],
]);
const icmp6Names: ReadonlyMap<string, number> = new Map([
  ['no-route', 0x100],
  ['communication-prohibited', 0x101],
  ['address-unreachable', 0x103],
  ['port-unreachable', 0x104],
  ['packet-too-big', 0x200],
  ['ttl-zero-during-transit', 0x300],
  ['ttl-zero-during-reassembly', 0x301],
  ['bad-header', 0x400],
  ['unknown-header-type', 0x401],
  ['unknown-option', 0x402],
  ['echo-request', 0x8000],
  ['ping', 0x8000],
  ['echo-reply', 0x8100],
  ['pong', 0x8100],
  ['router-solicitation', 0x8500],
  ['router-advertisement', 0x8600],
  ['neighbour-solicitation', 0x8700],
  ['neighbor-solicitation', 0x8700],
  ['neighbour-advertisement', 0x8800],
  ['neighbor-advertisement', 0x8800],
  ['redirect', 0x8900],
]);

const bad = (words: string) => new RuleFault('bad-set', words);

/** Words `protocol << 16 | port`; the protocol is 0 in a bitmap:port, which knows none. */
export function parseSetPorts(text: string, body: SetBody, services: ServiceTable): number[] {
  const isBitmap = body.type.storage === 'bitmap';
  const colon = text.indexOf(':');
  const protocol = colon < 0 ? Proto.Tcp : readProtocol(text.slice(0, colon));
  const rest = text.slice(colon + 1);
  const high = isBitmap ? 0 : protocol << 16;
  if (isBitmap && protocol !== Proto.Tcp && protocol !== Proto.Udp) {
    throw bad(`Syntax error: bitmap:port knows ports of tcp and udp only: ${text}`);
  }
  if (protocol === Proto.Icmp) return [high | readIcmp(rest, icmpNames, 'ICMP')];
  if (protocol === Proto.Icmpv6) return [high | readIcmp(rest, icmp6Names, 'ICMPv6')];
  if (!portProtocols.includes(protocol)) {
    if (rest === '0') return [high];
    const name = protocolName(protocol);
    throw bad(`Syntax error: Protocol ${name} can be used with pseudo port value 0 only.`);
  }
  const [one, other] = readRange(rest, protocolName(protocol), services);
  const [first, last] = one <= other ? [one, other] : [other, one];
  if (isBitmap && (first < body.options.first || last > body.options.last)) {
    throw bad('Element is out of the range of the set');
  }
  return Array.from({ length: last - first + 1 }, (_, i) => high | (first + i));
}

function readProtocol(name: string): number {
  try {
    return parseProtocol(name);
  } catch {
    throw bad(`Syntax error: cannot parse '${name}' as a protocol`);
  }
}

/** A name may hold dashes itself (`ftp-data`), so the whole is tried first. */
function readRange(text: string, proto: string, services: ServiceTable): [number, number] {
  const whole = readPort(text, proto, services);
  if (whole !== null) return [whole, whole];
  for (let dash = text.indexOf('-'); dash >= 0; dash = text.indexOf('-', dash + 1)) {
    const first = readPort(text.slice(0, dash), proto, services);
    const last = readPort(text.slice(dash + 1), proto, services);
    if (first !== null && last !== null) return [first, last];
  }
  throw bad(`Syntax error: '${text}' is invalid as number`);
}

function readPort(text: string, proto: string, services: ServiceTable): number | null {
  return parseUnsigned(text, 0xffff) ?? services.port(text, proto);
}

/** `8/0`, `ping`. */
function readIcmp(text: string, names: ReadonlyMap<string, number>, label: string): number {
  const named = names.get(text);
  if (named !== undefined) return named;
  const numbers = /^(\d{1,3})\/(\d{1,3})$/.exec(text);
  const type = Number(numbers?.[1] ?? 256);
  const code = Number(numbers?.[2] ?? 256);
  if (type > 255 || code > 255) throw bad(`Cannot parse ${text} as an ${label} type/code.`);
  return (type << 8) | code;
}
