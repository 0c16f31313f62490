import type { ConntrackSettings } from './settings.ts';
import { TcpState } from './tcp/states.ts';
import { LONGEST_TIMEOUT_SEC, SctpState, TcpTimeout, type Timeouts } from './timeouts.ts';

/** What the sysctls of IPv6 reassembly speak about. */
export interface FragmentLimits {
  /** Seconds after which an incomplete datagram is given up (`frag6_timeout`). */
  ipv6TimeoutSec: number;
  /** Bytes of memory (`frag6_high_thresh`), taken when the engine is made. */
  memoryBytes: number;
  /** Kept and shown (`frag6_low_thresh`). Nothing depends on it, in the kernel since 4.17 either. */
  ipv6LowBytes: number;
}

/** Whose settings are read and written: those of a start, or a running tracker's. */
export interface SysctlSubject {
  readonly settings: ConntrackSettings;
  readonly fragments: FragmentLimits;
  /** Connections there are. */
  readonly count: number;
  setMaximum(maximum: number): void;
  setBuckets(buckets: number): void;
  setExpectMaximum(maximum: number): void;
  /** Null where the memory has been taken. */
  readonly setFragmentMemory: ((bytes: number) => void) | null;
}

/** One sysctl: how its number is read, and within what it may be set. */
export interface Sysctl {
  readonly name: string;
  /** The kernel reads a minus sign, whatever it then says of the number. */
  readonly signed: boolean;
  least(subject: SysctlSubject): number;
  most(subject: SysctlSubject): number;
  get(subject: SysctlSubject): number;
  /** Null where the setting cannot be changed, at all or any more. */
  setter(subject: SysctlSubject): ((value: number) => void) | null;
}

const INT_MAX = 0x7fff_ffff;
/** Most memory for fragments, in bytes: what the kernel takes on demand is reserved here. */
const MOST_FRAGMENT_MEMORY = 1 << 30;

