import { protocolName } from './names.ts';
import { protocolOptions } from './protocol-options.ts';

/** The help of `conntrack`, for what this version does. */
const usageText = `Usage: conntrack COMMAND [TABLE] [OPTIONS]
Connections and expectations of a running Pinhole gateway, with the options of conntrack(8).

Commands:
  -L, --dump [TABLE]      List entries
  -G, --get [TABLE]       Show the one entry of a tuple (needs -p, addresses and ports)
  -I, --create [TABLE]    Make an entry; it must not be there yet
  -A, --add               Make an entry where it is not there yet
  -U, --update            Change the entries that match
  -D, --delete [TABLE]    Delete the entries that match
  -E, --event [TABLE]     Show events until interrupted
  -F, --flush [TABLE]     Empty the table
  -C, --count [TABLE]     Show how many entries there are
  -S, --stats [TABLE]     Show counters
  -R, --load-file FILE    Carry the commands of FILE out, one a line ('-': standard input)
  -V, --version           Show the version of conntrack(8) that is followed
  -h, --help              Show this; after -p PROTOCOL also the options of the protocol

Tables: conntrack (if none is named), expect; -L also: dying, unconfirmed

Which entries (-L, -D, -U, -E), or which one (-I, -A, -G):
  -s, --src ADDRESS[/BITS]     Source address of the original direction
  -d, --dst ADDRESS[/BITS]     Destination address of the original direction
  -r, --reply-src ADDRESS      Source address of the reply direction
  -q, --reply-dst ADDRESS      Destination address of the reply direction
      --mask-src MASK          Mask for -s
      --mask-dst MASK          Mask for -d
  -p, --protonum PROTOCOL      tcp, udp, icmp, a number, ...
  -f, --family FAMILY          ipv4 or ipv6
  -u, --status [!]STATUS[,...] ASSURED, SEEN_REPLY, UNREPLIED, EXPECTED, FIXED_TIMEOUT, UNSET
  -m, --mark MARK[/MASK]       Connection mark
  -t, --timeout SECONDS        Time left
  -i, --id ID                  Identifier
  -w, --zone ZONE              Zone of both directions
      --orig-zone ZONE, --reply-zone ZONE
  -l, --label LABEL[,...]      Labels
  -n, --src-nat [ADDRESS[:PORT]]  Source is translated
  -g, --dst-nat [ADDRESS[:PORT]]  Destination is translated
  -j, --any-nat [ADDRESS[:PORT]]  Either is translated

What is set (-I, -A, -U): -t, -u, -m, --state; and
      --label-add LABEL[,...]  Labels to set
      --label-del [LABEL[,...]]  Labels to clear (-U), all if none is named

An expectation (-I): its master by -s, -d, -p and ports, -t, and
      --tuple-src ADDRESS[/BITS], --tuple-dst ADDRESS[/BITS], --mask-src MASK, --mask-dst MASK

Output:
  -o, --output FORMAT[,...]    extended, id, timestamp, ktimestamp, labels, xml, save, json
  -e, --event-mask EVENT[,...] ALL, NEW, UPDATES, DESTROY (-E)
  -b, --buffer-size BYTES      Read and not needed (-E)
  -z, --zero                   Clear counters after showing them (-L)

Exit status: 0 done; 1 failed, or nothing to change or show; 2 wrong use; 4 no gateway.
`;

/** The help, with the options of the protocol `proto` (-1 for none). */
export function helpText(proto: number): string {
  if (proto < 0) return usageText;
  const specs = protocolOptions(proto)?.specs ?? [];
  const names = specs.flatMap(({ long }) => `      ${long.map((name) => `--${name}`).join(', ')}`);
  const options = names.length === 0 ? 'none' : `\n${names.join('\n')}`;
  return `${usageText}\nOptions of protocol ${protocolName(proto)} (${proto}): ${options}\n`;
}
