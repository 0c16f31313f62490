import type { ConntrackDto, EncryptedEventDto, ExpectDto, TupleDto } from '../../control/index.ts';
import type { FtpRefusal } from '../../helpers/index.ts';
import { defaultFormat, formatEvent, formatExpectEvent } from '../conntrack/index.ts';
import { endText } from '../end-text.ts';
import { encryptedText } from '../ftp/index.ts';
import type { PacketReport, ReplayReporter, Totals } from './report.ts';

/** A line for each packet that is not simply let through, and for each change of a table. */
export class TextReporter implements ReplayReporter {
  private readonly write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.write = write;
  }

  packet(report: PacketReport): void {
    if (report.verdict === 'ACCEPT' && !report.rewritten) return;
    const change = report.verdict === 'ACCEPT' ? 'REWRITE' : report.verdict;
    const place = report.rule === null ? '' : ` at ${placeOf(report.rule)}`;
    const invalid = report.invalid === '' ? '' : ` (${report.invalid})`;
    const why = report.verdict === 'ACCEPT' ? '' : `: ${report.reason}${place}`;
    this.line(
      report.n,
      `${change} ${report.ctstate}${invalid} ${report.summary}${why}`,
      report.time,
    );
  }

  connection(n: number, event: 'NEW' | 'UPDATE' | 'DESTROY', entry: ConntrackDto): void {
    this.line(n, formatEvent({ event, time: 0, entry }, defaultFormat).trimEnd());
  }

  expectation(n: number, event: 'NEW' | 'DESTROY', entry: ExpectDto): void {
    const text = formatExpectEvent({ event, time: 0, entry }, defaultFormat).trimEnd();
    this.line(n, `${text} kind=${entry.kind}`);
  }

  refusal(n: number, refusal: FtpRefusal, master: TupleDto): void {
    const { kind, reason, line, action } = refusal;
    const { src, dst, sport = 0, dport = 0 } = master;
    const from = `${endText(src, sport)} > ${endText(dst, dport)}`;
    this.line(n, `REFUSED ${kind} ${reason} on ${from}, action ${action}: "${line}"`);
  }

  encrypted(n: number, event: EncryptedEventDto): void {
    this.line(n, `ENCRYPTED ${encryptedText(event)}`);
  }

  summary(totals: Totals): void {
    const held = totals.held > 0 ? `, ${totals.held} held` : '';
    this.write(
      `${totals.packets} packets: ${totals.accepted} accepted, ${totals.dropped} dropped ` +
        `(${totals.rejected} with an answer)${held}; ${totals.expectations} expectations, ` +
        `${totals.refused} announcements refused\n`,
    );
  }

  private line(n: number, text: string, time?: number): void {
    const at = time === undefined ? '' : ` ${time.toFixed(6)}`;
    this.write(`#${n}${at} ${text}\n`);
  }
}

function placeOf(rule: { file: string; line: number; table: string; chain: string }): string {
  return `${rule.file}:${rule.line} (${rule.table} ${rule.chain})`;
}
