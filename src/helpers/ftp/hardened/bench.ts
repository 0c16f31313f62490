import type { DirectionCode } from '../../../conntrack/index.ts';
import { FtpAnnouncement } from '../grammar/grammar.ts';
import { quoteLine } from '../grammar/quote.ts';
import { MAX_ANNOUNCEMENT_BYTES, writeAnnouncement } from '../grammar/write.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpRefusalAction } from '../policy.ts';
import type { RefusalCounts } from '../refusal-counts.ts';
import type { FtpCounters, FtpListener, FtpReasonName } from '../report.ts';
import { LineVerdict, type LineVerdictCode, type StreamLine } from '../stream/line.ts';
import { LineBody } from './body.ts';
import type { Control } from './control.ts';
import { PinholeMaker } from './pinhole-maker.ts';
import { strike } from './strike.ts';

/** How a line is to be refused. */
export interface Refusing {
  readonly direction: DirectionCode;
  readonly kind: string;
  readonly reason: FtpReasonName;
  readonly wanted: FtpRefusalAction;
  /** Overwriting what is left of the line would not undo it any more. */
  readonly isTooLate?: boolean;
  /** Everything is overwritten, not the verb alone. */
  readonly wholly?: boolean;
}

/** What all control connections of one helper work with. */
export class Bench {
  readonly announcement = new FtpAnnouncement();
  readonly maker: PinholeMaker;
  readonly body = new LineBody();
  readonly counters: FtpCounters;
  readonly refusals: RefusalCounts;
  listener: FtpListener | null = null;
  private readonly text = new Uint8Array(MAX_ANNOUNCEMENT_BYTES);

  constructor(parts: FtpParts, counters: FtpCounters, refusals: RefusalCounts) {
    this.maker = new PinholeMaker(parts);
    this.counters = counters;
    this.refusals = refusals;
  }

  /** Reports and counts a line, after doing about it what is wanted. */
  refuse(control: Control, line: StreamLine, how: Refusing): LineVerdictCode {
    const wanted = control.isObserved[how.direction] ? 'pass' : how.wanted;
    const { verdict, action } = strike(line, wanted, how.isTooLate === true, how.wholly === true);
    this.counters.refused++;
    if (action !== 'pass') this.counters.rejected++;
    control.count(this.refusals, how.reason);
    this.listener?.announcementRefused({
      row: control.row,
      kind: how.kind,
      reason: how.reason,
      line: quoteLine(line.bytes, line.start, line.end),
      action,
    });
    return verdict;
  }

  /**
   * Puts the endpoint that `maker` has chosen into the line in hand, in the plain form in which all
   * servers read the same in it.
   */
  rewrite(line: StreamLine, isPlain = true): LineVerdictCode {
    const { announcement, maker, body, text } = this;
    if (isPlain && !maker.differs(announcement) && !body.isStripped) return LineVerdict.Pass;
    const { kind, delimiter, family, numbersStart, numbersEnd } = announcement;
    const { w0, w1, w2, w3, port } = maker;
    const written = writeAnnouncement(kind, family, w0, w1, w2, w3, port, delimiter, text, 0);
    const before = numbersStart - body.start;
    const after = body.end - numbersEnd;
    const whole = new Uint8Array(before + written + after);
    whole.set(body.bytes.subarray(body.start, numbersStart));
    whole.set(text.subarray(0, written), before);
    whole.set(body.bytes.subarray(numbersEnd, body.end), before + written);
    line.replacement = line.passed === 0 ? whole : whole.subarray(line.passed);
    this.counters.rewritten++;
    return LineVerdict.Replace;
  }

  /** True where the bytes that `rewrite` would change have begun to pass. */
  isTooLateToRewrite(line: StreamLine): boolean {
    const { announcement, body } = this;
    if (line.passed === 0) return false;
    return body.isStripped || announcement.numbersStart - body.start < line.passed;
  }
}
