import type { InterfaceTable } from '../base/index.ts';
import type { LogOptions, RuleContext } from '../rules/index.ts';
import { formatAddress, formatIpv4, LinkType, type Packet, Proto, TcpFlag } from '../wire/index.ts';
import { quotedDatagram } from './quoted.ts';

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
  parts.push(...ipParts(packet, options), ...protocolParts(packet, options));
  if (context.mark !== 0) parts.push(`MARK=0x${(context.mark >>> 0).toString(16)}`);
  return `${parts.join(' ')} `;
}

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

function ipParts(packet: Packet, options: LogOptions): string[] {
  const { family, tos } = packet;
  const src = formatAddress(family, packet.src0, packet.src1, packet.src2, packet.src3);
  const dst = formatAddress(family, packet.dst0, packet.dst1, packet.dst2, packet.dst3);
  if (family === 6) {
    const flow = packet.view.getUint32(packet.l3Offset) & 0xfffff;
    return [
      `SRC=${expandIpv6(src)}`,
      `DST=${expandIpv6(dst)}`,
      `LEN=${packet.view.getUint16(packet.l3Offset + 4) + 40}`,
      `TC=${tos}`,
      `HOPLIMIT=${packet.ttl}`,
      `FLOWLBL=${flow}`,
    ];
  }
  const parts = [
    `SRC=${src}`,
    `DST=${dst}`,
    `LEN=${packet.view.getUint16(packet.l3Offset + 2)}`,
    `TOS=0x${hex2(tos & 0x1e)}`,
    `PREC=0x${hex2(tos & 0xe0)}`,
    `TTL=${packet.ttl}`,
    `ID=${packet.ipId}`,
  ];
  if (packet.dontFragment) parts.push('DF');
  if (packet.view.getUint16(packet.l3Offset + 6) & 0x2000) parts.push('MF');
  if (packet.fragmentOffset > 0) parts.push(`FRAG:${packet.fragmentOffset >> 3}`);
  if (options.ipOptions && packet.l3HeaderLen > 20) {
    parts.push(`OPT (${hexBytes(packet, packet.l3Offset + 20, packet.l4Offset)})`);
  }
  return parts;
}

/** The kernel prints IPv6 addresses in full (%pI6). */
function expandIpv6(text: string): string {
  const [head = '', tail = ''] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const zeros = new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => group.padStart(4, '0')).join(':');
}

function protocolParts(packet: Packet, options: LogOptions, isQuoted = false): string[] {
  switch (packet.protocol) {
    case Proto.Tcp:
      return packet.fragmentOffset > 0 ? ['PROTO=TCP'] : tcpParts(packet, options);
    case Proto.Udp:
      return udpParts(packet, 'UDP');
    case Proto.UdpLite:
      return udpParts(packet, 'UDPLITE');
    default: {
      const isOwnIcmp = packet.protocol === (packet.family === 4 ? Proto.Icmp : Proto.Icmpv6);
      return isOwnIcmp ? icmpParts(packet, options, isQuoted) : [`PROTO=${packet.protocol}`];
    }
  }
}

/** `INCOMPLETE [n bytes]` where the header is cut short; null where `length` bytes are there. */
function incomplete(packet: Packet, length: number): string | null {
  const present = packet.l3End - packet.l4Offset;
  return present >= length ? null : `INCOMPLETE [${present} bytes]`;
}

function udpParts(packet: Packet, name: string): string[] {
  const parts = [`PROTO=${name}`];
  if (packet.fragmentOffset > 0) return parts;
  const cut = incomplete(packet, 8);
  if (cut !== null) return [...parts, cut];
  return [...parts, ...portParts(packet), `LEN=${packet.view.getUint16(packet.l4Offset + 4)}`];
}

function portParts(packet: Packet): string[] {
  return [`SPT=${packet.srcPortOrIcmpId}`, `DPT=${packet.dstPortOrIcmpTypeCode}`];
}

