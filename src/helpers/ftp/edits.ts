import type { DirectionCode } from '../../conntrack/index.ts';
import { overwritePayload, replacePayload } from '../../nat/index.ts';
import { type Packet, seqDiff } from '../../wire/index.ts';

/** Edits remembered per direction: enough for every line that may still be retransmitted. */
const EDITS_KEPT = 64;
/** An edit this many bytes back can not be meant by a sequence number any more. */
const FORGET_AFTER_BYTES = 1 << 30;

/** One replacement in one direction's byte stream, in the sender's own sequence numbers. */
interface Edit {
  readonly seq: number;
  readonly oldLen: number;
  /** What stands in its place; null where the bytes must never pass. */
  readonly bytes: Uint8Array | null;
}

export const EditOutcome = { Unchanged: 0, Changed: 1, MustNotPass: 2 } as const;
export type EditOutcomeCode = 0 | 1 | 2;

/**
 * What was changed in the lines of one direction. Kept so that a retransmitted line gets the same
 * bytes again: the receiver may have seen either copy.
 */
export class EditLog {
  /** In the order of the stream. */
  private readonly edits: Edit[] = [];
  /** End of the newest edit that has been forgotten; what begins before it cannot be translated. */
  private forgottenEnd: number | null = null;

  replace(seq: number, oldLen: number, bytes: Uint8Array): void {
    this.add({ seq, oldLen, bytes });
  }

  block(seq: number, length: number): void {
    this.add({ seq, oldLen: length, bytes: null });
  }

  private add(edit: Edit): void {
    let at = this.edits.length;
    while (at > 0 && seqDiff(this.edits[at - 1]!.seq, edit.seq) > 0) at--;
    this.edits.splice(at, 0, edit);
    if (this.edits.length <= EDITS_KEPT) return;
    const oldest = this.edits.shift()!;
    this.forgottenEnd = (oldest.seq + oldest.oldLen) | 0;
  }

  /** Makes every remembered edit that lies in the segment, the last first so that offsets hold. */
  apply(packet: Packet): EditOutcomeCode {
    if (this.isForgotten(packet.seq)) return EditOutcome.MustNotPass;
    let outcome: EditOutcomeCode = EditOutcome.Unchanged;
    const { seq, payloadLen, payloadOffset } = packet;
    for (let i = this.edits.length - 1; i >= 0; i--) {
      const edit = this.edits[i]!;
      const offset = seqDiff(edit.seq, seq);
      if (offset + edit.oldLen <= 0 || offset >= payloadLen) continue;
      if (!applyOne(packet, payloadOffset, payloadLen, offset, edit)) {
        return EditOutcome.MustNotPass;
      }
      outcome = EditOutcome.Changed;
    }
    return outcome;
  }

  private isForgotten(seq: number): boolean {
    if (this.forgottenEnd === null) return false;
    const behind = seqDiff(this.forgottenEnd, seq);
    if (behind < -FORGET_AFTER_BYTES) this.forgottenEnd = null;
    return behind > 0;
  }
}

/** One edit at `offset` of a payload; false where the segment must not go on. */
function applyOne(
  packet: Packet,
  payloadOffset: number,
  payloadLen: number,
  offset: number,
  { oldLen, bytes }: Edit,
): boolean {
  if (bytes === null) return false;
  if (oldLen === bytes.length) {
    const from = Math.max(0, -offset);
    const to = Math.min(oldLen, payloadLen - offset);
    overwritePayload(packet, payloadOffset + offset + from, bytes.subarray(from, to), to - from);
    return true;
  }
  // Only a part of the replaced bytes: there is no sensible part of the replacement.
  if (offset < 0 || offset + oldLen > payloadLen) return false;
  return replacePayload(packet, payloadOffset + offset, oldLen, bytes, bytes.length);
}

/** The two directions' logs, by direction code. */
export type EditLogs = readonly [EditLog, EditLog];

export function logOf(logs: EditLogs, direction: DirectionCode): EditLog {
  return direction === 0 ? logs[0] : logs[1];
}
