import { Direction, type DirectionCode, ExpectResult, Status } from '../../../conntrack/index.ts';
import { replacePayload } from '../../../nat/index.ts';
import { type Packet, Proto } from '../../../wire/index.ts';
import { HelperVerdict, type HelperVerdictCode } from '../../helper.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpCounters } from '../report.ts';
import { KernelExpectations } from './expectation.ts';
import { LineStarts } from './line-starts.ts';
import { Found, Search } from './search.ts';
import { NumbersWriter } from './write.ts';

const LF = 0x0a;

/**
 * The twin of nf_conntrack_ftp and nf_nat_ftp of Linux 6.18: what they let through, drop, expect and
 * rewrite, odd as it may be. It looks at segments, not at lines: an announcement counts only at the
 * start of a segment that continues one which ended in LF.
 */
export class KernelFtp {
  /** Segments whose payload was changed. */
  edited = 0;
  readonly loose: boolean;
  private readonly parts: FtpParts;
  private readonly counters: FtpCounters;
  private readonly lineStarts = new Map<number, LineStarts>();
  private readonly search = new Search();
  private readonly expectations: KernelExpectations;
  private readonly writer = new NumbersWriter();
  /** The address that takes the place of the announced one under NAT. */
  private readonly seen = new Int32Array(4);

  /** `loose`: third parties may be announced (the module's parameter of that name). */
  constructor(parts: FtpParts, loose: boolean, counters: FtpCounters) {
    this.parts = parts;
    this.loose = loose;
    this.counters = counters;
    this.expectations = new KernelExpectations(parts);
  }

  handle(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    if (packet.protocol !== Proto.Tcp || packet.payloadLen === 0) return HelperVerdict.Accept;
    if (!this.isEstablished(row, direction)) return HelperVerdict.Accept;
    // Both before anything is rewritten: places are counted as the sender counts.
    const endsLine = packet.bytes[packet.payloadOffset + packet.payloadLen - 1] === LF;
    const next = (packet.seq + packet.payloadLen) | 0;
    let verdict: HelperVerdictCode = HelperVerdict.Accept;
    if (this.lineStarts.get(row)?.begins(direction, packet.seq) === true) {
      const found = this.find(packet, row, direction);
      // Not learnt from: what follows a partial match is never looked at.
      if (found === Found.Partial) return HelperVerdict.Drop;
      if (found === Found.Announcement) verdict = this.announce(packet, row, direction);
    }
    if (endsLine) this.startsOf(row).learn(direction, next);
    return verdict;
  }

  /**
   * The connection in `row` was entered by a command, with this helper: the first segment of either
   * end counts as the start of a line (NF_CT_FTP_SEQ_PICKUP).
   */
  pickUp(row: number): void {
    this.startsOf(row).pickUp();
  }

  forget(row: number): void {
    this.lineStarts.delete(row);
  }

  /** Seen both ways: a packet of the original direction counts once a reply has been seen. */
  private isEstablished(row: number, direction: DirectionCode): boolean {
    if (direction === Direction.Reply) return true;
    return this.parts.conntrack.table.hasStatus(row, Status.SeenReply);
  }

  private startsOf(row: number): LineStarts {
    let starts = this.lineStarts.get(row);
    if (starts === undefined) {
      starts = new LineStarts();
      this.lineStarts.set(row, starts);
    }
    return starts;
  }

  private find(packet: Packet, row: number, direction: DirectionCode) {
    const { bytes, payloadOffset: start, payloadLen } = packet;
    this.expectations.look(row, direction);
    return this.search.run(bytes, start, start + payloadLen, direction, this.expectations.sent);
  }

  private announce(packet: Packet, row: number, direction: DirectionCode): HelperVerdictCode {
    const { expectations, search } = this;
    if (!this.loose && !expectations.isOwn(search.out)) return HelperVerdict.Accept;
    if (this.parts.conntrack.table.hasStatus(row, Status.SrcNat | Status.DstNat)) {
      return this.announceTranslated(packet, row, direction);
    }
    const result = expectations.add(search.out, search.out.port, false);
    if (result !== ExpectResult.Ok) return HelperVerdict.Drop;
    this.counters.announced++;
    return HelperVerdict.Accept;
  }

  private announceTranslated(
    packet: Packet,
    row: number,
    direction: DirectionCode,
  ): HelperVerdictCode {
    const port = this.expectations.addAnywhere(this.search.out);
    if (port === 0) return HelperVerdict.Drop;
    if (!this.rewrite(packet, row, direction, port)) {
      this.expectations.withdraw();
      return HelperVerdict.Drop;
    }
    this.counters.announced++;
    return HelperVerdict.Accept;
  }

  /** Puts the numbers in, also where they are the same: every form becomes the usual one. */
  private rewrite(packet: Packet, row: number, direction: DirectionCode, port: number): boolean {
    const { writer, search, seen } = this;
    const { kind, numbersStart, numbersEnd } = search.out;
    this.expectations.seenAddress(seen);
    const newLen = writer.write(kind, this.expectations.sent.family, seen, port);
    const oldLen = numbersEnd - numbersStart;
    const isOther = !standsAt(packet.bytes, numbersStart, oldLen, writer.text, newLen);
    if (!replacePayload(packet, numbersStart, oldLen, writer.text, newLen)) return false;
    if (newLen !== oldLen) this.shift(packet.seq, row, direction, newLen - oldLen);
    if (isOther) {
      this.edited++;
      this.counters.rewritten++;
    }
    return true;
  }

  /**
   * The kernel counts everything behind the first byte of the segment as moved, wherever in it the
   * numbers stand (nf_ct_seqadj_set): that is one byte which has grown, or some that became one.
   */
  private shift(seq: number, row: number, direction: DirectionCode, delta: number): void {
    const adjust = this.parts.seqAdjust.ensure(row);
    if (delta > 0) adjust.record(direction, seq, 1, 1 + delta);
    else adjust.record(direction, seq, 1 - delta, 1);
  }
}

function standsAt(
  bytes: Uint8Array,
  at: number,
  length: number,
  text: Uint8Array,
  textLen: number,
): boolean {
  if (length !== textLen) return false;
  for (let i = 0; i < length; i++) {
    if (bytes[at + i] !== text[i]) return false;
  }
  return true;
}
