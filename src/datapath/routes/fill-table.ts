import type { InterfaceTable } from '../../base/index.ts';
import { RouteKind, type RouteKindCode, type RouteTable } from '../../engine/index.ts';
import { AddressKind, type AddressKindCode } from '../../rules/index.ts';
import { parseIpv4, parseIpv6 } from '../../wire/index.ts';
import type { AddressJson, LinkJson, NexthopJson, RouteJson } from './ip-json.ts';

const kinds: Readonly<Record<string, RouteKindCode>> = {
  unicast: RouteKind.Forward,
  local: RouteKind.Local,
  anycast: RouteKind.Local,
  broadcast: RouteKind.Broadcast,
  multicast: RouteKind.Broadcast,
  unreachable: RouteKind.Unreachable,
  prohibit: RouteKind.Prohibited,
  blackhole: RouteKind.Blackhole,
};

/** Kinds that rules tell apart and frames are not treated by. */
const addressKinds: Readonly<Record<string, AddressKindCode>> = {
  anycast: AddressKind.Anycast,
  multicast: AddressKind.Multicast,
};

const tables = ['local', 'main', 'default'] as const;

/** Enters one routing table dump of a family. Tables other than the three default ones are left out. */
export function fillRoutes(
  table: RouteTable,
  interfaces: InterfaceTable,
  family: 4 | 6,
  routes: readonly RouteJson[],
): void {
  for (const route of routes) {
    const name = tables.find((known) => known === (route.table ?? 'main'));
    const kind = kinds[route.type ?? 'unicast'];
    const destination = parsePrefix(family, route.dst);
    // `throw` ends the search in its table: with the three default tables that is the same as no entry.
    if (name === undefined || kind === undefined || destination === null) continue;
    // Several next hops: the first that is up. Flows are not spread over them.
    const [way, ...others] = (route.nexthops ?? [route]).filter(isUp);
    if (way === undefined) continue;
    const addressKind = addressKinds[route.type ?? ''];
    const mtu = route.metrics?.find((metrics) => metrics.mtu !== undefined)?.mtu ?? 0;
    const via = way.gateway === undefined ? null : parseWords(family, way.gateway);
    table.addRoute({
      family,
      ...destination,
      kind,
      table: name,
      mtu,
      metric: route.metric ?? 0,
      ...(way.dev === undefined ? {} : { outIf: interfaces.id(way.dev) }),
      ...(via === null ? {} : { via }),
      ...(addressKind === undefined ? {} : { addressKind }),
      ...(others.length === 0 ? {} : { otherOutIfs: waysOut(others, interfaces) }),
    });
  }
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

function parsePrefix(
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
