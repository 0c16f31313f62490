import { type ConntrackTable, Field, sctpStateNames, tcpStateNames } from '../conntrack/index.ts';
import { Proto } from '../wire/index.ts';

/** A name that older headers have for SYN_SENT2 (TCP_CONNTRACK_LISTEN). */
const OLD_SYN_SENT2 = 'LISTEN';

function namesOf(protocol: number): readonly string[] {
  if (protocol === Proto.Tcp) return tcpStateNames;
  return protocol === Proto.Sctp ? sctpStateNames : [];
}

/** `ESTABLISHED`; '' for protocols without states. */
export function stateName(table: ConntrackTable, row: number): string {
  return namesOf(table.protocol(row))[table.get(row, Field.State)] ?? '';
}

/** The number of a state; -1 where the protocol has none of that name. */
export function stateNumber(protocol: number, name: string): number {
  const known = protocol === Proto.Tcp && name === OLD_SYN_SENT2 ? 'SYN_SENT2' : name;
  return namesOf(protocol).indexOf(known);
}

/** Whether the tuples of a protocol tell ports (of GRE: keys) apart; ICMP has other numbers there. */
export function hasPortFields(protocol: number): boolean {
  switch (protocol) {
    case Proto.Tcp:
    case Proto.Udp:
    case Proto.UdpLite:
    case Proto.Sctp:
    case Proto.Gre:
      return true;
    default:
      return false;
  }
}
