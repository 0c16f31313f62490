/** The table of results, as text for a terminal and as Markdown for the documentation. */
import { ownCostRatio } from './own-cost.ts';
import type { Results } from './results.ts';
import { type Demand, type Row, rows } from './rows.ts';
import type { SideName } from './sides.ts';
import { type Summary, summarize } from './statistics.ts';

export const beginMark = '<!-- gateway-bench: begin -->';
export const endMark = '<!-- gateway-bench: end -->';

/**
 * A side that reaches this share of plain routing may be held back by the ends, not by itself: the
 * comparison then shows less than there is.
 */
const NEAR_ROUTING = 0.95;

export type Verdict = 'aim' | 'pass' | 'miss' | '';

/** `figure` of a side against that of the side compared with. */
export function judge(demand: Demand, figure: number, compared: number): Verdict {
  if (demand.kind === 'none') return '';
  const measured = demand.kind === 'limit' ? figure : figure / compared;
  const reaches = (wanted: number) =>
    demand.kind === 'more' ? measured >= wanted : measured <= wanted;
  if (reaches(demand.aim)) return 'aim';
  return reaches(demand.atLeast) ? 'pass' : 'miss';
}

function demandText(demand: Demand): [atLeast: string, aim: string] {
  if (demand.kind === 'none') return ['', ''];
  const sign = demand.kind === 'more' ? '≥' : '≤';
  const unit = demand.kind === 'limit' ? '' : 'x';
  return [`${sign} ${demand.atLeast}${unit}`, `${sign} ${demand.aim}${unit}`];
}

function number(value: number, digits: number): string {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString('en', options);
}

function figureText(row: Row, summary: Summary | null): string {
  if (summary === null) return '-';
  const { median, min, max } = summary;
  const [middle, low, high] = [median, min, max].map((value) => number(value, row.digits));
  return summary.rounds === 1 ? middle! : `${middle} (${low}-${high})`;
}

/** Plain routing has no rules: its figure is that of the test without them. */
function summaryOf(results: Results, row: Row, side: SideName): Summary | null {
  const test = side === 'routing' ? row.test.replace(/-rules$/, '') : row.test;
  return summarize(results.figures[test]?.[side]?.[row.figure] ?? []);
}

/** Whether the ends may be the limit; only told of rates, which `more` marks. */
function isNearRouting(row: Row, summary: Summary, routing: Summary | null): boolean {
  return (
    routing !== null &&
    row.demand.kind === 'more' &&
    summary.median >= routing.median * NEAR_ROUTING
  );
}

/** Ratio to the compared side, mark and verdict of one side. */
function judgement(results: Results, row: Row, side: SideName): [ratio: string, verdict: string] {
  const [base] = results.sides;
  const own = summaryOf(results, row, side);
  const compared = base === undefined ? null : summaryOf(results, row, base);
  if (own === null) return ['-', '-'];
  const mark = isNearRouting(row, own, summaryOf(results, row, 'routing')) ? '*' : '';
  const verdict = judge(row.demand, own.median, compared?.median ?? Number.NaN);
  if (compared === null) return ['-', row.demand.kind === 'limit' ? verdict : '-'];
  return [`${number(own.median / compared.median, 2)}x${mark}`, verdict];
}

function headings({ sides }: Results): string[] {
  const [base, ...others] = sides;
  const judged = others.filter((side) => side !== 'routing');
  const ratios = judged.flatMap((side) => [`${side}/${base}`, 'result']);
  return ['test', ...sides, ...ratios, 'at least', 'aim'];
}

function cells(results: Results, row: Row): string[] {
  const { sides } = results;
  const judged = sides.slice(1).filter((side) => side !== 'routing');
  return [
    row.title,
    ...sides.map((side) => figureText(row, summaryOf(results, row, side))),
    ...judged.flatMap((side) => judgement(results, row, side)),
    ...demandText(row.demand),
  ];
}

/** Has no verdict: the difference of two figures that both move. */
function ownCostCells(results: Results): string[] {
  const figures = results.sides.map((side) => {
    const ratio = ownCostRatio(results.figures, side);
    return ratio === null ? '-' : number(ratio, 2);
  });
  return fillLine(results, ['the same, less the cost of plain routing', ...figures]);
}

function fillLine(results: Results, cells: readonly string[]): string[] {
  return headings(results).map((_, column) => cells[column] ?? '');
}

function tableOf(results: Results): string[][] {
  const measured = rows.filter((row) => results.figures[row.test] !== undefined);
  const table = [headings(results), ...measured.map((row) => cells(results, row))];
  if (results.figures.flows !== undefined) table.push(ownCostCells(results));
  return table;
}

function align(table: readonly string[][]): string[][] {
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((line) => (line[column] ?? '').length)),
  );
  return table.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)));
}

function conditions(results: Results): string {
  const { machine, rounds, seconds, elapsedSeconds } = results;
  return (
    `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, Linux ${machine.kernel}, ` +
    `Node ${machine.node}, commit ${machine.commit}, ${results.begun.slice(0, 10)}; ${rounds} rounds ` +
    `of ${seconds} s, ${elapsedSeconds} s in all.`
  );
}

const legend =
  'Median (smallest-largest) of the rounds, which are interleaved; *: as fast as plain routing, the ' +
  'ends or the lab may be the limit.';

function failureLines({ failures }: Results): string[] {
  return failures.map(({ side, test, round, message }) => {
    const [first] = message.split('\n');
    return `failed: ${test}, ${side}, round ${round}: ${first}`;
  });
}

export function textReport(results: Results): string {
  const lines = align(tableOf(results)).map((line) => line.join('  ').trimEnd());
  return [conditions(results), legend, '', ...lines, ...failureLines(results), ''].join('\n');
}

/** Between the marks, so that it can be pasted over the one before. */
export function markdownReport(results: Results): string {
  const [head, ...body] = align(tableOf(results).map((line) => line.map(escapeCell)));
  const lineOf = (line: readonly string[]) => `| ${line.join(' | ')} |`;
  const rule = lineOf(head!.map((cell) => '-'.repeat(cell.length)));
  const table = [lineOf(head!), rule, ...body.map(lineOf)];
  const notes = failureLines(results).map((line) => `- ${line}`);
  const tail = notes.length > 0 ? ['', ...notes] : [];
  return [beginMark, conditions(results), legend, '', ...table, ...tail, endMark, ''].join('\n');
}

function escapeCell(cell: string): string {
  return cell.replaceAll('*', '\\*');
}
