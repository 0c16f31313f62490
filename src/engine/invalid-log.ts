import type { InterfaceTable } from '../base/index.ts';
import { type ConntrackSettings, TrackReason, type TrackReasonCode } from '../conntrack/index.ts';
import type { LogOptions, RuleContext } from '../rules/index.ts';
import { type Packet, Proto } from '../wire/index.ts';
import { logLine } from './log-line.ts';

/** LOGLEVEL_NOTICE, as default_loginfo of nf_log_syslog.c. */
const NOTICE = 5;
/** `nf_conntrack_log_invalid` for every protocol. */
const ALL_PROTOCOLS = 255;
/** Headers of which less is there have no connection, and the kernel says nothing of them. */
const SPOKEN_OF: Readonly<Record<number, number>> = { [Proto.Tcp]: 20, [Proto.Udp]: 8 };

/** NR_ICMP_TYPES. */
const LAST_ICMP_TYPE = 18;

const logOptions: LogOptions = {
  level: NOTICE,
  prefix: '',
  tcpSequence: true,
  tcpOptions: true,
  ipOptions: true,
  uid: true,
  macDecode: false,
};

/**
 * The lines that nf_conntrack_log_invalid asks for, one for each INVALID packet of the protocol:
 * `nf_ct_proto_6: invalid new IN=eth0 OUT= MAC=… SRC=…`. As the kernel it does not limit their
 * number; the gateway's log does.
 */
export class InvalidLog {
  /** Told of each line. */
  logged: (line: string, level: number) => void = () => {};
  private readonly settings: ConntrackSettings;
  private readonly names: InterfaceTable;

  constructor(settings: ConntrackSettings, names: InterfaceTable) {
    this.settings = settings;
    this.names = names;
  }

  /** Whether packets of this protocol are spoken of. Hot. */
  wants(protocol: number): boolean {
    const { logInvalid } = this.settings;
    return logInvalid !== 0 && (logInvalid === protocol || logInvalid === ALL_PROTOCOLS);
  }

  /** Says why the packet in `context` is INVALID, where the kernel says anything of it. */
  write(reason: TrackReasonCode, context: RuleContext): void {
    const { packet } = context;
    const words = wordsFor(reason, packet);
    if (words === '') return;
    const prefix = `nf_ct_proto_${packet.protocol}: ${words} `;
    this.logged(logLine({ ...logOptions, prefix }, context, this.names), NOTICE);
  }
}

/** The kernel's words where it has some without figures that are not kept here, '' for silence. */
function wordsFor(reason: TrackReasonCode, packet: Packet): string {
  switch (reason) {
    case TrackReason.Malformed:
      return wordsForMalformed(packet);
    case TrackReason.BadTcpFlags:
      return 'invalid tcp flag combination';
    case TrackReason.BadChecksum:
      return wordsForChecksum(packet);
    case TrackReason.TcpInvalidNew:
      return 'invalid new';
    case TrackReason.TcpInvalidState:
      return 'segment does not fit the state';
    case TrackReason.TcpSeqOver:
      return 'SEQ is over upper bound (over the window of the receiver)';
    case TrackReason.TcpAckOver:
      return 'ACK is over upper bound (ACKed data not seen yet)';
    case TrackReason.TcpAckUnder:
      return 'ACK is under lower bound (possible overly delayed)';
    case TrackReason.TcpSeqUnder:
      return 'SEQ is under lower bound (already ACKed data retransmitted)';
    case TrackReason.TcpBadReset:
      return 'invalid rst';
    case TrackReason.IcmpNotAQuery:
      // Only of a type that no version of ICMP knows (NR_ICMP_TYPES); of others nothing is said.
      return packet.family === 4 && packet.icmpType > LAST_ICMP_TYPE ? 'invalid icmp type' : '';
    case TrackReason.IcmpErrorMisdirected:
      return "outer daddr is not the connection's";
    case TrackReason.SctpInvalid:
      return 'chunk does not fit the association';
    default:
      return '';
  }
}

function wordsForMalformed(packet: Packet): string {
  const { protocol } = packet;
  const there = packet.l3End - packet.l4Offset;
  if (there < (SPOKEN_OF[protocol] ?? 0)) return '';
  switch (protocol) {
    case Proto.Tcp:
      return 'truncated packet';
    case Proto.Udp:
      return 'truncated/malformed packet';
    case Proto.UdpLite:
      return there < 8 ? '' : 'invalid checksum coverage';
    case Proto.Icmp:
    case Proto.Icmpv6:
      return 'short packet';
    case Proto.Sctp:
      return 'nf_ct_sctp: short packet ';
    default:
      return '';
  }
}

function wordsForChecksum(packet: Packet): string {
  switch (packet.protocol) {
    case Proto.Icmp:
      return 'bad hw icmp checksum';
    case Proto.Icmpv6:
      return 'ICMPv6 checksum failed';
    case Proto.Sctp:
      return 'nf_ct_sctp: bad CRC ';
    default:
      return 'bad checksum';
  }
}
