import { Proto, seqAfter } from '../wire/index.ts';
import { Direction, Status } from './constants.ts';
import { Field } from './fields.ts';
import type { ConntrackTable } from './table.ts';
import { TcpState } from './tcp/states.ts';
import { Side, sideAt } from './tcp/words.ts';

const SENT_END = sideAt(Direction.Original) + Side.End;

/** True for a TCP connection that its SYN begins: only for those do others give way. */
export function isOpening(table: ConntrackTable, row: number): boolean {
  return table.protocol(row) === Proto.Tcp && table.get(row, Field.State) === TcpState.SynSent;
}

/**
 * True where a closed TCP connection that holds a translated tuple (`ref`) may be ended for the sake
 * of a new one that needs it: its own client is behind source NAT, it is in TIME_WAIT or later, and
 * the new connection's sequence numbers lie behind its, so that no late segment is taken for one of
 * them (nf_nat_may_kill and nf_seq_has_advanced of net/netfilter/nf_nat_core.c).
 */
export function givesWay(table: ConntrackTable, ref: number, newRow: number): boolean {
  const holder = ref >> 1;
  if ((ref & 1) === Direction.Original || !table.hasStatus(holder, Status.SrcNat)) return false;
  if (table.hasStatus(holder, Status.FixedTimeout | Status.Dying)) return false;
  if (table.get(holder, Field.State) < TcpState.TimeWait) return false;
  return seqAfter(table.get(newRow, SENT_END), table.get(holder, SENT_END));
}
