import type { DirectionCode } from '../../conntrack/index.ts';
import { overwritePayload, replacePayload } from '../../nat/index.ts';
import { type Packet, seqDiff } from '../../wire/index.ts';

/** Edits remembered per direction: enough for every line that may still be retransmitted. */
const EDITS_KEPT = 16;

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
  private readonly edits: Edit[] = [];

  replace(seq: number, oldLen: number, bytes: Uint8Array): void {
    this.add({ seq, oldLen, bytes });
  }

  block(seq: number, length: number): void {
    this.add({ seq, oldLen: length, bytes: null });
  }

  private add(edit: Edit): void {
    this.edits.push(edit);
    if (this.edits.length > EDITS_KEPT) this.edits.shift();
  }

  /** Makes every remembered edit that lies in the segment, the last first so that offsets hold. */
  apply(packet: Packet): EditOutcomeCode {
    let outcome: EditOutcomeCode = EditOutcome.Unchanged;
    const { seq, payloadLen, payloadOffset } = packet;
    for (let i = this.edits.length - 1; i >= 0; i--) {
      const edit = this.edits[i]!;
      const offset = seqDiff(edit.seq, seq);
      if (offset + edit.oldLen <= 0 || offset >= payloadLen) continue;
      // Only a part of the replaced bytes: there is no sensible part of the replacement.
      if (edit.bytes === null || offset < 0 || offset + edit.oldLen > payloadLen) {
        return EditOutcome.MustNotPass;
      }
      if (!applyOne(packet, payloadOffset + offset, edit.oldLen, edit.bytes)) {
        return EditOutcome.MustNotPass;
      }
      outcome = EditOutcome.Changed;
    }
    return outcome;
  }
}

function applyOne(packet: Packet, at: number, oldLen: number, bytes: Uint8Array): boolean {
  if (oldLen !== bytes.length) return replacePayload(packet, at, oldLen, bytes, bytes.length);
  overwritePayload(packet, at, bytes, oldLen);
  return true;
}

/** The two directions' logs, by direction code. */
export type EditLogs = readonly [EditLog, EditLog];

export function logOf(logs: EditLogs, direction: DirectionCode): EditLog {
  return direction === 0 ? logs[0] : logs[1];
}
