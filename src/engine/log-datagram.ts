import type { LogOptions } from '../rules/index.ts';
import { formatAddress, formatIpv4, type Packet, Proto, TcpFlag } from '../wire/index.ts';
import { extensionParts } from './log-extensions.ts';
import { quotedDatagram } from './quoted.ts';

/** Headers of which less is there are called incomplete. */
const AH_HEADER = 12;
const ESP_HEADER = 8;

/**
 * Appends the words about one datagram, from SRC to the end of its transport header; `isQuoted` for
 * the one inside an ICMP error. False where the kernel would end the line before its end.
 */
export function datagramParts(
  packet: Packet,
  options: LogOptions,
  isQuoted: boolean,
  parts: string[],
): boolean {
  parts.push(...ipParts(packet, options));
  if (packet.family === 6 && !extensionParts(packet, options, parts)) return false;
  parts.push(...protocolParts(packet, options, isQuoted));
  return true;
}

/** The words of the IP header. */
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
  if (packet.view.getUint16(packet.l3Offset + 6) & 0x8000) parts.push('CE');
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

function protocolParts(packet: Packet, options: LogOptions, isQuoted: boolean): string[] {
  switch (packet.protocol) {
    case Proto.Tcp:
      return packet.fragmentOffset > 0 ? ['PROTO=TCP'] : tcpParts(packet, options);
    case Proto.Udp:
      return udpParts(packet, 'UDP');
    case Proto.UdpLite:
      return udpParts(packet, 'UDPLITE');
    case Proto.Ah:
      return securityParts(packet, 'AH', AH_HEADER, 4);
    case Proto.Esp:
      return securityParts(packet, 'ESP', ESP_HEADER, 0);
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

/** Of IPv4: in IPv6 these are extension headers. `spiAt` is where the SPI stands (RFC 4302, 4303). */
function securityParts(packet: Packet, name: string, length: number, spiAt: number): string[] {
  const parts = [`PROTO=${name}`];
  if (packet.fragmentOffset > 0) return parts;
  const cut = incomplete(packet, length);
  if (cut !== null) return [...parts, cut];
  return [...parts, `SPI=0x${packet.view.getUint32(packet.l4Offset + spiAt).toString(16)}`];
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
  const cutBody = family === 4 ? incomplete(packet, icmpBytes(type)) : null;
  if (cutBody !== null) return [...parts, cutBody];
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

/** What the kernel wants of a message before it reads its body (required_len). */
function icmpBytes(type: number): number {
  if (quotesDatagram(4, type)) return 8 + 20;
  if (type === 13 || type === 14) return 20;
  return type === 17 || type === 18 ? 12 : 0;
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
  const parts: string[] = [];
  datagramParts(quoted, options, true, parts);
  return `[${parts.join(' ')} ]`;
}

function hex2(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

function hexBytes(packet: Packet, from: number, to: number): string {
  return [...packet.bytes.subarray(from, to)].map(hex2).join('');
}
