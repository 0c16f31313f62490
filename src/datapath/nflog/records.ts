import type { NflogRecord } from '../../engine/index.ts';
import { EtherType, LinkType } from '../../wire/index.ts';

/**
 * A pcap stream of link type NFLOG (www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html): a family, a
 * version and the group, then type-length-value attributes, as nfnetlink_log sends them.
 */
const LINKTYPE_NFLOG = 239;
const PCAP_MAGIC_MICROS = 0xa1b2c3d4;
const MAX_RECORD_BYTES = 262_144;

/** Attribute numbers: NFULA_* of linux/netfilter/nfnetlink_log.h. */
const Attribute = {
  PacketHeader: 1,
  Mark: 2,
  InDevice: 4,
  OutDevice: 5,
  Payload: 9,
  Prefix: 10,
  Uid: 11,
  Gid: 14,
  HardwareType: 15,
  HardwareHeader: 16,
  HardwareLength: 17,
} as const;

const AF_INET = 2;
const AF_INET6 = 10;
const ARPHRD_ETHER = 1;
const ETHERNET_HEADER = 14;
const PCAP_RECORD_HEADER = 16;
/** Longer than all attributes together beside prefix and payload. */
const ATTRIBUTES_ROOM = 128;
/** UTF-8 of the longest prefix that iptables takes (64 bytes), with room to spare. */
const PREFIX_ROOM = 256;

/** Unix time of the packet in hand. */
export interface PacketTime {
  readonly epochSec: number;
  readonly usec: number;
}

/** The 24 bytes that every such stream begins with. */
export function nflogStreamHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(PCAP_MAGIC_MICROS, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(MAX_RECORD_BYTES, 16);
  header.writeUInt32LE(LINKTYPE_NFLOG, 20);
  return header;
}

/**
 * Records waiting to be written, in memory of a fixed size. Adding allocates nothing. Attribute
 * headers and the file are little endian; what the kernel sends in network order stays so.
 */
export class RecordBuffer {
  readonly bytes: Buffer;
  used = 0;
  private start = 0;
  private readonly view: DataView;
  /** Kernel's number of an interface id. */
  private readonly indexOf: (interfaceId: number) => number;

  constructor(size: number, indexOf: (interfaceId: number) => number) {
    this.bytes = Buffer.alloc(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
    this.indexOf = indexOf;
  }

  /** Appends a packet. False, and nothing appended, where it does not fit. */
  add(record: NflogRecord, time: PacketTime): boolean {
    const { context, options, length } = record;
    const most = PCAP_RECORD_HEADER + ATTRIBUTES_ROOM + PREFIX_ROOM + length;
    if (this.used + most > this.bytes.length) return false;
    this.start = this.used;
    this.used += PCAP_RECORD_HEADER;
    this.putHeader(record);
    this.putPrefix(options.prefix);
    if (context.inIf >= 0) this.putWord(Attribute.InDevice, this.indexOf(context.inIf));
    if (context.outIf >= 0) this.putWord(Attribute.OutDevice, this.indexOf(context.outIf));
    if (context.mark !== 0) this.putWord(Attribute.Mark, context.mark);
    if (context.inIf >= 0) this.putLinkHeader(record);
    if (context.socketUid >= 0) {
      this.putWord(Attribute.Uid, context.socketUid);
      this.putWord(Attribute.Gid, context.socketGid);
    }
    this.putBytes(Attribute.Payload, record, record.packet.l3Offset, length);
    this.putRecordHeader(record.fullLength - length, time);
    return true;
  }

  private putRecordHeader(cut: number, time: PacketTime): void {
    const { start } = this;
    const length = this.used - start - PCAP_RECORD_HEADER;
    this.view.setUint32(start, time.epochSec, true);
    this.view.setUint32(start + 4, time.usec, true);
    this.view.setUint32(start + 8, length, true);
    this.view.setUint32(start + 12, length + cut, true);
  }

  private putHeader(record: NflogRecord): void {
    const { view } = this;
    const four = record.packet.family === 4;
    view.setUint8(this.used, four ? AF_INET : AF_INET6);
    view.setUint8(this.used + 1, 0);
    view.setUint16(this.used + 2, record.options.group);
    this.used += 4;
    const at = this.begin(Attribute.PacketHeader, 4);
    view.setUint16(at, four ? EtherType.Ipv4 : EtherType.Ipv6);
    view.setUint8(at + 2, record.context.hook);
    view.setUint8(at + 3, 0);
  }

  private putPrefix(prefix: string): void {
    if (prefix === '') return;
    const written = this.bytes.write(prefix, this.used + 4, PREFIX_ROOM - 8);
    // The kernel's ends in a zero, which counts.
    const at = this.begin(Attribute.Prefix, written + 1);
    this.bytes[at + written] = 0;
  }

  private putLinkHeader(record: NflogRecord): void {
    const { packet } = record;
    if (packet.linkType !== LinkType.Ethernet) return;
    this.view.setUint16(this.begin(Attribute.HardwareType, 2), ARPHRD_ETHER);
    this.view.setUint16(this.begin(Attribute.HardwareLength, 2), ETHERNET_HEADER);
    this.putBytes(Attribute.HardwareHeader, record, packet.frameOffset, ETHERNET_HEADER);
  }

  private putWord(type: number, value: number): void {
    this.view.setInt32(this.begin(type, 4), value | 0);
  }

  private putBytes(type: number, record: NflogRecord, from: number, length: number): void {
    const at = this.begin(type, length);
    const { bytes } = record.packet;
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[from + i]!;
  }

  /** Writes an attribute's header and steps over its value and padding; returns where the value is. */
  private begin(type: number, length: number): number {
    const at = this.used + 4;
    this.view.setUint16(this.used, 4 + length, true);
    this.view.setUint16(this.used + 2, type, true);
    const end = at + length;
    // Aligned within the record: the record itself may begin anywhere.
    this.used = end + (-(end - this.start) & 3);
    for (let i = end; i < this.used; i++) this.bytes[i] = 0;
    return at;
  }
}
