import { createHash, type Hash } from 'node:crypto';
import {
  type GroupJson,
  type LinkJson,
  parseIpJson,
  type RouteJson,
  type RuleJson,
} from './ip-json.ts';

/** What a lookup can answer from, as `ip` printed it. */
export interface Dump {
  readonly links: readonly LinkJson[];
  readonly groups: readonly GroupJson[];
  /** By family: routes, then rules. */
  readonly texts: Readonly<Record<4 | 6, { readonly routes: string; readonly rules: string }>>;
}

interface FamilyJson {
  readonly family: 4 | 6;
  readonly routes: readonly RouteJson[];
  readonly rules: readonly RuleJson[];
}

/** The same, taken to pieces. */
export interface ParsedDump {
  readonly links: readonly LinkJson[];
  readonly groups: readonly GroupJson[];
  readonly families: readonly FamilyJson[];
}

/** Takes it to pieces, and leaves these devices and the routes by them out. Throws `SyntaxError`. */
export function without(devices: readonly string[], { groups, links, texts }: Dump): ParsedDump {
  const isOther = (name: string | undefined) => name === undefined || !devices.includes(name);
  return {
    links: links.filter(({ ifname }) => isOther(ifname)),
    groups,
    families: ([4, 6] as const).map((family) => ({
      family,
      routes: parseIpJson<RouteJson>(texts[family].routes).filter(({ dev }) => isOther(dev)),
      rules: parseIpJson<RuleJson>(texts[family].rules),
    })),
  };
}

/** The same for two readings that all lookups answer alike from; without taking anything to pieces. */
export function fingerprintOf({ groups, links, texts }: Dump): string {
  const hash = hashOf(links, groups);
  for (const family of [4, 6] as const) {
    const { routes, rules } = texts[family];
    hash.update(untimed(routes)).update('\n').update(rules).update('\n');
  }
  return hash.digest('hex');
}

/** As `fingerprintOf`, of what is left of a reading. */
export function essenceOf({ families, groups, links }: ParsedDump): string {
  const hash = hashOf(links, groups);
  for (const { routes, rules } of families) {
    for (const route of routes) hash.update(untimed(JSON.stringify(route)));
    hash.update('\n').update(JSON.stringify(rules)).update('\n');
  }
  return hash.digest('hex');
}

/** Of links only what lookups look at: the state of carrier and lifetimes change by themselves. */
function hashOf(links: readonly LinkJson[], groups: readonly GroupJson[]): Hash {
  const hash = createHash('sha1');
  for (const { addr_info, ifindex, ifname, mtu } of links) {
    const addresses = (addr_info ?? []).map((a) => {
      const flags = [a.secondary, a.deprecated, a.tentative, a.dadfailed, a.temporary];
      return [a.family, a.local, a.prefixlen, a.scope, ...flags];
    });
    hash.update(JSON.stringify([ifindex, ifname, mtu, addresses]));
  }
  return hash.update(JSON.stringify(groups.map(({ group, ifname }) => [ifname, group])));
}

/** The time that a route has left changes by itself, too. */
function untimed(routes: string): string {
  return routes.replace(/"expires":\d+,?/g, '');
}
