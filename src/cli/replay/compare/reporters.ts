import { type Aspect, aspects, type Difference, type SideReport } from './difference.ts';

/** What a comparison has found in all. */
export interface ComparisonTotals {
  packets: number;
  differing: number;
  /** Packets that differ, by what they differ in. */
  readonly byAspect: Record<Aspect, number>;
  /** Expectations opened. */
  readonly opened: { kernel: number; hardened: number };
  /** Lines that the hardened mode refused, by reason. */
  readonly refused: Record<string, number>;
  /** Of these, refused with a packet about which the modes do not differ. */
  refusedWithoutEffect: number;
}

/** Where the findings go: text for people, or one JSON object a line. */
export interface ComparisonReporter {
  difference(difference: Difference): void;
  summary(totals: ComparisonTotals): void;
}

type Write = (text: string) => void;

/**
 *   #5 0.012345 tcp 192.168.1.10:40000 > 198.51.100.9:21
 *      payload: kernel "PORT 6,6,6,6,0,80"; hardened "XXXX 6,6,6,6,0,80"
 *      expectation 198.51.100.9 -> 6.6.6.6:80: kernel opens it; hardened never opened it
 *      hardened refuses PORT: address-mismatch, action reject: "PORT 6,6,6,6,0,80"
 */
export class TextComparison implements ComparisonReporter {
  private readonly write: Write;

  constructor(write: Write) {
    this.write = write;
  }

  difference(difference: Difference): void {
    const { n, time, kernel } = difference;
    const lines = [`#${n} ${time.toFixed(6)} ${kernel.summary}`];
    for (const line of detailLines(difference)) lines.push(`   ${line}`);
    this.write(`${lines.join('\n')}\n`);
  }

  summary(totals: ComparisonTotals): void {
    const { packets, differing, opened, refusedWithoutEffect } = totals;
    const found =
      differing === 0
        ? 'kernel and hardened mode agree'
        : `kernel and hardened mode differ about ${differing} (${countsText(totals.byAspect)})`;
    const reasons = countsText(totals.refused);
    const unseen = refusedWithoutEffect > 0 ? `; ${refusedWithoutEffect} without a difference` : '';
    const refused = reasons === '' ? 'refused nothing' : `refused lines: ${reasons}${unseen}`;
    this.write(
      `${packets} packets compared: ${found}\n` +
        `expectations opened: kernel ${opened.kernel}, hardened ${opened.hardened}; hardened ${refused}\n`,
    );
  }
}

function detailLines(difference: Difference): string[] {
  const { differs, kernel, hardened, expectations, refused } = difference;
  const both = (name: string, of: (side: SideReport) => string) =>
    `${name}: kernel ${of(kernel)}; hardened ${of(hardened)}`;
  const lines: string[] = [];
  if (!differs.includes('payload')) lines.push(...lineOf(kernel, hardened));
  if (differs.includes('verdict')) lines.push(both('verdict', verdictText));
  if (differs.includes('state')) lines.push(both('state', ({ ctstate }) => ctstate));
  if (differs.includes('addresses')) lines.push(both('leaves as', ({ summary }) => summary));
  if (differs.includes('payload')) {
    // Quotations leave out what may be a credential; then only the lengths tell the difference.
    const withLength = String(kernel.lines) === String(hardened.lines);
    lines.push(both('payload', (side) => payloadText(side, withLength)));
  }
  for (const hole of expectations) {
    lines.push(`expectation ${hole.expectation}: kernel ${hole.kernel}; hardened ${hole.hardened}`);
  }
  if (differs.includes('sent')) {
    lines.push(both('the gateway sends', ({ sent }) => (sent.length > 0 ? sent.join(', ') : '-')));
  }
  for (const { kind, reason, action, line } of refused) {
    lines.push(`hardened refuses ${kind}: ${reason}, action ${action}: "${line}"`);
  }
  return lines;
}

/** The line itself, as the kernel lets it through; or what only the hardened mode sends on. */
function lineOf(kernel: SideReport, hardened: SideReport): string[] {
  if (kernel.lines.length > 0) return [`line: ${kernel.lines.join(' ')}`];
  if (hardened.lines.length > 0) return [`hardened sends on: ${hardened.lines.join(' ')}`];
  return [];
}

function verdictText({ verdict, reason }: SideReport): string {
  return verdict === 'ACCEPT' ? verdict : `${verdict} (${reason})`;
}

function payloadText({ lines, payloadLength }: SideReport, withLength: boolean): string {
  if (payloadLength === 0) return 'nothing';
  const length = `${payloadLength} bytes`;
  if (lines.length === 0) return length;
  return withLength ? `${lines.join(' ')} (${length})` : lines.join(' ');
}

/** `address-mismatch 2, malformed 1`; what never occurred is left out. */
function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** One object a line. */
export class JsonComparison implements ComparisonReporter {
  private readonly write: Write;

  constructor(write: Write) {
    this.write = write;
  }

  difference(difference: Difference): void {
    const { n, time, differs, kernel, hardened, expectations } = difference;
    const refused = difference.refused.map(({ kind, reason, action, line }) => ({
      ...{ kind, reason, action, line },
    }));
    const found = { n, time, differs, kernel, hardened, expectations, refused };
    this.put({ type: 'difference', ...found });
  }

  summary({ packets, differing, byAspect, opened, ...refusals }: ComparisonTotals): void {
    const { refused, refusedWithoutEffect } = refusals;
    const found = { packets, differing, byAspect, opened, refused, refusedWithoutEffect };
    this.put({ type: 'summary', ...found });
  }

  private put(object: unknown): void {
    this.write(`${JSON.stringify(object)}\n`);
  }
}

export function emptyTotals(): ComparisonTotals {
  const byAspect = Object.fromEntries(aspects.map((aspect) => [aspect, 0]));
  return {
    packets: 0,
    differing: 0,
    byAspect: byAspect as Record<Aspect, number>,
    opened: { kernel: 0, hardened: 0 },
    refused: {},
    refusedWithoutEffect: 0,
  };
}
