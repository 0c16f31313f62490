/**
 * The documented difference of sequence adjustment: the kernel keeps one place and two offsets for
 * each direction (nf_conntrack_seqadj.c), the engine every recent change with its length. They agree
 * on numbers between the last two changes and behind them, not on numbers inside of replaced bytes or
 * before an earlier change: there the kernel counts what has not been replaced yet.
 */
import type { SeenPacket } from '../../../support/seen.ts';
import type { Excuse } from './compare.ts';
import type { Shot } from './ends.ts';

type ControlShot = NonNullable<Shot['control']>;

interface Change {
  /** Where the segment begins, as its sender counts, and as the receiver does. */
  readonly start: number;
  readonly newStart: number;
  readonly oldLen: number;
  readonly newLen: number;
}

const isAfter = (a: number, b: number) => ((a - b) | 0) > 0;

/** Replacements in the bytes that one end sends. */
class Replacements {
  private readonly changes: Change[] = [];

  note(sent: SeenPacket, left: SeenPacket): void {
    if (sent.text === left.text) return;
    const last = this.changes.at(-1);
    // What was replaced before is not counted again.
    if (last !== undefined && !isAfter(sent.seq, last.start)) return;
    this.changes.push({
      start: sent.seq,
      newStart: left.seq,
      oldLen: sent.payload.length,
      newLen: left.payload.length,
    });
  }

  isOld(number: number, counted: 'by sender' | 'by receiver'): boolean {
    const places = this.changes.map((change) =>
      counted === 'by sender'
        ? { start: change.start, end: change.start + change.oldLen }
        : { start: change.newStart, end: change.newStart + change.newLen },
    );
    const isInside = places.some(
      ({ start, end }) => isAfter(number, start) && isAfter(end, number),
    );
    const longer = places.filter((_, i) => this.changes[i]!.oldLen !== this.changes[i]!.newLen);
    const earlier = longer.at(-2);
    return isInside || (earlier !== undefined && !isAfter(number, earlier.start));
  }
}

/** Both directions of the control connections of one dialogue. */
export class OldNumbers {
  private readonly streams = new Map<string, Replacements>();

  /** Whether the number or the acknowledgement of a segment may come out otherwise. */
  excuse(sent: SeenPacket, { clientPort, fromClient }: ControlShot): Excuse {
    return {
      seq: this.stream(clientPort, fromClient).isOld(sent.seq, 'by sender'),
      ack: this.stream(clientPort, !fromClient).isOld(sent.ack, 'by receiver'),
    };
  }

  note(sent: SeenPacket, left: SeenPacket, { clientPort, fromClient }: ControlShot): void {
    this.stream(clientPort, fromClient).note(sent, left);
  }

  private stream(clientPort: number, fromClient: boolean): Replacements {
    const key = `${clientPort} ${fromClient}`;
    const known = this.streams.get(key) ?? new Replacements();
    this.streams.set(key, known);
    return known;
  }
}
