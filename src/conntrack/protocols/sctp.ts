import type { Clock } from '../../base/index.ts';
import { type Packet, sctpTag } from '../../wire/index.ts';
import { Direction, type DirectionCode, Status } from '../constants.ts';
import { TrackReason, type TrackReasonCode } from '../reasons.ts';
import type { ConntrackTable } from '../table.ts';
import { SctpState, type Timeouts } from '../timeouts.ts';
import { type ProtocolTracker, Tracked, type TrackedCode } from '../tracked.ts';
import { SctpAssociation } from './sctp-association.ts';
import {
  BAD_CHUNKS,
  chunkType,
  firstChunk,
  hasReflectedTag,
  initiateTag,
  isWholeInit,
  maskOf,
  nextChunk,
  surveyChunks,
} from './sctp-chunks.ts';
import { Chunk, SCTP_INVALID, sctpTransition } from './sctp-states.ts';

/** Out of the blue, these start nothing (RFC 9260 section 8.4). */
const NEVER_FIRST = maskOf(Chunk.Abort, Chunk.ShutdownComplete, Chunk.CookieAck);
/** A packet with one of these has its tag checked chunk by chunk, if at all. */
const OWN_TAG_RULES = maskOf(
  Chunk.Init,
  Chunk.ShutdownComplete,
  Chunk.CookieEcho,
  Chunk.Abort,
  Chunk.ShutdownAck,
  Chunk.Heartbeat,
  Chunk.HeartbeatAck,
);
const HAS_DATA = maskOf(Chunk.Data);

/** What a tag says of its chunk. */
const Fit = { No: 0, Yes: 1, /** Let pass, but no step of the state machine. */ Aside: 2 } as const;
type FitCode = (typeof Fit)[keyof typeof Fit];

/** SCTP: nf_conntrack_proto_sctp.c. */
export class SctpTracker implements ProtocolTracker {
  readonly reason: TrackReasonCode = TrackReason.SctpInvalid;
  private readonly table: ConntrackTable;
  private readonly clock: Clock;
  private readonly association = new SctpAssociation();
  // Of the packet in hand.
  private direction: DirectionCode = Direction.Original;
  private tag = 0;
  private seen = 0;
  private isFirst = false;
  private changed = false;
  private established = false;
  /** Whether it is to be let pass without lengthening the association's life. */
  private leavesTime = false;

  constructor(table: ConntrackTable, clock: Clock) {
    this.table = table;
    this.clock = clock;
  }

  startRefusal(packet: Packet): TrackReasonCode {
    const begins = this.take(packet, Direction.Original, true) && this.begin(packet);
    return begins && this.walk(packet) ? TrackReason.None : TrackReason.SctpInvalid;
  }

  start(): void {}

  follow(row: number, direction: DirectionCode, packet: Packet, timeouts: Timeouts): TrackedCode {
    const { table, association } = this;
    const isFirst = !table.hasStatus(row, Status.Confirmed);
    if (!this.take(packet, direction, isFirst)) return Tracked.Invalid;
    if (!isFirst) association.load(table, row);
    else if (!this.begin(packet)) return Tracked.Invalid;
    const fits = this.walk(packet);
    // What the chunks before a bad one have changed stays changed.
    association.store(table, row);
    if (this.established) table.addStatus(row, Status.Assured);
    if (!fits) return Tracked.Invalid;
    if (this.leavesTime) return Tracked.Uncounted;
    table.refresh(row, this.clock, timeouts.sctp[association.state]!);
    return this.changed ? Tracked.Changed : Tracked.Ok;
  }

  /** Makes a packet the one in hand. False where its chunks may not stand together. */
  private take(packet: Packet, direction: DirectionCode, isFirst: boolean): boolean {
    this.direction = direction;
    this.tag = sctpTag(packet);
    this.seen = surveyChunks(packet);
    this.isFirst = isFirst;
    this.changed = false;
    this.established = false;
    this.leavesTime = false;
    return this.seen !== BAD_CHUNKS;
  }

  /** A new association as its first packet tells of it. False where that may not be the first. */
  private begin(packet: Packet): boolean {
    const { association } = this;
    association.clear();
    if ((this.seen & NEVER_FIRST) !== 0) return false;
    for (let at = firstChunk(packet); at >= 0; at = nextChunk(packet, at)) {
      const type = chunkType(packet, at);
      if (sctpTransition(Direction.Original, type, SctpState.None) === SctpState.None) return false;
      if (type === Chunk.Init) {
        if (this.tag !== 0 || !isWholeInit(packet, at)) return false;
        association.setTag(Direction.Reply, initiateTag(packet, at));
      } else if (type === Chunk.Heartbeat) {
        association.setTag(Direction.Original, this.tag);
      } else if (type === Chunk.ShutdownAck) {
        // Answered by a SHUTDOWN COMPLETE that reflects the tag (RFC 9260 section 8.4).
        association.setTag(Direction.Reply, this.tag);
      }
    }
    return true;
  }

