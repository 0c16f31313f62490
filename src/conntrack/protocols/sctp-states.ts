import { SctpState } from '../timeouts.ts';

/** Names as conntrack(8) prints them. */
export const sctpStateNames: readonly string[] = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
];

/** Chunk types (RFC 9260 section 3.2) that the state machine knows. */
export const Chunk = {
  Data: 0,
  Init: 1,
  InitAck: 2,
  Heartbeat: 4,
  HeartbeatAck: 5,
  Abort: 6,
  Shutdown: 7,
  ShutdownAck: 8,
  Error: 9,
  CookieEcho: 10,
  CookieAck: 11,
  ShutdownComplete: 14,
} as const;

/** What the table says of a chunk that does not fit; no state has this number. */
export const SCTP_INVALID = 15;

/** What stands in the place of a chunk type that the state machine does not know. */
const UNKNOWN = 255;

/** Room for a state is a power of two, so that a number a command has set cannot reach beyond. */
const COLUMNS = 16;
const TYPES = 16;

const codes: Readonly<Record<string, number>> = {
  NO: SctpState.None,
  CL: SctpState.Closed,
  CW: SctpState.CookieWait,
  CE: SctpState.CookieEchoed,
  ES: SctpState.Established,
  SS: SctpState.ShutdownSent,
  SR: SctpState.ShutdownRecd,
  SA: SctpState.ShutdownAckSent,
  HS: SctpState.HeartbeatSent,
  IV: SCTP_INVALID,
};

interface Row {
  readonly chunk: number;
  readonly original: string;
  readonly reply: string;
}

// Columns: the current state, NONE to HEARTBEAT_SENT (nf_conntrack_proto_sctp.c). The states are
// those of the association as it is seen from between its ends, not of either end.
const table: readonly Row[] = [
  {
    chunk: Chunk.Init,
    original: 'CL CL CW CE ES CL CL SA CW',
    reply: 'IV CL CW CE ES SS SR SA IV',
  },
  {
    chunk: Chunk.InitAck,
    original: 'CL CL CW CE ES SS SR SA CL',
    reply: 'IV CW CW CE ES SS SR SA IV',
  },
  {
    chunk: Chunk.Abort,
    original: 'CL CL CL CL CL CL CL CL CL',
    reply: 'IV CL CL CL CL CL CL CL IV',
  },
  {
    chunk: Chunk.Shutdown,
    original: 'CL CL CW CE SS SS SR SA CL',
    reply: 'IV CL CW CE SR SS SR SA IV',
  },
  {
    chunk: Chunk.ShutdownAck,
    original: 'SA CL CW CE ES SA SA SA SA',
    reply: 'IV CL CW CE ES SA SA SA IV',
  },
  {
    chunk: Chunk.Error,
    original: 'CL CL CW CE ES SS SR SA CL',
    reply: 'IV CL CW CL ES SS SR SA IV',
  },
  {
    chunk: Chunk.CookieEcho,
    original: 'CL CL CE CE ES SS SR SA CL',
    reply: 'IV CL CE CE ES SS SR SA IV',
  },
  {
    chunk: Chunk.CookieAck,
    original: 'CL CL CW ES ES SS SR SA CL',
    reply: 'IV CL CW ES ES SS SR SA IV',
  },
  {
    chunk: Chunk.ShutdownComplete,
    original: 'CL CL CW CE ES SS SR CL CL',
    reply: 'IV CL CW CE ES SS SR CL IV',
  },
  {
    chunk: Chunk.Heartbeat,
    original: 'HS CL CW CE ES SS SR SA HS',
    reply: 'IV CL CW CE ES SS SR SA HS',
  },
  {
    chunk: Chunk.HeartbeatAck,
    original: 'CL CL CW CE ES SS SR SA HS',
    reply: 'IV CL CW CE ES SS SR SA ES',
  },
];

const transitions = build();

/** The next state, or `SCTP_INVALID`. Chunks that are not in the table, as data, change nothing. */
export function sctpTransition(direction: number, chunk: number, state: number): number {
  const next = chunk < TYPES ? transitions[placeOf(direction, chunk, state)]! : UNKNOWN;
  return next === UNKNOWN ? state : next;
}

function placeOf(direction: number, chunk: number, state: number): number {
  return (direction * TYPES + chunk) * COLUMNS + (state & (COLUMNS - 1));
}

function build(): Uint8Array {
  const built = new Uint8Array(2 * TYPES * COLUMNS).fill(UNKNOWN);
  for (const { chunk, original, reply } of table) {
    [original, reply].forEach((row, direction) => {
      // A state behind the last is the one that the kernel's table has as NONE.
      built.fill(0, placeOf(direction, chunk, 0), placeOf(direction, chunk, 0) + COLUMNS);
      row.split(' ').forEach((code, state) => {
        built[placeOf(direction, chunk, state)] = codes[code]!;
      });
    });
  }
  return built;
}