/** Every sysctl net.netfilter.nf_conntrack_* of Linux 6.18, in the order of their names. */
export const sysctlTable: readonly Sysctl[] = [
  flag('acct', 'accounting'),
  {
    ...plain('buckets', true, 1, INT_MAX),
    get: ({ settings }) => settings.buckets,
    setter: (subject) => (value) => subject.setBuckets(value),
  },
  flag('checksum', 'checksum'),
  { ...plain('count', true, 0, INT_MAX), get: ({ count }) => count, setter: () => null },
  small('events', 'events', 2),
  {
    ...plain('expect_max', true, 1, INT_MAX),
    get: ({ settings }) => settings.expectMaximum,
    setter: (subject) => (value) => subject.setExpectMaximum(value),
  },
  {
    ...plain('frag6_high_thresh', false, 0, MOST_FRAGMENT_MEMORY),
    least: ({ fragments }) => fragments.ipv6LowBytes,
    get: ({ fragments }) => fragments.memoryBytes,
    setter: (subject) => subject.setFragmentMemory,
  },
  {
    ...plain('frag6_low_thresh', false, 0, 0),
    most: ({ fragments }) => fragments.memoryBytes,
    get: ({ fragments }) => fragments.ipv6LowBytes,
    setter:
      ({ fragments }) =>
      (value) => {
        fragments.ipv6LowBytes = value;
      },
  },
  {
    ...plain('frag6_timeout', true, 0, LONGEST_TIMEOUT_SEC),
    get: ({ fragments }) => fragments.ipv6TimeoutSec,
    setter:
      ({ fragments }) =>
      (value) => {
        fragments.ipv6TimeoutSec = value;
      },
  },
  timeout('generic_timeout', 'generic'),
  timeout('gre_timeout', 'gre'),
  timeout('gre_timeout_stream', 'greStream'),
  timeout('icmp_timeout', 'icmp'),
  timeout('icmpv6_timeout', 'icmpv6'),
  small('log_invalid', 'logInvalid', 255),
  {
    ...plain('max', true, 0, INT_MAX),
    get: ({ settings }) => settings.maximum,
    setter: (subject) => (value) => subject.setMaximum(value),
  },
  stateTimeout('sctp_timeout_closed', 'sctp', SctpState.Closed),
  stateTimeout('sctp_timeout_cookie_echoed', 'sctp', SctpState.CookieEchoed),
  stateTimeout('sctp_timeout_cookie_wait', 'sctp', SctpState.CookieWait),
  stateTimeout('sctp_timeout_established', 'sctp', SctpState.Established),
  stateTimeout('sctp_timeout_heartbeat_sent', 'sctp', SctpState.HeartbeatSent),
  stateTimeout('sctp_timeout_shutdown_ack_sent', 'sctp', SctpState.ShutdownAckSent),
  stateTimeout('sctp_timeout_shutdown_recd', 'sctp', SctpState.ShutdownRecd),
  stateTimeout('sctp_timeout_shutdown_sent', 'sctp', SctpState.ShutdownSent),
  flag('tcp_be_liberal', 'tcpBeLiberal'),
  flag('tcp_ignore_invalid_rst', 'tcpIgnoreInvalidRst'),
  flag('tcp_loose', 'tcpLoose'),
  small('tcp_max_retrans', 'tcpMaxRetrans', 255),
  stateTimeout('tcp_timeout_close', 'tcp', TcpState.Close),
  stateTimeout('tcp_timeout_close_wait', 'tcp', TcpState.CloseWait),
  stateTimeout('tcp_timeout_established', 'tcp', TcpState.Established),
  stateTimeout('tcp_timeout_fin_wait', 'tcp', TcpState.FinWait),
  stateTimeout('tcp_timeout_last_ack', 'tcp', TcpState.LastAck),
  stateTimeout('tcp_timeout_max_retrans', 'tcp', TcpTimeout.MaxRetrans),
  stateTimeout('tcp_timeout_syn_recv', 'tcp', TcpState.SynRecv),
  stateTimeout('tcp_timeout_syn_sent', 'tcp', TcpState.SynSent),
  stateTimeout('tcp_timeout_time_wait', 'tcp', TcpState.TimeWait),
  stateTimeout('tcp_timeout_unacknowledged', 'tcp', TcpTimeout.Unacknowledged),
  flag('timestamp', 'timestamps'),
  timeout('udp_timeout', 'udp'),
  timeout('udp_timeout_stream', 'udpStream'),
];

type FieldsOf<T, V> = { [K in keyof T]: T[K] extends V ? K : never }[keyof T];

function plain(name: string, signed: boolean, least: number, most: number) {
  return { name: `nf_conntrack_${name}`, signed, least: () => least, most: () => most };
}

/** 0 or 1. */
function flag(name: string, field: FieldsOf<ConntrackSettings, boolean>): Sysctl {
  return {
    ...plain(name, false, 0, 1),
    get: ({ settings }) => Number(settings[field]),
    setter:
      ({ settings }) =>
      (value) => {
        settings[field] = value !== 0;
      },
  };
}

/** What the kernel keeps in one byte. */
function small(name: string, field: FieldsOf<ConntrackSettings, number>, most: number): Sysctl {
  return {
    ...plain(name, false, 0, most),
    get: ({ settings }) => settings[field],
    setter:
      ({ settings }) =>
      (value) => {
        settings[field] = value;
      },
  };
}

/** In seconds. */
function timeout(name: string, field: FieldsOf<Timeouts, number>): Sysctl {
  return {
    ...plain(name, true, 0, LONGEST_TIMEOUT_SEC),
    get: ({ settings }) => settings.timeouts[field],
    setter:
      ({ settings }) =>
      (value) => {
        settings.timeouts[field] = value;
      },
  };
}

function stateTimeout(name: string, protocol: 'tcp' | 'sctp', state: number): Sysctl {
  return {
    ...plain(name, true, 0, LONGEST_TIMEOUT_SEC),
    get: ({ settings }) => settings.timeouts[protocol][state]!,
    setter:
      ({ settings }) =>
      (value) => {
        settings.timeouts[protocol][state] = value;
      },
  };
}
