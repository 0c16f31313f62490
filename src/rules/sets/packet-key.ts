import { LinkType, type Packet, Proto } from '../../wire/index.ts';
import type { RuleContext } from '../context.ts';
import type { SetBody } from './definition.ts';
import type { NamePool } from './name-pool.ts';
import type { FieldKind } from './types.ts';

const Kind = { ip: 0, net: 1, port: 2, iface: 3, mac: 4, mark: 5 } as const satisfies Record<
  FieldKind,
  number
>;

/** Reads from a packet the element that a set would have for it, networks as hosts. Hot. */
export class PacketKey {
  readonly words: Int32Array;
  private readonly kinds: Uint8Array;
  private readonly offsets: Int32Array;
  private readonly dimension: number;
  private readonly family: number;
  private readonly isBitmap: boolean;
  private readonly first: number;
  private readonly last: number;
  private readonly markMask: number;
  private readonly pool: NamePool;

  constructor(body: SetBody, pool: NamePool) {
    const { type, options, layout } = body;
    this.words = new Int32Array(layout.words);
    this.kinds = Uint8Array.from(type.fields, (field) => Kind[field]);
    this.offsets = Int32Array.from(layout.offsets);
    this.dimension = type.dimension;
    this.family = options.family;
    this.isBitmap = type.storage === 'bitmap';
    this.first = options.first;
    this.last = options.last;
    this.markMask = options.markmask;
    this.pool = pool;
  }

  /**
   * Fills `words`; bit i of `sources` says that field i is of the source side, `given` how many
   * sides the rule names. False where the packet has no element that the set could hold.
   */
  fill(ctx: RuleContext, sources: number, given: number): boolean {
    if (given < this.dimension) return false;
    if (this.family !== 0 && this.family !== ctx.packet.family) return false;
    for (let i = 0; i < this.kinds.length; i++) {
      if (!this.fillField(this.kinds[i]!, this.offsets[i]!, ctx, (sources & (1 << i)) !== 0)) {
        return false;
      }
    }
    return true;
  }

  private fillField(kind: number, at: number, ctx: RuleContext, isSource: boolean): boolean {
    const { words } = this;
    switch (kind) {
      case Kind.ip:
        this.fillAddress(ctx.packet, at, isSource);
        return !this.isBitmap || this.inRange(words[at]! >>> 0);
      case Kind.net:
        this.fillAddress(ctx.packet, at, isSource);
        if (this.family === 6) words[at + 4] = 128;
        else words[at + 1] = 32;
        return true;
      case Kind.port:
        return this.fillPort(ctx.packet, at, isSource);
      case Kind.iface:
        words[at] = this.pool.ofInterface(isSource ? ctx.inIf : ctx.outIf);
        return words[at]! >= 0;
      case Kind.mac:
        return this.fillMac(ctx.packet, at, isSource);
      default:
        words[at] = ctx.mark & this.markMask;
        return true;
    }
  }

  private fillAddress(packet: Packet, at: number, isSource: boolean): void {
    const { words } = this;
    words[at] = isSource ? packet.src0 : packet.dst0;
    if (this.family !== 6) return;
    words[at + 1] = isSource ? packet.src1 : packet.dst1;
    words[at + 2] = isSource ? packet.src2 : packet.dst2;
    words[at + 3] = isSource ? packet.src3 : packet.dst3;
  }

  private inRange(value: number): boolean {
    return value >= this.first && value <= this.last;
  }

  /** ip_set_get_ip_port: ports of TCP, UDP, SCTP, UDP-Lite; type and code of ICMP; else 0. */
  private fillPort(packet: Packet, at: number, isSource: boolean): boolean {
    if (packet.fragmentOffset !== 0) return false;
    const { protocol } = packet;
    if (isCutOff(packet)) return false;
    const isIcmp = protocol === Proto.Icmp || protocol === Proto.Icmpv6;
    const fromSource = isSource && !isIcmp;
    const port = fromSource ? packet.srcPortOrIcmpId : packet.dstPortOrIcmpTypeCode;
    if (!this.isBitmap) {
      this.words[at] = (protocol << 16) | port;
      return true;
    }
    this.words[at] = port;
    return (protocol === Proto.Tcp || protocol === Proto.Udp) && this.inRange(port);
  }

  private fillMac(packet: Packet, at: number, isSource: boolean): boolean {
    if (packet.linkType !== LinkType.Ethernet) return false;
    const from = packet.frameOffset + (isSource ? 6 : 0);
    if (from + 6 > packet.l3Offset) return false;
    this.words[at] = packet.view.getInt32(from);
    this.words[at + 1] = packet.view.getUint16(from + 4);
    return this.words[at] !== 0 || this.words[at + 1] !== 0;
  }
}

/** The transport header that is to tell ports is not all there (skb_header_pointer in the kernel). */
function isCutOff({ protocol, l4Offset, l3End }: Packet): boolean {
  switch (protocol) {
    case Proto.Tcp:
      return l4Offset + 20 > l3End;
    case Proto.Sctp:
      return l4Offset + 12 > l3End;
    case Proto.Udp:
    case Proto.UdpLite:
    case Proto.Icmp:
    case Proto.Icmpv6:
      return l4Offset + 8 > l3End;
    default:
      return false;
  }
}
