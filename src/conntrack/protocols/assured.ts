import { Status } from '../constants.ts';
import type { ConntrackTable } from '../table.ts';

/**
 * Marks a connection as worth keeping. False where it is already, or where it is the loser of a
 * clash, which is to be over soon (IPS_NAT_CLASH).
 */
export function becomeAssured(table: ConntrackTable, row: number): boolean {
  if (table.hasStatus(row, Status.Assured | Status.NatClash)) return false;
  table.addStatus(row, Status.Assured);
  return true;
}
