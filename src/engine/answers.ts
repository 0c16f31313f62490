import type { HelperPromise } from '../helpers/index.ts';
import {
  checksum,
  completeL4Checksum,
  findTcpOption,
  HEADROOM_BYTES,
  LinkType,
  Packet,
  Proto,
  TcpFlag,
  TcpOption,
} from '../wire/index.ts';

const IPV4_LEN = 20;
const IPV6_LEN = 40;
const TCP_LEN = 20;
/** Two NOPs and the timestamps, as RFC 7323 appendix A lays them out. */
const TIMESTAMPS_LEN = 12;
const NOP_NOP_TIMESTAMPS = 0x0101080a;
const ICMP_LEN = 8;
/** Initial hop limit of what the gateway sends itself. */
const OWN_TTL = 64;
/** RFC 791 section 3.1 with RFC 1349: precedence, and the bits behind it. */
const INTERNET_CONTROL = 0xc0;
const TOS_SERVICE = 0x1e;
/** A whole ICMP error stays below the smallest datagram every IPv4 host takes (RFC 1812 4.3.2.3). */
const ICMPV4_MAX_BYTES = 576;
/** The same for IPv6: the minimum MTU (RFC 4443 2.4 c). */
const ICMPV6_MAX_BYTES = 1280;

/** Builds the packets that the gateway answers with, in a cursor of its own. */
export class AnswerBuilder {
  /** The answer: an IP datagram at `l3Offset`, no link header, checksums complete. */
  readonly packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + 2048));
  /** Of what may be fragmented on its way, identification must differ (RFC 6864 section 4.1). */
  private errorId = 0;

  /**
   * A TCP reset that answers `cause` (RFC 9293 section 3.5.2). False where none may be sent: to a
   * reset, to a group, or to something that is not TCP.
   */
  tcpReset(cause: Packet): boolean {
    if (cause.protocol !== Proto.Tcp || cause.fragmentOffset > 0) return false;
    if (cause.tcpFlags & TcpFlag.Rst || !isBetweenHosts(cause)) return false;
    this.beginIp(cause.family, Proto.Tcp, TCP_LEN);
    this.swapAddresses(cause);
    const { packet } = this;
    const { view, l4Offset: at } = packet;
    view.setUint16(at, cause.dstPortOrIcmpTypeCode);
    view.setUint16(at + 2, cause.srcPortOrIcmpId);
    const hasAck = (cause.tcpFlags & TcpFlag.Ack) !== 0;
    view.setInt32(at + 4, hasAck ? cause.ack : 0);
    view.setInt32(at + 8, hasAck ? 0 : sequenceAfter(cause));
    view.setUint16(at + 12, 0x5000 | TcpFlag.Rst | (hasAck ? 0 : TcpFlag.Ack));
    view.setUint32(at + 14, 0);
    view.setUint16(at + 18, 0);
    this.finish();
    return true;
  }

  /** A reset in the name of one end of a connection, towards the other: `cause` goes on as RST. */
  tcpResetForward(cause: Packet): void {
    this.beginIp(cause.family, Proto.Tcp, TCP_LEN);
    const { packet } = this;
    copyAddresses(packet, cause);
    const { view, l4Offset: at } = packet;
    view.setUint16(at, cause.srcPortOrIcmpId);
    view.setUint16(at + 2, cause.dstPortOrIcmpTypeCode);
    view.setInt32(at + 4, cause.seq);
    view.setInt32(at + 8, cause.ack);
    view.setUint16(at + 12, 0x5000 | TcpFlag.Rst | TcpFlag.Ack);
    view.setUint32(at + 14, 0);
    view.setUint16(at + 18, 0);
    this.finish();
  }

  /**
   * A promised acknowledgement towards the sender of `cause`, in the name of its peer. The peer's last
   * timestamp goes with it where `cause` carries one (RFC 7323 section 3.2).
   */
  tcpAck(cause: Packet, { seq, ack, window, timestamp }: HelperPromise): void {
    const stamp = timestamp === 0 ? 0 : timestampOf(cause);
    const headerLen = TCP_LEN + (stamp > 0 ? TIMESTAMPS_LEN : 0);
    this.beginIp(cause.family, Proto.Tcp, headerLen);
    this.swapAddresses(cause);
    const { view, l4Offset: at } = this.packet;
    view.setUint16(at, cause.dstPortOrIcmpTypeCode);
    view.setUint16(at + 2, cause.srcPortOrIcmpId);
    view.setInt32(at + 4, seq);
    view.setInt32(at + 8, ack);
    view.setUint16(at + 12, (headerLen << 10) | TcpFlag.Ack);
    view.setUint16(at + 14, window);
    view.setUint32(at + 16, 0);
    if (stamp > 0) {
      view.setUint32(at + TCP_LEN, NOP_NOP_TIMESTAMPS);
      view.setInt32(at + TCP_LEN + 4, timestamp);
      view.setInt32(at + TCP_LEN + 8, cause.view.getInt32(stamp + 2));
    }
    this.finish();
  }

  /**
   * An ICMP or ICMPv6 error about `cause`, from `source` (address words). `extra` is the second
   * header word (the MTU where something was too big). False where RFC 1122 3.2.2 or RFC 4443 2.4
   * forbid an answer: to an ICMP error, to a later fragment, to a group or no address at all.
   */
  icmpError(
    cause: Packet,
    type: number,
    code: number,
    extra: number,
    source: readonly number[],
  ): boolean {
    if (!mayAnswer(cause)) return false;
    const isV4 = cause.family === 4;
    const ipLen = isV4 ? IPV4_LEN : IPV6_LEN;
    const room = (isV4 ? ICMPV4_MAX_BYTES : ICMPV6_MAX_BYTES) - ipLen - ICMP_LEN;
    const quoted = Math.min(cause.l3Len, room);
    this.beginIp(cause.family, isV4 ? Proto.Icmp : Proto.Icmpv6, ICMP_LEN + quoted);
    this.swapAddresses(cause);
    this.setSource(source);
    if (isV4) this.asInternetControl(cause.tos);
    const { packet } = this;
    const at = packet.l4Offset;
    packet.view.setUint8(at, type);
    packet.view.setUint8(at + 1, code);
    packet.view.setUint16(at + 2, 0);
    packet.view.setUint32(at + 4, extra);
    for (let i = 0; i < quoted; i++) {
      packet.bytes[at + ICMP_LEN + i] = cause.bytes[cause.l3Offset + i]!;
    }
    this.finish();
    return true;
  }

  /** RFC 1812 section 4.3.2.5: precedence of internetwork control, the service asked for; no DF. */
  private asInternetControl(tos: number): void {
    const { view, l3Offset: at } = this.packet;
    view.setUint8(at + 1, (tos & TOS_SERVICE) | INTERNET_CONTROL);
    this.errorId = (this.errorId + 1) & 0xffff;
    view.setUint16(at + 4, this.errorId);
    view.setUint16(at + 6, 0);
  }

  /** Lays out an IP header for `payloadLen` bytes of `protocol` behind it. */
  private beginIp(family: number, protocol: number, payloadLen: number): void {
    const { packet } = this;
    const ipLen = family === 4 ? IPV4_LEN : IPV6_LEN;
    packet.begin(ipLen + payloadLen, LinkType.RawIp);
    packet.family = family;
    packet.protocol = protocol;
    packet.l3Offset = packet.frameOffset;
    packet.l3End = packet.frameEnd;
    packet.l3HeaderLen = ipLen;
    packet.l4Offset = packet.l3Offset + ipLen;
    packet.isFragment = false;
    const { view, l3Offset: at } = packet;
    if (family === 4) {
      view.setUint16(at, 0x4500);
      view.setUint16(at + 2, ipLen + payloadLen);
      view.setUint32(at + 4, 0x4000);
      view.setUint16(at + 8, (OWN_TTL << 8) | protocol);
      view.setUint16(at + 10, 0);
    } else {
      view.setUint32(at, 0x60000000);
      view.setUint16(at + 4, payloadLen);
      view.setUint16(at + 6, (protocol << 8) | OWN_TTL);
    }
  }

  private swapAddresses(cause: Packet): void {
    const { packet } = this;
    packet.src0 = cause.dst0;
    packet.src1 = cause.dst1;
    packet.src2 = cause.dst2;
    packet.src3 = cause.dst3;
    packet.dst0 = cause.src0;
    packet.dst1 = cause.src1;
    packet.dst2 = cause.src2;
    packet.dst3 = cause.src3;
  }

  private setSource(words: readonly number[]): void {
    const { packet } = this;
    packet.src0 = words[0] ?? 0;
    packet.src1 = words[1] ?? 0;
    packet.src2 = words[2] ?? 0;
    packet.src3 = words[3] ?? 0;
  }

  private finish(): void {
    const { packet } = this;
    const { view, l3Offset: at } = packet;
    if (packet.family === 4) {
      view.setInt32(at + 12, packet.src0);
      view.setInt32(at + 16, packet.dst0);
      view.setUint16(at + 10, checksum(view, at, at + IPV4_LEN));
    } else {
      view.setInt32(at + 8, packet.src0);
      view.setInt32(at + 12, packet.src1);
      view.setInt32(at + 16, packet.src2);
      view.setInt32(at + 20, packet.src3);
      view.setInt32(at + 24, packet.dst0);
      view.setInt32(at + 28, packet.dst1);
      view.setInt32(at + 32, packet.dst2);
      view.setInt32(at + 36, packet.dst3);
    }
    completeL4Checksum(packet);
  }
}

