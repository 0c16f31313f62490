import type { EncryptedEventDto, ExpectDto, TupleDto } from '../../control/index.ts';
import type { FtpRefusal } from '../../helpers/index.ts';
import type { PacketReport, ReplayReporter, Totals } from './report.ts';

/** One object a line on stdout. */
export class JsonReporter implements ReplayReporter {
  private readonly write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.write = write;
  }

  packet(report: PacketReport): void {
    const { n, time, verdict, reason, ctstate, rewritten, rule, invalid } = report;
    const why = ctstate === 'INVALID' ? { invalid } : {};
    this.put({ type: 'packet', n, time, verdict, reason, ctstate, rewritten, rule, ...why });
  }

  connection(): void {
    // Connections are told by the packets; --json has no object for them.
  }

  expectation(n: number, event: 'NEW' | 'DESTROY', entry: ExpectDto): void {
    const { kind, src, dst, dport, master } = entry;
    this.put({ type: 'expect', event, n, kind, src, dst, dport, master });
  }

  refusal(n: number, refusal: FtpRefusal, master: TupleDto): void {
    const { kind, reason, line, action } = refusal;
    this.put({ type: 'refused', n, kind, reason, line, action, master });
  }

  encrypted(n: number, { server, passiveRange, master }: EncryptedEventDto): void {
    this.put({ type: 'encrypted', n, server, passiveRange, master });
  }

  summary(totals: Totals): void {
    this.put({ type: 'summary', ...totals });
  }

  private put(object: unknown): void {
    this.write(`${JSON.stringify(object)}\n`);
  }
}
