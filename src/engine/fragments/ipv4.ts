import type { Clock } from '../../base/index.ts';
import { checksum, type Packet } from '../../wire/index.ts';
import type { Cuts } from './cuts.ts';
import { Gathered, type GatheredCode } from './datagrams.ts';
import { ecnBit, ecnOfWhole } from './ecn.ts';
import { Queue } from './queues.ts';
import { Reassembler } from './reassembler.ts';
import type { FragmentSettings } from './settings.ts';
import { SourceDistance } from './source-distance.ts';

const MORE_FRAGMENTS = 0x2000;
const DONT_FRAGMENT = 0x4000;
const MAX_DATAGRAM = 65_535;

/** IPv4 (RFC 791 section 3.2, net/ipv4/ip_fragment.c). */
export class Ipv4Reassembler extends Reassembler {
  private readonly sources: SourceDistance;

  constructor(clock: Clock, settings: FragmentSettings, cuts: Cuts, seed: number) {
    super(clock, settings, cuts, seed);
    this.sources = new SourceDistance(this.datagrams.queues.capacity, seed);
  }

  take(packet: Packet, kind: number, inIf: number): GatheredCode {
    const queue = this.open(packet, kind);
    if (queue < 0) return Gathered.Overflow;
    this.countSource(queue, packet);
    const { l3HeaderLen: headerLen, fragmentOffset: start } = packet;
    const more = (packet.view.getUint16(packet.l3Offset + 6) & MORE_FRAGMENTS) !== 0;
    let end = start + packet.l3End - packet.l3Offset - headerLen;
    // Only the last one may end anywhere.
    const sound = this.extend(queue, more ? end & ~7 : end, more);
    if (more) end &= ~7;
    if (!sound || end === start) return this.refuse(queue, Gathered.Invalid);
    const entered = this.enter(queue, packet, headerLen, start, end);
    if (entered !== Gathered.Held) return entered;
    this.datagrams.queues.set(queue, Queue.InIf, inIf);
    this.addEcn(queue, ecnBit(packet.tos));
    const size = headerLen + end - start;
    this.raise(queue, Queue.MaxSize, size);
    if (packet.dontFragment) this.raise(queue, Queue.MaxDfSize, size);
    return this.isComplete(queue) ? this.assemble(queue, packet) : Gathered.Held;
  }

  protected timeoutSec(): number {
    return this.settings.ipv4TimeoutSec;
  }

  protected override close(queue: number): void {
    this.sources.release(this.datagrams.queues.get(queue, Queue.Source));
    super.close(queue);
  }

  /** Begins anew where the source has sent so much meanwhile that the identification may be reused. */
  private countSource(queue: number, packet: Packet): void {
    const { datagrams, sources } = this;
    const { queues } = datagrams;
    if (this.isNew) queues.set(queue, Queue.Source, sources.hold(packet.src0));
    const number = sources.next(queues.get(queue, Queue.Source));
    const distance = (number - queues.get(queue, Queue.SourceNumber)) | 0;
    queues.set(queue, Queue.SourceNumber, number);
    const { ipv4MaxDistance } = this.settings;
    if (ipv4MaxDistance === 0 || distance <= ipv4MaxDistance) return;
    if (queues.get(queue, Queue.Tail) < 0) return;
    datagrams.abandon(queue);
    queues.renew(queue, this.clock.ms);
  }

  private assemble(queue: number, packet: Packet): GatheredCode {
    const { datagrams, cuts } = this;
    const { queues, runs } = datagrams;
    const headerLen = runs.headerLen(queues.get(queue, Queue.FirstRun));
    const total = headerLen + queues.get(queue, Queue.Length);
    const ecn = ecnOfWhole(queues.get(queue, Queue.Ecn));
    if (ecn < 0 || total > MAX_DATAGRAM) return this.refuse(queue, Gathered.Invalid);
    const at = packet.l3Offset;
    datagrams.readHeader(queue, headerLen, packet, at);
    datagrams.readPayload(queue, packet, at + headerLen, cuts);
    cuts.firstLen = headerLen + cuts.lengths[0]!;
    const maxSize = queues.get(queue, Queue.MaxSize);
    const maxDfSize = queues.get(queue, Queue.MaxDfSize);
    const { view } = packet;
    view.setUint8(at + 1, view.getUint8(at + 1) | ecn);
    view.setUint16(at + 2, total);
    // Only where the largest one had the flag: a small one says nothing about the path.
    view.setUint16(at + 6, maxDfSize === maxSize ? DONT_FRAGMENT : 0);
    view.setUint16(at + 10, 0);
    view.setUint16(at + 10, checksum(view, at, at + headerLen));
    packet.frameEnd = at + total;
    packet.fragMaxSize = maxSize;
    datagrams.empty(queue);
    this.close(queue);
    return Gathered.Whole;
  }
}
