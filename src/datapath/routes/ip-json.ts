/** What `ip -j` prints, as far as it is needed here. Absent members are absent in the output too. */
export interface RouteJson {
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly via?: { readonly family: string; readonly host: string };
  readonly dev?: string;
  readonly table?: string;
  readonly metric?: number;
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

export interface RuleJson {
  readonly priority: number;
  readonly src?: string;
  readonly table?: string;
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
