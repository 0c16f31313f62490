import type { EncryptedEventDto, EventLog, HelperEventDto } from '../../control/index.ts';
import { endText } from '../end-text.ts';
import { encryptedAdvice, encryptedText } from '../ftp/index.ts';

export type LogFormat = 'text' | 'json';
export const logFormats = ['text', 'json'] as const;

/** Lines of one kind written in a second; beyond that they are counted and summed up. */
const LINES_PER_SECOND = 20;

/** Names of the syslog levels, as `-j LOG --log-level` takes them. */
const levels = ['emerg', 'alert', 'crit', 'error', 'warning', 'notice', 'info', 'debug'];

/**
 * The gateway's log: one line an event, as text or as JSON objects. Whatever a stranger's packets
 * can cause is rationed, so that nobody fills the disk of a gateway.
 */
export class GatewayLog implements EventLog {
  private readonly format: LogFormat;
  private readonly write: (line: string) => void;
  private readonly now: () => number;
  private readonly budgets = new Map<string, { second: number; left: number; lost: number }>();

  /** @param now Unix time in milliseconds */
  constructor(format: LogFormat, write: (line: string) => void, now: () => number) {
    this.format = format;
    this.write = write;
    this.now = now;
  }

  info(message: string): void {
    this.put('info', 'message', message, { message });
  }

  warn(message: string): void {
    this.put('warning', 'message', `warning: ${message}`, { message });
  }

  error(message: string): void {
    this.put('error', 'message', `error: ${message}`, { message });
  }

  /** A message about a rule file: it names place and severity itself. */
  aboutRules(level: 'warning' | 'error', message: string): void {
    this.put(level, 'rules', message, { message });
  }

  refused(event: HelperEventDto): void {
    if (!this.mayWrite('refused')) return;
    const { kind, reason, line, master } = event;
    const { src, dst, sport = 0, dport = 0 } = master;
    const session = `${endText(src, sport)} > ${endText(dst, dport)}`;
    this.put('warning', 'refused', `ftp: refused ${kind} (${reason}) on ${session}: "${line}"`, {
      helper: event.helper,
      kind,
      reason,
      line,
      master,
    });
  }

  encrypted(event: EncryptedEventDto): void {
    if (!this.mayWrite('encrypted')) return;
    const { helper, master, server, passiveRange } = event;
    const advice = encryptedAdvice(event);
    const fields = { helper, master, server, passiveRange, advice };
    this.put('warning', 'encrypted', `ftp: ${encryptedText(event)}`, fields);
  }

  ruleLog(line: string, level: number): void {
    if (!this.mayWrite('rule-log')) return;
    this.put(levels[level] ?? 'warning', 'log', line.trimEnd(), { line });
  }

  private mayWrite(kind: string): boolean {
    const second = Math.floor(this.now() / 1000);
    const budget = this.budgets.get(kind) ?? { second, left: LINES_PER_SECOND, lost: 0 };
    this.budgets.set(kind, budget);
    if (budget.second !== second) {
      if (budget.lost > 0) this.warn(`${budget.lost} lines of kind ${kind} were not logged`);
      Object.assign(budget, { second, left: LINES_PER_SECOND, lost: 0 });
    }
    if (budget.left > 0) {
      budget.left--;
      return true;
    }
    budget.lost++;
    return false;
  }

  private put(level: string, event: string, text: string, fields: Record<string, unknown>): void {
    const time = new Date(this.now()).toISOString();
    this.write(
      this.format === 'json'
        ? `${JSON.stringify({ time, level, event, ...fields })}\n`
        : `${time} ${text}\n`,
    );
  }
}