function copyAddresses(to: Packet, from: Packet): void {
  to.src0 = from.src0;
  to.src1 = from.src1;
  to.src2 = from.src2;
  to.src3 = from.src3;
  to.dst0 = from.dst0;
  to.dst1 = from.dst1;
  to.dst2 = from.dst2;
  to.dst3 = from.dst3;
}

/** The number that acknowledges all of a segment: SYN and FIN count as one each. */
function sequenceAfter(cause: Packet): number {
  const syn = cause.tcpFlags & TcpFlag.Syn ? 1 : 0;
  const fin = cause.tcpFlags & TcpFlag.Fin ? 1 : 0;
  return (cause.seq + cause.payloadLen + syn + fin) | 0;
}

/** Where the timestamps of a segment stand, 0 or less where it has none that are whole. */
function timestampOf(cause: Packet): number {
  const at = findTcpOption(cause, TcpOption.Timestamps);
  return at > 0 && cause.bytes[at + 1] === 10 ? at : 0;
}

function mayAnswer(cause: Packet): boolean {
  if (cause.fragmentOffset > 0 || !isBetweenHosts(cause)) return false;
  if (cause.protocol === Proto.Icmp && cause.family === 4) return isIcmpQuery(cause.icmpType);
  if (cause.protocol === Proto.Icmpv6) return cause.icmpType >= 128;
  return true;
}

/** Neither end is a group, everybody or nobody. */
function isBetweenHosts(cause: Packet): boolean {
  if (cause.family === 4) return isUnicastV4(cause.src0) && isUnicastV4(cause.dst0);
  return cause.src0 >>> 24 !== 0xff && cause.dst0 >>> 24 !== 0xff && !isZero(cause);
}

function isIcmpQuery(type: number): boolean {
  return type === 0 || type === 8 || (type >= 13 && type <= 18);
}

function isUnicastV4(word: number): boolean {
  const top = word >>> 24;
  return top !== 0 && top < 224;
}

function isZero(cause: Packet): boolean {
  return (cause.src0 | cause.src1 | cause.src2 | cause.src3) === 0;
}
