import { TcpFlag } from '../../wire/index.ts';

/** TCP connection states, numbered as in include/uapi/linux/netfilter/nf_conntrack_tcp.h. */
export const TcpState = {
  None: 0,
  SynSent: 1,
  SynRecv: 2,
  Established: 3,
  FinWait: 4,
  CloseWait: 5,
  LastAck: 6,
  TimeWait: 7,
  Close: 8,
  SynSent2: 9,
  /** Not states: what the table says of packets that do not fit. */
  Invalid: 10,
  Ignore: 11,
} as const;

/** Names as conntrack(8) prints them. */
export const tcpStateNames: readonly string[] = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
];

/** What kind of segment the tracker sees; RST wins over SYN, SYN over FIN, FIN over ACK. */
export const TcpIndex = { Syn: 0, SynAck: 1, Fin: 2, Ack: 3, Rst: 4, None: 5 } as const;

export function tcpIndex(flags: number): number {
  if (flags & TcpFlag.Rst) return TcpIndex.Rst;
  if (flags & TcpFlag.Syn) return flags & TcpFlag.Ack ? TcpIndex.SynAck : TcpIndex.Syn;
  if (flags & TcpFlag.Fin) return TcpIndex.Fin;
  return flags & TcpFlag.Ack ? TcpIndex.Ack : TcpIndex.None;
}

/**
 * The flag combinations of an honest segment, PSH, ECE and CWR aside (nf_conntrack_proto_tcp.c,
 * tcp_valid_flags): SYN, SYN+URG, SYN+ACK, RST, RST+ACK, FIN+ACK, FIN+ACK+URG, ACK, ACK+URG.
 */
export function tcpFlagsValid(flags: number): boolean {
  switch (flags & (TcpFlag.Fin | TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Ack | TcpFlag.Urg)) {
    case TcpFlag.Syn:
    case TcpFlag.Syn | TcpFlag.Urg:
    case TcpFlag.Syn | TcpFlag.Ack:
    case TcpFlag.Rst:
    case TcpFlag.Rst | TcpFlag.Ack:
    case TcpFlag.Fin | TcpFlag.Ack:
    case TcpFlag.Fin | TcpFlag.Ack | TcpFlag.Urg:
    case TcpFlag.Ack:
    case TcpFlag.Ack | TcpFlag.Urg:
      return true;
    default:
      return false;
  }
}

const STATES = 10;
const INDEXES = 6;
const codes: Readonly<Record<string, number>> = {
  SS: TcpState.SynSent,
  SR: TcpState.SynRecv,
  ES: TcpState.Established,
  FW: TcpState.FinWait,
  CW: TcpState.CloseWait,
  LA: TcpState.LastAck,
  TW: TcpState.TimeWait,
  CL: TcpState.Close,
  S2: TcpState.SynSent2,
  IV: TcpState.Invalid,
  IG: TcpState.Ignore,
};

// Rows: SYN, SYN/ACK, FIN, ACK, RST, none. Columns: the current state, NONE to SYN_SENT2.
const original = `
  SS SS IG IG IG IG IG SS SS S2
  IV IV SR IV IV IV IV IV IV SR
  IV IV FW FW LA LA LA TW CL IV
  ES IV ES ES CW CW TW TW CL IV
  IV CL CL CL CL CL CL CL CL CL
  IV IV IV IV IV IV IV IV IV IV`;
const reply = `
  IV S2 IV IV IV IV IV SS IV S2
  IV SR IG IG IG IG IG IG IG SR
  IV IV FW FW LA LA LA TW CL IV
  IV IG SR ES CW CW TW TW CL IG
  IV CL CL CL CL CL CL CL CL CL
  IV IV IV IV IV IV IV IV IV IV`;

const transitions = Uint8Array.from(
  `${original} ${reply}`.trim().split(/\s+/),
  (code) => codes[code] ?? TcpState.Invalid,
);

/** The next state, or Invalid or Ignore, for a segment of kind `index` in `direction`. */
export function tcpTransition(direction: number, index: number, state: number): number {
  return transitions[(direction * INDEXES + index) * STATES + state]!;
}
