/** The help of `conntrack`, for what this version does. */
export const usageText = `Usage: conntrack COMMAND [TABLE] [OPTIONS]
Connections and expectations of a running Pinhole gateway, with the options of conntrack(8).

Commands:
  -L, --dump [TABLE]      List entries
  -G, --get               Show the one entry of a tuple (needs -p, addresses and ports)
  -D, --delete            Delete the entries that match
  -E, --event [TABLE]     Show events until interrupted
  -F, --flush [TABLE]     Empty the table
  -C, --count [TABLE]     Show how many entries there are
  -S, --stats [TABLE]     Show counters
  -V, --version           Show the version of conntrack(8) that is followed
  -h, --help              Show this

Tables: conntrack (if none is named), expect; -L also: dying, unconfirmed

Which entries (-L, -D, -E):
  -s, --src ADDRESS[/BITS]     Source address of the original direction
  -d, --dst ADDRESS[/BITS]     Destination address of the original direction
  -r, --reply-src ADDRESS      Source address of the reply direction
  -q, --reply-dst ADDRESS      Destination address of the reply direction
      --mask-src MASK          Mask for -s
      --mask-dst MASK          Mask for -d
  -p, --protonum PROTOCOL      tcp, udp, icmp, a number, ...
  -f, --family FAMILY          ipv4 or ipv6
  -u, --status STATUS[,...]    ASSURED, SEEN_REPLY, UNREPLIED, EXPECTED, FIXED_TIMEOUT
  -m, --mark MARK[/MASK]       Connection mark
  -w, --zone ZONE              Zone
  -n, --src-nat [ADDRESS[:PORT]]  Source is translated
  -g, --dst-nat [ADDRESS[:PORT]]  Destination is translated
  -j, --any-nat [ADDRESS[:PORT]]  Either is translated
After -p tcp, udp, udplite, sctp or dccp:
      --sport PORT, --dport PORT, --reply-port-src PORT, --reply-port-dst PORT
      --state STATE            (tcp, sctp, dccp)
After -p icmp or icmpv6:
      --icmp-type N, --icmp-code N, --icmp-id N (--icmpv6-type, ...)

Output:
  -o, --output FORMAT[,...]    extended, id, timestamp, ktimestamp, labels, xml, save, json
  -e, --event-mask EVENT[,...] ALL, NEW, UPDATES, DESTROY (-E)
  -z, --zero                   Clear counters after showing them (-L)

Exit status: 0 done; 1 failed, or nothing to delete or show; 2 wrong use; 4 no gateway.
`;
