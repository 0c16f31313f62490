import { defaultTimeouts, type Timeouts } from './timeouts.ts';

/**
 * What can be set about connection tracking, at start and while it runs: each field is one of the
 * kernel's sysctls net.netfilter.nf_conntrack_*, named beside it. The tracker reads them as they are
 * at each packet, so that a change holds from the next one on.
 */
export interface ConntrackSettings {
  /** Most connections at once (`max`), 0 for no limit. Changed through `Conntrack.setMaximum` only. */
  maximum: number;
  /**
   * Size of the index (`buckets`); 0 to derive it from `maximum`, which the tracker does when it is
   * made. Changed through `Conntrack.setBuckets` only.
   */
  buckets: number;
  /** Most expectations at once (`expect_max`). */
  expectMaximum: number;
  timeouts: Timeouts;
  /** Pick up TCP connections in mid-stream (`tcp_loose`). */
  tcpLoose: boolean;
  /** Segments outside the window are valid, except resets (`tcp_be_liberal`). */
  tcpBeLiberal: boolean;
  /** Retransmissions after which the shorter timeout holds (`tcp_max_retrans`). */
  tcpMaxRetrans: number;
  /** A reset that does not fit is valid, but leaves the connection as it is (`tcp_ignore_invalid_rst`). */
  tcpIgnoreInvalidRst: boolean;
  /** Verify transport checksums before tracking (`checksum`). */
  checksum: boolean;
  /** New connections show their packet and byte counts (`acct`). */
  accounting: boolean;
  /** New connections show when they began (`timestamp`). */
  timestamps: boolean;
  /** 0: no events, 1: all of them, 2: those that somebody listens to (`events`). */
  events: number;
  /** Log invalid packets of this protocol number, 255 for all, 0 for none (`log_invalid`). */
  logInvalid: number;
}

export function defaultConntrackSettings(): ConntrackSettings {
  return {
    maximum: 262_144,
    buckets: 0,
    expectMaximum: 4096,
    timeouts: defaultTimeouts(),
    tcpLoose: true,
    tcpBeLiberal: false,
    tcpMaxRetrans: 3,
    tcpIgnoreInvalidRst: false,
    checksum: true,
    accounting: true,
    timestamps: false,
    events: 2,
    logInvalid: 0,
  };
}

/**
 * Counters under the column names of `conntrack -S`, counting what the kernel counts: `found` tuples
 * that a translation wanted and were taken, `insert` entries that a command made, `insert_failed`
 * clashes at confirmation, `error` ICMP messages that belong to nothing. `clash_resolve` stays 0, as
 * packets come one by one.
 */
export interface ConntrackStats {
  found: number;
  invalid: number;
  insert: number;
  insertFailed: number;
  drop: number;
  earlyDrop: number;
  error: number;
  clashResolve: number;
}

export function newStats(): ConntrackStats {
  return {
    found: 0,
    invalid: 0,
    insert: 0,
    insertFailed: 0,
    drop: 0,
    earlyDrop: 0,
    error: 0,
    clashResolve: 0,
  };
}
