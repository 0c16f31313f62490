import { type Packet, Proto } from '../../wire/index.ts';
import { Gathered, type GatheredCode } from './datagrams.ts';
import { ecnBit, ecnOfWhole } from './ecn.ts';
import { Queue } from './queues.ts';
import { Reassembler } from './reassembler.ts';

const FIXED_HEADER = 40;
const FRAGMENT_HEADER = 8;
const MAX_PAYLOAD = 65_535;

/**
 * IPv6 (RFC 8200 section 4.5, net/ipv6/netfilter/nf_conntrack_reasm.c). What is refused here leaves
 * the other fragments alone, but for overlaps; two kinds of nonsense go on as they are, for the
 * rules to judge as INVALID and the destination to answer.
 */
export class Ipv6Reassembler extends Reassembler {
  /** Of the cursor in hand, from the IP header: the field that names the fragment header, and it. */
  private nextHeaderAt = 0;
  private fragmentAt = 0;

  take(packet: Packet, kind: number, inIf: number): GatheredCode {
    this.findFragmentHeader(packet);
    const start = packet.fragmentOffset;
    // RFC 7112: all headers are in the first fragment.
    if (start === 0 && isCutShort(packet)) return Gathered.AsIs;
    const headerLen = this.fragmentAt + FRAGMENT_HEADER;
    const payloadLen = packet.l3End - packet.l3Offset - FIXED_HEADER;
    const end = start + packet.l3End - packet.l3Offset - headerLen;
    if (end > MAX_PAYLOAD) return Gathered.Invalid;
    const queue = this.open(packet, kind);
    if (queue < 0) return Gathered.Overflow;
    const more = (packet.view.getUint8(packet.l3Offset + this.fragmentAt + 3) & 1) !== 0;
    if (more && (end & 7) !== 0) return this.refuse(queue, Gathered.AsIs);
    if (!this.extend(queue, end, more) || end === start) return Gathered.Invalid;
    const entered = this.enter(queue, packet, headerLen, start, end);
    if (entered !== Gathered.Held) return entered;
    const { queues } = this.datagrams;
    queues.set(queue, Queue.InIf, inIf);
    if (start === 0) queues.set(queue, Queue.NextHeaderAt, this.nextHeaderAt);
    this.addEcn(queue, ecnBit(packet.tos));
    this.raise(queue, Queue.MaxSize, payloadLen);
    return this.isComplete(queue) ? this.assemble(queue, packet) : Gathered.Held;
  }

  protected timeoutSec(): number {
    return this.settings.ipv6TimeoutSec;
  }

  /** The datagram without its fragment header (RFC 8200 section 4.5, "original packet"). */
  private assemble(queue: number, packet: Packet): GatheredCode {
    const { datagrams, cuts } = this;
    const { queues, runs } = datagrams;
    const headerLen = runs.headerLen(queues.get(queue, Queue.FirstRun)) - FRAGMENT_HEADER;
    const payloadLen = headerLen - FIXED_HEADER + queues.get(queue, Queue.Length);
    const ecn = ecnOfWhole(queues.get(queue, Queue.Ecn));
    if (ecn < 0 || payloadLen > MAX_PAYLOAD) return this.refuse(queue, Gathered.Invalid);
    const { view, l3Offset: at } = packet;
    datagrams.readHeader(queue, headerLen + FRAGMENT_HEADER, packet, at);
    const followsFragmentHeader = view.getUint8(at + headerLen);
    view.setUint8(at + queues.get(queue, Queue.NextHeaderAt), followsFragmentHeader);
    datagrams.readPayload(queue, packet, at + headerLen, cuts);
    cuts.firstLen = headerLen + cuts.lengths[0]!;
    view.setUint16(at, view.getUint16(at) | (ecn << 4));
    view.setUint16(at + 4, payloadLen);
    packet.frameEnd = at + FIXED_HEADER + payloadLen;
    packet.fragMaxSize = FIXED_HEADER + queues.get(queue, Queue.MaxSize);
    datagrams.empty(queue);
    this.close(queue);
    return Gathered.Whole;
  }

  /** Walks to the fragment header; `decodeFrame` has seen that there is one and checked the way. */
  private findFragmentHeader(packet: Packet): void {
    const { view, l3Offset } = packet;
    this.nextHeaderAt = 6;
    this.fragmentAt = FIXED_HEADER;
    let header = view.getUint8(l3Offset + 6);
    while (header !== Proto.Fragment) {
      const units = view.getUint8(l3Offset + this.fragmentAt + 1);
      this.nextHeaderAt = this.fragmentAt;
      this.fragmentAt += header === Proto.Ah ? (units + 2) << 2 : (units + 1) << 3;
      header = view.getUint8(l3Offset + this.nextHeaderAt);
    }
  }
}

/** The transport header is not all in the first fragment (ipv6frag_thdr_truncated). */
function isCutShort(packet: Packet): boolean {
  const { protocol } = packet;
  let least = 1;
  if (protocol === Proto.Tcp) least = 20;
  else if (protocol === Proto.Udp || protocol === Proto.Icmpv6) least = 8;
  return packet.l4Offset + least > packet.l3End;
}
