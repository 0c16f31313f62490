/** Why some combinations fail: known causes, found by hand, and where each applies. */
import type { Mode } from '../ftp-clients.ts';
import type { Row } from './cells.ts';
import type { GatewayName } from './matrix.ts';

interface Explanation {
  /** Absent: everywhere. */
  readonly gateways?: readonly (GatewayName | 'no firewall')[];
  readonly servers?: readonly string[];
  readonly clients?: readonly string[];
  readonly modes?: readonly Mode[];
  readonly why: string;
}

const explanations: readonly Explanation[] = [
  {
    gateways: ['kernel', 'pinhole-kernel'],
    clients: ['lftp async'],
    modes: ['PORT', 'EPRT'],
    why: 'the command stands behind others in its segment; nf_conntrack_ftp reads only the beginning of a segment, so it neither opens nor rewrites',
  },
  {
    gateways: ['kernel', 'pinhole-kernel'],
    servers: ['pyftpdlib'],
    modes: ['EPRT'],
    why: 'nf_nat_ftp writes an IPv6 address in its full form, also where it changes nothing; the server compares it as text with the short form and refuses: 501 Rejected data connection to foreign address',
  },
  {
    gateways: ['no firewall'],
    servers: ['pyftpdlib'],
    clients: ['lftp async'],
    modes: ['PORT', 'EPRT'],
    why: 'the server answers the transfer command before the PORT or EPRT ahead of it, and lftp waits for ever',
  },
  {
    gateways: ['no firewall'],
    clients: ['wget', 'lftp', 'lftp async'],
    why: 'the client has no option for it on IPv4; it sends PORT or PASV instead',
  },
  {
    gateways: ['no firewall'],
    clients: ['ncftp'],
    why: 'the client knows PORT, PASV and IPv4 only',
  },
];

const covers = <T>(list: readonly T[] | undefined, item: T) =>
  list === undefined || list.includes(item);

/** The known cause of a failure, undefined where there is none. */
export function explain(row: Row, gateway: GatewayName | 'no firewall'): string | undefined {
  return explanations.find(
    ({ gateways, servers, clients, modes }) =>
      covers(gateways, gateway) &&
      covers(servers, row.server.name) &&
      covers(clients, row.client.name) &&
      covers(modes, row.mode),
  )?.why;
}
