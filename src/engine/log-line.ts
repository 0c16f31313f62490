import type { InterfaceTable } from '../base/index.ts';
import type { LogOptions, RuleContext } from '../rules/index.ts';
import { LinkType, type Packet } from '../wire/index.ts';
import { datagramParts } from './log-datagram.ts';

/**
 * The line that `-j LOG` writes, field for field as the kernel does (net/netfilter/nf_log_syslog.c):
 * `PREFIXIN=eth0 OUT=eth1 MAC=… SRC=… DST=… LEN=52 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP …`.
 */
export function logLine(options: LogOptions, context: RuleContext, names: InterfaceTable): string {
  const { packet } = context;
  const parts = [
    `${options.prefix}IN=${names.name(context.inIf)}`,
    `OUT=${names.name(context.outIf)}`,
  ];
  // The kernel names the field even where the way in has no link header.
  if (context.inIf >= 0) parts.push(...linkParts(packet, options));
  const isWhole = datagramParts(packet, options, false, parts);
  if (!isWhole) return endedEarly(parts);
  if (options.uid && context.socketUid >= 0) {
    parts.push(`UID=${context.socketUid}`, `GID=${context.socketGid}`);
  }
  if (context.mark !== 0) parts.push(`MARK=0x${(context.mark >>> 0).toString(16)}`);
  return `${parts.join(' ')} `;
}

/** KERN_WARNING, as trace_loginfo of ip_tables.c has it. */
export const TRACE_LEVEL = 4;

/** The line that TRACE writes of a step: the log line with all there is to tell. */
export function traceLine(prefix: string, context: RuleContext, names: InterfaceTable): string {
  return logLine({ ...traceOptions, prefix }, context, names);
}

const traceOptions: LogOptions = {
  level: TRACE_LEVEL,
  prefix: '',
  tcpSequence: true,
  tcpOptions: true,
  ipOptions: true,
  uid: true,
  macDecode: false,
};

/** The link header: whole (destination, source, type), or taken apart by `--log-macdecode`. */
function linkParts(packet: Packet, options: LogOptions): string[] {
  if (packet.linkType !== LinkType.Ethernet) return ['MAC='];
  const at = packet.frameOffset;
  if (!options.macDecode) return [`MAC=${colonHex(packet, at, 14)}`];
  const type = packet.view
    .getUint16(at + 12)
    .toString(16)
    .padStart(4, '0');
  return [
    `MACSRC=${colonHex(packet, at + 6, 6)}`,
    `MACDST=${colonHex(packet, at, 6)}`,
    `MACPROTO=${type}`,
  ];
}

function colonHex(packet: Packet, at: number, length: number): string {
  const bytes = packet.bytes.subarray(at, at + length);
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** Where the kernel cannot read on, it leaves uid and mark out, and mostly the last blank too. */
function endedEarly(parts: readonly string[]): string {
  const line = parts.join(' ');
  return line.endsWith(')') || line.endsWith('TRUNCATED') ? line : `${line} `;
}