  /** Takes the association through the packet's chunks. False at one that does not fit. */
  private walk(packet: Packet): boolean {
    const { association } = this;
    const wrongTag = this.tag !== association.tag(this.direction);
    if (wrongTag && (this.seen & OWN_TAG_RULES) === 0) return false;
    for (let at = firstChunk(packet); at >= 0; at = nextChunk(packet, at)) {
      const fit = this.tagFits(packet, at);
      if (fit === Fit.No) return false;
      if (fit === Fit.Yes && !this.step(packet, at)) return false;
    }
    return true;
  }

  /** The verification tag against the rules of each chunk (RFC 9260 section 8.5.1). */
  private tagFits(packet: Packet, at: number): FitCode {
    const { association, direction } = this;
    switch (chunkType(packet, at)) {
      case Chunk.Init:
        return this.tag === 0 ? Fit.Yes : Fit.No;
      case Chunk.Abort:
      case Chunk.ShutdownComplete: {
        const whose = hasReflectedTag(packet, at) ? opposite(direction) : direction;
        return this.tag === association.tag(whose) ? Fit.Yes : Fit.No;
      }
      case Chunk.CookieEcho:
        return this.tag === association.tag(direction) ? Fit.Yes : Fit.No;
      case Chunk.CookieAck:
        association.forgetInits();
        return Fit.Yes;
      case Chunk.Heartbeat:
        return this.heartbeatFits();
      case Chunk.HeartbeatAck:
        return this.heartbeatAckFits();
      default:
        return Fit.Yes;
    }
  }

  private heartbeatFits(): FitCode {
    if (this.isOwnTag()) return Fit.Yes;
    if (this.mayNotGoAstray()) return Fit.No;
    this.association.noteAstray(this.direction);
    this.leavesTime = true;
    return Fit.Aside;
  }

  /** The answer to a heartbeat that went astray proves its tag: the ends have begun anew. */
  private heartbeatAckFits(): FitCode {
    const { association, direction } = this;
    if (this.isOwnTag()) return Fit.Yes;
    if (this.mayNotGoAstray() || !association.answersAstray(direction)) return Fit.No;
    association.forgetAstray();
    association.setTag(direction, this.tag);
    association.setTag(opposite(direction), 0);
    return Fit.Yes;
  }

  /** True where the tag is that of the direction, or the first that is seen of it. */
  private isOwnTag(): boolean {
    const { association, direction } = this;
    const own = association.tag(direction);
    if (own === 0) association.setTag(direction, this.tag);
    else if (this.tag === own) association.forgetAstray();
    else return false;
    return true;
  }

  private mayNotGoAstray(): boolean {
    return (this.seen & HAS_DATA) !== 0 || this.leavesTime;
  }

  /** One chunk through the state machine. False where it has no place in it. */
  private step(packet: Packet, at: number): boolean {
    const { association } = this;
    const type = chunkType(packet, at);
    const before = association.state;
    const after = sctpTransition(this.direction, type, before);
    if (after === SCTP_INVALID) return false;
    if (type === Chunk.Init && !this.noteInit(packet, at, before, after)) return false;
    if (type === Chunk.InitAck && !this.noteInitAck(packet, at)) return false;
    association.state = after;
    if (after === before) return true;
    this.changed = true;
    if (after === SctpState.Established) this.established = true;
    return true;
  }

  private noteInit(packet: Packet, at: number, before: number, after: number): boolean {
    const { association, direction } = this;
    if (!isWholeInit(packet, at)) return false;
    const other = opposite(direction);
    const tag = initiateTag(packet, at);
    // One with the tag that is known is sent again or late, and no new beginning.
    if (before === SctpState.None || tag !== association.tag(other))
      association.noteInit(direction);
    association.setTag(other, tag);
    // Else knocking again and again would keep an entry alive that nobody answers.
    const knocksAgain = before === SctpState.Closed && after === SctpState.Closed;
    if (knocksAgain && !this.isFirst) this.leavesTime = true;
    return true;
  }

  private noteInitAck(packet: Packet, at: number): boolean {
    const { association, direction } = this;
    if (!isWholeInit(packet, at)) return false;
    const other = opposite(direction);
    const tag = initiateTag(packet, at);
    const known = association.tag(other);
    if (known !== tag) {
      // It answers nothing, or both ends began at once and this is not the one that lasts.
      if (!association.hasInit(other) && known !== 0) return false;
      if (association.hasBothInits) return false;
    }
    association.setTag(other, tag);
    return true;
  }
}

function opposite(direction: DirectionCode): DirectionCode {
  return direction === Direction.Original ? Direction.Reply : Direction.Original;
}
