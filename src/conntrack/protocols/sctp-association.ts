import { Direction, type DirectionCode } from '../constants.ts';
import { Field } from '../fields.ts';
import type { ConntrackTable } from '../table.ts';

/** Words of a row that are the SCTP tracker's. */
export const SctpWord = {
  /** Verification tag of packets in the original direction, 0 while it is not known. */
  TagOriginal: Field.Track,
  /** The same of packets in the reply direction. */
  TagReply: Field.Track + 1,
  Flags: Field.Track + 2,
} as const;

/**
 * A tag of the wire as conntrack(8) shows it, or back: it takes its bytes for a number of its own
 * machine, the first for the lowest. Unsigned.
 */
export function shownSctpTag(tag: number): number {
  const swapped = (tag << 24) | ((tag & 0xff00) << 8) | ((tag >>> 8) & 0xff00) | (tag >>> 24);
  return swapped >>> 0;
}

/** Bits of `SctpWord.Flags`. The first two are shifted by the direction. */
const INIT_SENT = 1;
const HEARTBEAT_ASTRAY = 4;
const ASTRAY_FROM_REPLY = 8;

/**
 * What is remembered of one association, taken out of its row for the time of a packet. Tags are
 * signed 32-bit numbers.
 */
export class SctpAssociation {
  state = 0;
  private tagOriginal = 0;
  private tagReply = 0;
  private flags = 0;

  clear(): void {
    this.state = 0;
    this.tagOriginal = 0;
    this.tagReply = 0;
    this.flags = 0;
  }

  load(table: ConntrackTable, row: number): void {
    this.state = table.get(row, Field.State);
    this.tagOriginal = table.get(row, SctpWord.TagOriginal);
    this.tagReply = table.get(row, SctpWord.TagReply);
    this.flags = table.get(row, SctpWord.Flags);
  }

  store(table: ConntrackTable, row: number): void {
    table.set(row, Field.State, this.state);
    table.set(row, SctpWord.TagOriginal, this.tagOriginal);
    table.set(row, SctpWord.TagReply, this.tagReply);
    table.set(row, SctpWord.Flags, this.flags);
  }

  /** The tag that packets of a direction carry. */
  tag(direction: DirectionCode): number {
    return direction === Direction.Original ? this.tagOriginal : this.tagReply;
  }

  setTag(direction: DirectionCode, tag: number): void {
    if (direction === Direction.Original) this.tagOriginal = tag;
    else this.tagReply = tag;
  }

  /** True where an INIT of that direction awaits the end of its handshake. */
  hasInit(direction: DirectionCode): boolean {
    return (this.flags & (INIT_SENT << direction)) !== 0;
  }

  get hasBothInits(): boolean {
    return this.hasInit(Direction.Original) && this.hasInit(Direction.Reply);
  }

  /** Notes an INIT. Where both ends had sent one, a new one takes the place of the other's. */
  noteInit(direction: DirectionCode): void {
    if (this.hasBothInits) this.forgetInits();
    this.flags |= INIT_SENT << direction;
  }

  forgetInits(): void {
    this.flags &= ~(INIT_SENT | (INIT_SENT << 1));
  }

  /** A heartbeat had a tag that is not the association's: its end may have begun anew. */
  noteAstray(direction: DirectionCode): void {
    this.flags |= HEARTBEAT_ASTRAY;
    if (direction === Direction.Reply) this.flags |= ASTRAY_FROM_REPLY;
    else this.flags &= ~ASTRAY_FROM_REPLY;
  }

  /** True where the last heartbeat of the other direction went astray. */
  answersAstray(direction: DirectionCode): boolean {
    if ((this.flags & HEARTBEAT_ASTRAY) === 0) return false;
    const from = (this.flags & ASTRAY_FROM_REPLY) === 0 ? Direction.Original : Direction.Reply;
    return from !== direction;
  }

  forgetAstray(): void {
    this.flags &= ~HEARTBEAT_ASTRAY;
  }
}
