import { type Packet, Proto } from '../wire/index.ts';

/** What routing policy rules may look at, as words of a `RouteKey`. */
export const KeyWord = {
  Dst: 0,
  Src: 4,
  /** Interface ids; -1: sent by this host, or not known. */
  InIf: 8,
  OutIf: 9,
  Mark: 10,
  Tos: 11,
  Protocol: 12,
  SrcPort: 13,
  DstPort: 14,
  /** 0 for what is forwarded (sock_net_uid without a socket); -1: of this host, user not known. */
  Uid: 15,
} as const;
export const KEY_WORDS = 16;

/** What a route is looked up by. One reused object; ports and addresses in the order of the host. */
export class RouteKey {
  readonly words = new Int32Array(KEY_WORDS);

  /** The packet as it stands; `inIf` -1: this host sends it. */
  setPacket(packet: Packet, inIf: number, mark: number): void {
    const { words } = this;
    words[0] = packet.dst0;
    words[1] = packet.dst1;
    words[2] = packet.dst2;
    words[3] = packet.dst3;
    words[4] = packet.src0;
    words[5] = packet.src1;
    words[6] = packet.src2;
    words[7] = packet.src3;
    words[8] = inIf;
    words[9] = -1;
    words[10] = mark;
    words[11] = packet.tos;
    words[12] = packet.protocol;
    const hasPorts = carriesPorts(packet);
    words[13] = hasPorts ? packet.srcPortOrIcmpId : 0;
    words[14] = hasPorts ? packet.dstPortOrIcmpTypeCode : 0;
    words[15] = inIf < 0 ? -1 : 0;
  }

  /** An address, as for a packet of this host of which nothing else is known. */
  setAddress(w0: number, w1: number, w2: number, w3: number): void {
    const { words } = this;
    words.fill(0);
    words[0] = w0;
    words[1] = w1;
    words[2] = w2;
    words[3] = w3;
    words[8] = -1;
    words[9] = -1;
    words[15] = -1;
  }

  /**
   * The way back to the packet's source, as `-m rpfilter` asks for it: as this host would send there
   * from the address that the packet is for, without protocol and ports. `outIf`: the interface that
   * is asked for, -1 for any.
   */
  setReverse(packet: Packet, outIf: number, mark: number): void {
    this.setAddress(packet.src0, packet.src1, packet.src2, packet.src3);
    const { words } = this;
    if (isUnicast(packet)) {
      words[4] = packet.dst0;
      words[5] = packet.dst1;
      words[6] = packet.dst2;
      words[7] = packet.dst3;
    }
    words[9] = outIf;
    words[10] = mark;
    words[11] = packet.tos;
  }
}

/** The kernel takes none from fragments (flow_dissector.c); whole datagrams are routed here. */
function carriesPorts(packet: Packet): boolean {
  if (packet.isFragment) return false;
  const { protocol } = packet;
  if (protocol === Proto.Tcp || protocol === Proto.Udp || protocol === Proto.Sctp) return true;
  return protocol === Proto.UdpLite;
}

/** rpfilter_get_saddr of ipt_rpfilter.c, rpfilter_addr_unicast of ip6t_rpfilter.c. */
function isUnicast(packet: Packet): boolean {
  const { family, dst0 } = packet;
  if (family === 6) return dst0 >>> 24 !== 0xff;
  return dst0 >>> 28 !== 14 && dst0 !== -1 && dst0 >>> 24 !== 0;
}
