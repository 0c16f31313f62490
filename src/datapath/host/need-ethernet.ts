import type { LinkJson } from '../routes/index.ts';
import { DatapathUnavailable } from './errors.ts';

/** The named interface as the kernel lists it. Throws where it is missing or no Ethernet. */
export function needEthernet(links: readonly LinkJson[], name: string): LinkJson {
  const link = links.find((known) => known.ifname === name);
  if (link === undefined) {
    const names = links.map((known) => known.ifname).join(', ');
    throw new DatapathUnavailable(
      'interface-missing',
      `there is no interface ${name} in this network namespace`,
      `name one of: ${names}`,
    );
  }
  if (link.link_type !== 'ether') {
    throw new DatapathUnavailable(
      'not-ethernet',
      `${name} is no Ethernet: its link type is ${link.link_type}`,
      'manage Ethernet-like interfaces only',
    );
  }
  return link;
}
