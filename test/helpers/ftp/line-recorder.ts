import { type LineSink, LineTracker } from '../../../src/helpers/ftp/lines.ts';
import { bytesOf, textOf } from './support.ts';

export type Found = [
  what: 'line' | 'unfinished' | 'overLong',
  text: string,
  seq: number,
  carried: number,
];

/** Writes down what it is told, and where the bytes were: in the segment or in the tracker. */
export class Recorder implements LineSink {
  found: Found[] = [];
  inPlace: boolean[] = [];
  segment: Uint8Array | null = null;

  line(bytes: Uint8Array, start: number, end: number, seq: number, carried: number): void {
    this.found.push(['line', textOf(bytes, start, end), seq, carried]);
    this.inPlace.push(bytes === this.segment);
  }

  unfinished(bytes: Uint8Array, start: number, end: number, seq: number, carried: number): void {
    this.found.push(['unfinished', textOf(bytes, start, end), seq, carried]);
    this.inPlace.push(bytes === this.segment);
  }

  overLong(seq: number): void {
    this.found.push(['overLong', '', seq, 0]);
  }

  take(): Found[] {
    return this.found.splice(0);
  }
}

/** Feeds a text from the middle of a dirty buffer. */
export function feed(tracker: LineTracker, sink: Recorder, text: string, seq: number): Found[] {
  const bytes = new Uint8Array(text.length + 10).fill(0x0a);
  bytes.set(bytesOf(text), 5);
  sink.segment = bytes;
  tracker.feed(bytes, 5, 5 + text.length, seq, sink);
  return sink.take();
}

/** A tracker that expects the first byte of a line at `seq`. */
export function started(seq: number): [LineTracker, Recorder] {
  return [new LineTracker(seq), new Recorder()];
}
