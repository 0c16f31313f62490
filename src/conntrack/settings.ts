import { defaultTimeouts, type Timeouts } from './timeouts.ts';

export interface ConntrackSettings {
  /** Most connections at once (nf_conntrack_max). */
  readonly maximum: number;
  /** Most expectations at once (nf_conntrack_expect_max). */
  readonly expectMaximum: number;
  readonly timeouts: Timeouts;
  /** Pick up TCP connections in mid-stream (nf_conntrack_tcp_loose). */
  readonly tcpLoose: boolean;
}

export function defaultConntrackSettings(): ConntrackSettings {
  return { maximum: 262_144, expectMaximum: 4096, timeouts: defaultTimeouts(), tcpLoose: true };
}

/** Counters under the column names of `conntrack -S`. */
export interface ConntrackStats {
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
  error: number;
}

export function newStats(): ConntrackStats {
  return { found: 0, invalid: 0, insert: 0, insertFailed: 0, drop: 0, earlyDrop: 0, error: 0 };
}
