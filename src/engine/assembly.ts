import { CtStateBit } from '../conntrack/index.ts';
import { HelperId } from '../helpers/index.ts';
import type { HookCode } from '../rules/index.ts';
import { Decode, type DecodeCode, decodeFrame, LinkType, Packet, Proto } from '../wire/index.ts';
import type { Flight } from './flight.ts';
import {
  Cuts,
  Gathered,
  type GatheredCode,
  Have,
  IpFragmenter,
  Ipv4Reassembler,
  Ipv6Reassembler,
  Queue,
  type Reassembler,
} from './fragments/index.ts';
import type { EngineCounters, EngineParts } from './parts.ts';
import { RouteKind, type Routes } from './ports.ts';
import { DropReason, type DropReasonCode } from './reasons.ts';
import type { Tracking } from './tracking.ts';

/** Datagrams whose time is over that one fragment clears away; the sweep sees to the rest. */
const OVERDUE_PER_FRAGMENT = 4;
/** A TCP header without options, and the common header of SCTP. */
const TCP_HEADER = 20;
const SCTP_HEADER = 12;
/** fe80::/10 (RFC 4291 section 2.5.6). */
const IPV6_LINK_LOCAL = 0xfe80_0000 | 0;

/** Answers about a datagram that never became whole. */
export interface TimeoutAnswerer {
  /** `first` is the first fragment, decoded; it came in on `inIf`. */
  reassemblyTimedOut(first: Packet, inIf: number): void;
}

/** The place of reassembly in the pipeline: before the raw table (NF_IP_PRI_CONNTRACK_DEFRAG). */
export class Assembly {
  /** Cuts what leaves; for the datapath, right after the packet was processed. */
  readonly fragmenter: IpFragmenter;
  private readonly flight: Flight;
  private readonly counters: EngineCounters;
  private readonly drops: Float64Array;
  private readonly routes: Routes;
  private readonly answerer: TimeoutAnswerer;
  private readonly cuts = new Cuts();
  private readonly ipv4: Ipv4Reassembler;
  private readonly ipv6: Ipv6Reassembler;
  /** The first fragment of a datagram whose time is over. */
  private readonly first = new Packet();

  constructor(
    parts: EngineParts,
    flight: Flight,
    counters: EngineCounters,
    drops: Float64Array,
    answerer: TimeoutAnswerer,
  ) {
    const { clock, seed } = parts;
    const settings = parts.settings.fragments;
    this.flight = flight;
    this.counters = counters;
    this.drops = drops;
    this.routes = parts.routes;
    this.answerer = answerer;
    this.fragmenter = new IpFragmenter(this.cuts, seed);
    this.ipv4 = new Ipv4Reassembler(clock, settings, this.cuts, seed);
    this.ipv6 = new Ipv6Reassembler(clock, settings, this.cuts, seed);
  }

  /** Datagrams that are not whole yet. */
  get pending(): number {
    return this.ipv4.datagrams.queues.count + this.ipv6.datagrams.queues.count;
  }

  /**
   * Decodes the frame in the cursor and, where that is a fragment, its datagram as soon as it is
   * whole. Where the packet goes no further, `flight.withheld` is set, and the reason unless it
   * only waits. `hook` keeps what comes in apart from what this host sends.
   */
  decode(packet: Packet, hook: HookCode, inIf: number): DecodeCode {
    const decoded = decodeFrame(packet);
    if (decoded !== Decode.Ok && decoded < Decode.TruncatedL4) return decoded;
    return packet.hasFragmentHeader ? this.take(packet, decoded, hook, inIf) : decoded;
  }

  /** Gives up datagrams whose time is over, `budget` at most. */
  sweep(budget: number): void {
    this.clear(this.ipv4, budget);
    this.clear(this.ipv6, budget);
  }

  /**
   * To be told of a datagram that came in fragments and leaves. It keeps its cuts unless the kernel
   * would have had to pull it together: for the FTP helper, and for a header that was spread over
   * fragments and is looked at as a whole.
   */
  leaving(packet: Packet, tracking: Tracking): void {
    const { row } = this.flight;
    const { cuts } = this;
    const { table } = tracking.conntrack;
    const header = packet.l3HeaderLen + this.headerLookedAt(packet, tracking);
    if (cuts.firstLen < header) cuts.kept = false;
    if (row >= 0 && table.helper(row) === HelperId.Ftp) cuts.kept = false;
  }