function tcpParts(packet: Packet, options: LogOptions): string[] {
  const cut = incomplete(packet, 20);
  if (cut !== null) return ['PROTO=TCP', cut];
  const parts = ['PROTO=TCP', ...portParts(packet)];
  if (options.tcpSequence) parts.push(`SEQ=${packet.seq >>> 0}`, `ACK=${packet.ack >>> 0}`);
  const reserved = packet.view.getUint8(packet.l4Offset + 12) & 0x0f;
  parts.push(`WINDOW=${packet.window}`, `RES=0x${(reserved << 2).toString(16).padStart(2, '0')}`);
  const flags: readonly [number, string][] = [
    [TcpFlag.Cwr, 'CWR'],
    [TcpFlag.Ece, 'ECE'],
    [TcpFlag.Urg, 'URG'],
    [TcpFlag.Ack, 'ACK'],
    [TcpFlag.Psh, 'PSH'],
    [TcpFlag.Rst, 'RST'],
    [TcpFlag.Syn, 'SYN'],
    [TcpFlag.Fin, 'FIN'],
  ];
  for (const [bit, name] of flags) if (packet.tcpFlags & bit) parts.push(name);
  parts.push(`URGP=${packet.view.getUint16(packet.l4Offset + 18)}`);
  if (options.tcpOptions && packet.tcpHeaderLen > 20) {
    const end = packet.l4Offset + packet.tcpHeaderLen;
    parts.push(`OPT (${hexBytes(packet, packet.l4Offset + 20, end)})`);
  }
  return parts;
}

function icmpParts(packet: Packet, options: LogOptions, isQuoted: boolean): string[] {
  const parts = [`PROTO=${packet.family === 4 ? 'ICMP' : 'ICMPv6'}`];
  if (packet.fragmentOffset > 0) return parts;
  const cut = incomplete(packet, 8);
  if (cut !== null) return [...parts, cut];
  const { icmpType: type, icmpCode: code, view, l4Offset: at, family } = packet;
  parts.push(`TYPE=${type}`, `CODE=${code}`);
  if (family === 4 ? type === 0 || type === 8 : type === 128 || type === 129) {
    parts.push(`ID=${packet.srcPortOrIcmpId}`, `SEQ=${view.getUint16(at + 6)}`);
  }
  if (family === 4 && type === 12) parts.push(`PARAMETER=${view.getUint8(at + 4)}`);
  if (family === 4 && type === 5) parts.push(`GATEWAY=${formatIpv4(view.getInt32(at + 4))}`);
  if (family === 6 && type === 4) {
    parts.push(
      `POINTER=${view
        .getUint32(at + 4)
        .toString(16)
        .padStart(8, '0')}`,
    );
  }
  if (quotesDatagram(family, type) && !isQuoted) parts.push(quotedText(packet, options));
  if (family === 4 && type === 3 && code === 4) parts.push(`MTU=${view.getUint16(at + 6)}`);
  if (family === 6 && type === 2) parts.push(`MTU=${view.getUint32(at + 4)}`);
  return parts;
}

/** The errors whose cause the kernel prints. Parameter problems only in IPv6. */
function quotesDatagram(family: number, type: number): boolean {
  if (family === 6) return type >= 1 && type <= 4;
  return type === 3 || type === 4 || type === 5 || type === 11;
}

/** `[SRC=… DST=… … PROTO=UDP SPT=53 DPT=5000 LEN=9 ]` */
function quotedText(packet: Packet, options: LogOptions): string {
  const quoted = quotedDatagram(packet);
  if (quoted === null) return `[INCOMPLETE [${packet.payloadLen} bytes] ]`;
  const parts = [...ipParts(quoted, options), ...protocolParts(quoted, options, true)];
  return `[${parts.join(' ')} ]`;
}

function hex2(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

function hexBytes(packet: Packet, from: number, to: number): string {
  return [...packet.bytes.subarray(from, to)].map(hex2).join('');
}
