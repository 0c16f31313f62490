import { TcpState } from './tcp-states.ts';

/** Timeouts in seconds, named as the kernel's sysctls net.netfilter.nf_conntrack_*_timeout*. */
export interface Timeouts {
  /** By TCP state number, NONE to SYN_SENT2. */
  readonly tcp: Int32Array;
  readonly tcpUnacknowledged: number;
  readonly udp: number;
  readonly udpStream: number;
  readonly icmp: number;
  readonly icmpv6: number;
  readonly generic: number;
  readonly gre: number;
  readonly sctp: number;
  readonly expectation: number;
}

/** The defaults of Linux 6.x. */
export function defaultTimeouts(): Timeouts {
  const tcp = new Int32Array(TcpState.SynSent2 + 1);
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
  return {
    tcp,
    tcpUnacknowledged: 300,
    udp: 30,
    udpStream: 120,
    icmp: 30,
    icmpv6: 30,
    generic: 600,
    gre: 30,
    sctp: 210,
    // NF_CT_EXPECT timeout of the ftp policy, net/netfilter/nf_conntrack_ftp.c: 5 * 60.
    expectation: 300,
  };
}