  /**
   * Bytes of transport header that the kernel wants in one piece: of TCP for its own sockets
   * (tcp_v4_early_demux), of SCTP to verify the checksum or to translate (sctp_error, sctp_manip_pkt).
   */
  private headerLookedAt(packet: Packet, tracking: Tracking): number {
    if (packet.protocol === Proto.Tcp) return TCP_HEADER;
    if (packet.protocol !== Proto.Sctp || this.flight.ctState === CtStateBit.Untracked) return 0;
    return tracking.conntrack.settings.checksum || this.flight.rewritten ? SCTP_HEADER : 0;
  }

  private take(packet: Packet, decoded: DecodeCode, hook: HookCode, inIf: number): DecodeCode {
    const family = packet.family === 4 ? this.ipv4 : this.ipv6;
    this.clear(family, OVERDUE_PER_FRAGMENT);
    const gathered = family.take(packet, kindOf(packet, hook, inIf), inIf);
    this.countAbandoned(family, abandonedBy(gathered));
    if (gathered === Gathered.AsIs) return decoded;
    if (gathered === Gathered.Whole) return this.whole(packet);
    this.flight.withheld = true;
    if (gathered !== Gathered.Held) this.flight.reason = reasons[gathered]!;
    return decoded;
  }

  private whole(packet: Packet): DecodeCode {
    this.cuts.kept = true;
    if (packet.fragMaxSize > 0) this.counters.reassembled++;
    packet.checksumIsOurs = false;
    return decodeFrame(packet);
  }

  private clear(family: Reassembler, budget: number): void {
    for (let i = 0; i < budget; i++) {
      const queue = family.overdue();
      if (queue < 0) return;
      this.answerTimeout(family, queue);
      family.abandon(queue);
      this.countAbandoned(family, DropReason.FragmentTimeout);
    }
  }

  /**
   * Only the destination says that the rest never came (RFC 792). In IPv6 the kernel's tracking says
   * so on the way, too (nf_ct_frag6_expire).
   */
  private answerTimeout(family: Reassembler, queue: number): void {
    const { datagrams } = family;
    const { first } = this;
    if ((datagrams.queues.get(queue, Queue.Flags) & Have.First) === 0) return;
    const run = datagrams.queues.get(queue, Queue.FirstRun);
    const length = datagrams.runs.headerLen(run) + datagrams.runs.length(run);
    first.begin(length, LinkType.RawIp);
    datagrams.readHeader(queue, length, first, first.frameOffset);
    const decoded = decodeFrame(first);
    if (decoded !== Decode.Ok && decoded < Decode.TruncatedL4) return;
    const inIf = datagrams.queues.get(queue, Queue.InIf);
    if (first.family === 4 && this.routes.lookup(first, inIf, 0) !== RouteKind.Local) return;
    this.answerer.reassemblyTimedOut(first, inIf);
  }

  private countAbandoned(family: Reassembler, reason: DropReasonCode): void {
    const { datagrams } = family;
    if (datagrams.abandoned === 0) return;
    this.counters.dropped += datagrams.abandoned;
    this.drops[reason]! += datagrams.abandoned;
    datagrams.abandoned = 0;
  }
}

/** Indexed by `Gathered`. */
const reasons: readonly DropReasonCode[] = [
  DropReason.None,
  DropReason.None,
  DropReason.None,
  DropReason.FragmentOverlap,
  DropReason.FragmentInvalid,
  DropReason.FragmentOverflow,
  DropReason.FragmentDuplicate,
];

/** Why the fragments went that were waiting for the one in hand. */
function abandonedBy(gathered: GatheredCode): DropReasonCode {
  if (gathered === Gathered.AsIs) return DropReason.FragmentInvalid;
  const reason = reasons[gathered]!;
  return reason === DropReason.None ? DropReason.FragmentStale : reason;
}

/**
 * What must not be mixed: other protocols (IPv4), what this host sends, and addresses that mean
 * something on one link only. No zone: it is not known before the raw table.
 */
function kindOf(packet: Packet, hook: HookCode, inIf: number): number {
  const kind = ((hook & 7) << 8) | (packet.family === 4 ? packet.protocol : 0);
  if (packet.family === 4) return kind;
  const onLink = (packet.dst0 & 0xffc0_0000) === IPV6_LINK_LOCAL || packet.dst0 >>> 24 === 0xff;
  return onLink ? kind | ((inIf + 1) << 12) : kind;
}
