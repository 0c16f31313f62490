import { TcpState } from './tcp/states.ts';

/** Places in `Timeouts.tcp` behind those of the states: what holds where it is shorter. */
export const TcpTimeout = { MaxRetrans: 10, Unacknowledged: 11 } as const;
const TCP_TIMEOUTS = 12;

/** Places in `Timeouts.sctp`, numbered as the states in nf_conntrack_sctp.h. */
export const SctpState = {
  None: 0,
  Closed: 1,
  CookieWait: 2,
  CookieEchoed: 3,
  Established: 4,
  ShutdownSent: 5,
  ShutdownRecd: 6,
  ShutdownAckSent: 7,
  HeartbeatSent: 8,
} as const;
const SCTP_TIMEOUTS = 9;

/**
 * Timeouts in whole seconds, named as the kernel's sysctls net.netfilter.nf_conntrack_*_timeout*.
 * They may change while connections live; each packet reads them anew.
 */
export interface Timeouts {
  /** By TCP state number, NONE to SYN_SENT2, then by `TcpTimeout`. */
  tcp: Int32Array;
  udp: number;
  udpStream: number;
  icmp: number;
  icmpv6: number;
  generic: number;
  gre: number;
  greStream: number;
  /** By `SctpState`. */
  sctp: Int32Array;
  expectation: number;
}

/** The longest timeout that the clock's 32 bits of milliseconds can hold, in seconds (24 days). */
export const LONGEST_TIMEOUT_SEC = 2_147_483;

/** The defaults of Linux 6.x. */
export function defaultTimeouts(): Timeouts {
  return {
    tcp: defaultTcpTimeouts(),
    udp: 30,
    udpStream: 120,
    icmp: 30,
    icmpv6: 30,
    generic: 600,
    gre: 30,
    greStream: 180,
    sctp: defaultSctpTimeouts(),
    // NF_CT_EXPECT timeout of the ftp policy, net/netfilter/nf_conntrack_ftp.c: 5 * 60.
    expectation: 300,
  };
}

function defaultTcpTimeouts(): Int32Array {
  const tcp = new Int32Array(TCP_TIMEOUTS);
  tcp[TcpState.None] = 120;
  tcp[TcpState.SynSent] = 120;
  tcp[TcpState.SynRecv] = 60;
  tcp[TcpState.Established] = 432_000;
  tcp[TcpState.FinWait] = 120;
  tcp[TcpState.CloseWait] = 60;
  tcp[TcpState.LastAck] = 30;
  tcp[TcpState.TimeWait] = 120;
  tcp[TcpState.Close] = 10;
  tcp[TcpState.SynSent2] = 120;
  tcp[TcpTimeout.MaxRetrans] = 300;
  tcp[TcpTimeout.Unacknowledged] = 300;
  return tcp;
}

function defaultSctpTimeouts(): Int32Array {
  const sctp = new Int32Array(SCTP_TIMEOUTS);
  sctp[SctpState.None] = 10;
  sctp[SctpState.Closed] = 10;
  sctp[SctpState.CookieWait] = 3;
  sctp[SctpState.CookieEchoed] = 3;
  sctp[SctpState.Established] = 210;
  sctp[SctpState.ShutdownSent] = 3;
  sctp[SctpState.ShutdownRecd] = 3;
  sctp[SctpState.ShutdownAckSent] = 3;
  sctp[SctpState.HeartbeatSent] = 30;
  return sctp;
}
