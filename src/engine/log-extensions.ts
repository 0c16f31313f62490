import type { LogOptions } from '../rules/index.ts';
import { type Packet, Proto } from '../wire/index.ts';

/**
 * Appends what the kernel writes of IPv6 extension headers (dump_ipv6_packet of nf_log_syslog.c):
 * fragments always, the others as `OPT ( … )` where IP options are asked for. False where it reads
 * no further, and the line ends.
 */
export function extensionParts(packet: Packet, options: LogOptions, parts: string[]): boolean {
  const { view, l3End } = packet;
  let header = view.getUint8(packet.l3Offset + 6);
  let at = packet.l3Offset + 40;
  let isFragment = false;
  while (isExtension(header)) {
    if (l3End - at < 2) {
      parts.push('TRUNCATED');
      return false;
    }
    if (options.ipOptions) parts.push('OPT (');
    const goesOn =
      header === Proto.Fragment
        ? fragmentWords(packet, at, parts)
        : otherWords(packet, header, at, isFragment, options, parts);
    if (!goesOn) return false;
    if (header === Proto.Fragment) isFragment ||= (view.getUint16(at + 2) & 0xfff8) !== 0;
    if (options.ipOptions) parts.push(')');
    const length = lengthOf(header, view.getUint8(at + 1));
    header = view.getUint8(at);
    at += length;
  }
  return true;
}

/** `FRAG:1448 INCOMPLETE ID:0000002a`: INCOMPLETE says that more fragments follow. */
function fragmentWords(packet: Packet, at: number, parts: string[]): boolean {
  if (packet.l3End - at < 8) {
    parts.push('FRAG:TRUNCATED');
    return false;
  }
  const word = packet.view.getUint16(at + 2);
  parts.push(`FRAG:${word & 0xfff8}`);
  if (word & 1) parts.push('INCOMPLETE');
  parts.push(
    `ID:${packet.view
      .getUint32(at + 4)
      .toString(16)
      .padStart(8, '0')}`,
  );
  return true;
}

/** False behind a fragment, where these bytes are no header, and for ESP, behind which all is secret. */
function otherWords(
  packet: Packet,
  header: number,
  at: number,
  isFragment: boolean,
  options: LogOptions,
  parts: string[],
): boolean {
  const isSecurity = header === Proto.Ah || header === Proto.Esp;
  const named = isSecurity && options.ipOptions;
  if (named) parts.push(header === Proto.Ah ? 'AH' : 'ESP');
  if (isFragment && (named || !isSecurity)) {
    if (options.ipOptions) parts.push(')');
    return false;
  }
  if (named && !securityWords(packet, header, at, parts)) return false;
  if (header === Proto.Esp) {
    if (named) parts.push(')');
    return false;
  }
  return true;
}

/** SPI of AH (RFC 4302) or ESP (RFC 4303); false where the header is cut short. */
function securityWords(packet: Packet, header: number, at: number, parts: string[]): boolean {
  const present = packet.l3End - at;
  if (present < (header === Proto.Ah ? 12 : 8)) {
    parts.push(`INCOMPLETE [${present} bytes]`, ')');
    return false;
  }
  const spi = packet.view.getUint32(header === Proto.Ah ? at + 4 : at);
  parts.push(`SPI=0x${spi.toString(16)}`);
  return true;
}

function isExtension(header: number): boolean {
  return (
    header === Proto.HopByHop ||
    header === Proto.Routing ||
    header === Proto.Fragment ||
    header === Proto.DestOptions ||
    header === Proto.Ah ||
    header === Proto.Esp
  );
}

function lengthOf(header: number, lengthField: number): number {
  if (header === Proto.Fragment) return 8;
  return header === Proto.Ah ? (lengthField + 2) << 2 : (lengthField + 1) << 3;
}
