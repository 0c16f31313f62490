import { Proto } from '../wire/index.ts';
import { TcpState } from './tcp/states.ts';
import { SctpState, TcpTimeout, type Timeouts } from './timeouts.ts';

/** Timeouts of some states of one protocol, by nfct's names in lower case; the rest is inherited. */
export interface TimeoutOverrides {
  readonly name: string;
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly seconds: ReadonlyMap<string, number>;
}

/** Names of nfct(8). */
const tcpNames: Readonly<Record<string, number>> = {
  syn_sent: TcpState.SynSent,
  syn_recv: TcpState.SynRecv,
  established: TcpState.Established,
  fin_wait: TcpState.FinWait,
  close_wait: TcpState.CloseWait,
  last_ack: TcpState.LastAck,
  time_wait: TcpState.TimeWait,
  close: TcpState.Close,
  syn_sent2: TcpState.SynSent2,
  retrans: TcpTimeout.MaxRetrans,
  unacknowledged: TcpTimeout.Unacknowledged,
};

interface Registered {
  overrides: TimeoutOverrides;
  readonly number: number;
}

/**
 * The timeouts that connections may have: the general ones under 0, and one set for each policy of
 * `CT --timeout`. A row holds the number. Policies that say the same share one, so reading the same
 * rules again adds nothing; a set is never taken away, since rows may still name it.
 */
export class TimeoutSets {
  private readonly sets: Timeouts[];
  private readonly registered: Registered[] = [];

  constructor(general: Timeouts) {
    this.sets = [general];
  }

  of(number: number): Timeouts {
    return this.sets[number]!;
  }

  /** The number of a policy. Hot for one that is known by identity; the first time allocates. */
  numberOf(overrides: TimeoutOverrides): number {
    for (let i = 0; i < this.registered.length; i++) {
      const known = this.registered[i]!;
      if (known.overrides === overrides) return known.number;
    }
    return this.register(overrides);
  }

  private register(overrides: TimeoutOverrides): number {
    const twin = this.registered.find((known) => saysTheSame(known.overrides, overrides));
    if (twin !== undefined) {
      twin.overrides = overrides;
      return twin.number;
    }
    const number = this.sets.push(withOverrides(this.sets[0]!, overrides)) - 1;
    this.registered.push({ overrides, number });
    return number;
  }
}

function saysTheSame(a: TimeoutOverrides, b: TimeoutOverrides): boolean {
  if (a.family !== b.family || a.protocol !== b.protocol || a.seconds.size !== b.seconds.size) {
    return false;
  }
  return [...a.seconds].every(([state, seconds]) => b.seconds.get(state) === seconds);
}

/** A policy reaches connections of its own protocol only: what it says of others stays general. */
function withOverrides(general: Timeouts, overrides: TimeoutOverrides): Timeouts {
  const { protocol, seconds } = overrides;
  const single = seconds.get('timeout');
  switch (protocol) {
    case Proto.Tcp:
      return withTcp(general, seconds);
    case Proto.Udp:
    case Proto.UdpLite:
      return {
        ...general,
        udp: seconds.get('unreplied') ?? general.udp,
        udpStream: seconds.get('replied') ?? general.udpStream,
      };
    case Proto.Icmp:
      return { ...general, icmp: single ?? general.icmp };
    case Proto.Icmpv6:
      return { ...general, icmpv6: single ?? general.icmpv6 };
    case Proto.Gre:
      return {
        ...general,
        gre: seconds.get('unreplied') ?? general.gre,
        greStream: seconds.get('replied') ?? general.greStream,
      };
    case Proto.Sctp:
      return withSctp(general, seconds);
    default:
      return { ...general, generic: single ?? general.generic };
  }
}

function withTcp(general: Timeouts, seconds: ReadonlyMap<string, number>): Timeouts {
  const tcp = Int32Array.from(general.tcp);
  for (const [name, value] of seconds) {
    const state = tcpNames[name];
    if (state !== undefined) tcp[state] = value;
  }
  // As tcp_timeout_nlattr_to_obj of nf_conntrack_proto_tcp.c.
  tcp[TcpState.None] = tcp[TcpState.SynSent]!;
  return { ...general, tcp };
}

/** `heartbeat_acked` is taken too, for the sake of old scripts: no association has that state now. */
const sctpNames: Readonly<Record<string, number>> = {
  closed: SctpState.Closed,
  cookie_wait: SctpState.CookieWait,
  cookie_echoed: SctpState.CookieEchoed,
  established: SctpState.Established,
  shutdown_sent: SctpState.ShutdownSent,
  shutdown_recd: SctpState.ShutdownRecd,
  shutdown_ack_sent: SctpState.ShutdownAckSent,
  heartbeat_sent: SctpState.HeartbeatSent,
};

function withSctp(general: Timeouts, seconds: ReadonlyMap<string, number>): Timeouts {
  const sctp = Int32Array.from(general.sctp);
  for (const [name, value] of seconds) {
    const state = sctpNames[name];
    if (state !== undefined) sctp[state] = value;
  }
  // As sctp_timeout_nlattr_to_obj of nf_conntrack_proto_sctp.c.
  sctp[SctpState.None] = sctp[SctpState.Closed]!;
  return { ...general, sctp };
}
