import { Spoke } from '../../../../src/conntrack/index.ts';
import { TcpState } from '../../../../src/conntrack/tcp/states.ts';

/** The last `TcpState` that `Spoke` bits tell of. */
export function stateOf(spoke: number): number {
  if (spoke & Spoke.TimeWait) return TcpState.TimeWait;
  if (spoke & Spoke.LastAck) return TcpState.LastAck;
  if (spoke & Spoke.CloseWait) return TcpState.CloseWait;
  return spoke & Spoke.FinWait ? TcpState.FinWait : TcpState.Established;
}
