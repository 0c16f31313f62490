/** What `ip -j` prints, as far as it is needed here. Absent members are absent in the output too. */
export interface RouteJson {
  readonly type?: string;
  readonly dst: string;
  /** IPv6: only packets from there. */
  readonly from?: string;
  readonly tos?: string;
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
  readonly dev?: string;
  readonly table?: string;
  readonly metric?: number;
  /** Of an IPv6 router: `low`, `medium`, `high`. */
  readonly pref?: string;
  readonly flags?: readonly string[];
  readonly metrics?: readonly { readonly mtu?: number }[];
  readonly nexthops?: readonly NexthopJson[];
}

export interface NexthopJson {
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
  readonly dev?: string;
  readonly flags?: readonly string[];
}

export interface AddressJson {
  readonly family: string;
  readonly local?: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly secondary?: boolean;
  readonly deprecated?: boolean;
  readonly tentative?: boolean;
  readonly dadfailed?: boolean;
  readonly temporary?: boolean;
}

export interface LinkJson {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly group?: string;
  readonly link_type: string;
  readonly address?: string;
  readonly parentbus?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly AddressJson[];
}

export interface NeighbourJson {
  readonly dst: string;
  readonly dev?: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

/** With `-N`, so that tables, protocols and groups are numbers. */
export interface RuleJson {
  readonly priority: number;
  /** Present (null): what follows must not hold. */
  readonly not?: null;
  readonly src?: string;
  readonly srclen?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly fwmark?: string;
  readonly fwmask?: string;
  readonly iif?: string;
  readonly oif?: string;
  readonly tos?: string;
  readonly dscp?: string | number;
  /** `ipproto-6`. */
  readonly ipproto?: string;
  readonly sport?: number;
  readonly sport_start?: number;
  readonly sport_end?: number;
  readonly dport?: number;
  readonly dport_start?: number;
  readonly dport_end?: number;
  readonly uid_start?: number;
  readonly uid_end?: number;
  readonly table?: string;
  readonly suppress_prefixlen?: number;
  readonly suppress_ifgroup?: string;
  readonly goto?: number;
  /** Route type: `6`. */
  readonly action?: string;
}

export interface GroupJson {
  readonly ifname: string;
  readonly group: string;
}

/**
 * The array that `ip -j` printed. Old versions print nothing at all where there is nothing to show,
 * and an empty object stands for an entry that a filter left out.
 */
export function parseIpJson<T>(text: string): T[] {
  if (text.trim() === '') return [];
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new SyntaxError('expected a JSON array from ip -j');
  return value.filter((entry) => Object.keys(entry).length > 0) as T[];
}
