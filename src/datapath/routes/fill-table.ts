import type { InterfaceTable } from '../../base/index.ts';
import {
  type PolicyPrefix,
  RouteKind,
  type RouteKindCode,
  type RouteTable,
} from '../../engine/index.ts';
import { AddressKind, type AddressKindCode } from '../../rules/index.ts';
import { parseIpv4, parseIpv6 } from '../../wire/index.ts';
import type { AddressJson, LinkJson, NexthopJson, RouteJson } from './ip-json.ts';

/** By route type, as `ip -N` prints it (RTN_ of linux/rtnetlink.h). */
const kinds: Readonly<Record<string, RouteKindCode>> = {
  1: RouteKind.Forward,
  2: RouteKind.Local,
  3: RouteKind.Broadcast,
  4: RouteKind.Local,
  5: RouteKind.Broadcast,
  6: RouteKind.Blackhole,
  7: RouteKind.Unreachable,
  8: RouteKind.Prohibited,
};
const UNICAST = '1';
const THROW = '9';

/** Kinds that rules tell apart and frames are not treated by. */
const addressKinds: Readonly<Record<string, AddressKindCode>> = {
  4: AddressKind.Anycast,
  5: AddressKind.Multicast,
};

const preferences: Readonly<Record<string, number>> = { high: 1, medium: 0, low: -1 };

const MAIN_TABLE = '254';

/** Enters the routes of all tables of a family, as `ip -j -N route show table all` lists them. */
export function fillRoutes(
  table: RouteTable,
  interfaces: InterfaceTable,
  family: 4 | 6,
  routes: readonly RouteJson[],
): void {
  for (const route of routes) {
    const type = route.type ?? UNICAST;
    const throws = type === THROW;
    const kind = throws ? RouteKind.Unreachable : kinds[type];
    const destination = parsePrefix(family, route.dst);
    if (kind === undefined || destination === null) continue;
    // Several next hops: the first that is up. Flows are not spread over them.
    const [way, ...others] = (route.nexthops ?? [route]).filter(isUp);
    if (way === undefined) continue;
    const addressKind = addressKinds[type];
    const mtu = route.metrics?.find((metrics) => metrics.mtu !== undefined)?.mtu ?? 0;
    const source = sourceOf(family, route);
    const via = viaOf(family, way);
    table.addRoute({
      family,
      ...destination,
      kind,
      table: Number(route.table ?? MAIN_TABLE),
      mtu,
      metric: route.metric ?? 0,
      preference: preferences[route.pref ?? ''] ?? 0,
      ...(throws ? { throws } : {}),
      ...(route.tos === undefined ? {} : { tos: Number(route.tos) }),
      ...(source === null ? {} : { source }),
      ...(way.dev === undefined ? {} : { outIf: interfaces.id(way.dev) }),
      ...(via === null ? {} : { via }),
      ...(addressKind === undefined ? {} : { addressKind }),
      ...(others.length === 0 ? {} : { otherOutIfs: waysOut(others, interfaces) }),
    });
  }
}

function sourceOf(family: 4 | 6, { from }: RouteJson): PolicyPrefix | null {
  const prefix = from === undefined ? null : parsePrefix(family, from);
  if (prefix === null || prefix.prefixLength === 0) return null;
  return { words: prefix.prefix, length: prefix.prefixLength };
}

/** The next hop, which may be of the other family (RFC 5549); null: the destination itself. */
function viaOf(family: 4 | 6, { gateway, via }: NexthopJson): number[] | null {
  if (via !== undefined) return parseWords(via.family === 'inet6' ? 6 : 4, via.host);
  return gateway === undefined ? null : parseWords(family, gateway);
}

function waysOut(ways: readonly NexthopJson[], interfaces: InterfaceTable): number[] {
  return ways.flatMap(({ dev }) => (dev === undefined ? [] : [interfaces.id(dev)]));
}

/** Enters MTU and addresses of every interface, as `ip -j addr` lists them. */
export function fillInterfaces(
  table: RouteTable,
  interfaces: InterfaceTable,
  links: readonly LinkJson[],
): void {
  for (const link of links) {
    const id = interfaces.id(link.ifname);
    table.setMtu(id, link.mtu);
    for (const address of usableAddresses(link)) {
      const family = familyOf(address);
      const words = parseWords(family, address.local ?? '');
      if (words !== null) table.addInterfaceAddress(family, id, words, address.prefixlen);
    }
  }
}

/** Global addresses, the kernel's first choice first: inet_select_addr, ipv6_dev_get_saddr. */
function usableAddresses(link: LinkJson): AddressJson[] {
  return (link.addr_info ?? [])
    .filter((address) => address.scope === 'global' && address.dadfailed !== true)
    .filter((address) => address.deprecated !== true && address.tentative !== true)
    .sort((a, b) => rank(a) - rank(b));
}

/** `secondary` marks an IPv4 address in the subnet of an earlier one, and an IPv6 temporary one. */
function rank(address: AddressJson): number {
  return address.secondary === true || address.temporary === true ? 1 : 0;
}

export function familyOf(address: AddressJson): 4 | 6 {
  return address.family === 'inet' ? 4 : 6;
}

/** Address text to 1 or 4 words; null where it is no address of that family. */
export function parseWords(family: 4 | 6, text: string): number[] | null {
  if (family === 6) return parseIpv6(text);
  const word = parseIpv4(text);
  return word === null ? null : [word];
}

/** `192.0.2.0/24`, `192.0.2.1`, `default`; null where it is none of that family. */
export function parsePrefix(
  family: 4 | 6,
  text: string,
): { prefix: number[]; prefixLength: number } | null {
  const widest = family === 4 ? 32 : 128;
  if (text === 'default') return { prefix: family === 4 ? [0] : [0, 0, 0, 0], prefixLength: 0 };
  const [address, length] = text.split('/') as [string, string | undefined];
  const prefix = parseWords(family, address);
  if (prefix === null) return null;
  return { prefix, prefixLength: length === undefined ? widest : Number(length) };
}

/** The kernel marks next hops on a link that is gone or unplugged as dead. */
function isUp(way: NexthopJson): boolean {
  return !(way.flags ?? []).includes('dead');
}
