import { CapturedFrame, type CaptureReader } from '../../../datapath/index.ts';

/**
 * The second of two readers of one file: gives out again the frame that the first has read last, so
 * that both see the same packets in step, also where the file is a pipe.
 */
export class FrameTap {
  readonly first: CaptureReader;
  readonly second: CaptureReader;
  private readonly last = new CapturedFrame();
  private hasFrame = false;

  constructor(source: CaptureReader) {
    this.first = this.tapOf(source, (frame) => {
      this.hasFrame = source.next(this.last);
      return this.give(frame);
    });
    this.second = this.tapOf(source, (frame) => this.give(frame));
  }

  private give(frame: CapturedFrame): boolean {
    if (this.hasFrame) Object.assign(frame, this.last);
    return this.hasFrame;
  }

  private tapOf(source: CaptureReader, next: CaptureReader['next']): CaptureReader {
    return {
      format: source.format,
      get interfaces() {
        return source.interfaces;
      },
      get framesRead() {
        return source.framesRead;
      },
      get truncated() {
        return source.truncated;
      },
      get truncation() {
        return source.truncation;
      },
      next,
    };
  }
}
