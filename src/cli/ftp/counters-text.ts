import type { FtpCountersDto, FtpServerCountsDto } from '../../control/index.ts';

/** Totals, then refusals by reason, then by server, the most frequent first. */
export function countersText(
  counters: FtpCountersDto,
  servers: readonly FtpServerCountsDto[],
): string {
  const { mode, sessions, announced, rewritten, refused, rejected } = counters;
  const totals = table([
    ['mode', mode],
    ['sessions', String(sessions)],
    ['announced', String(announced)],
    ['rewritten', String(rewritten)],
    ['refused', String(refused)],
    ['rejected', String(rejected)],
  ]);
  const reasons = byCount(counters.reasons);
  const ofServers = servers.flatMap(({ server, reasons: own }) =>
    byCount(own).map(([reason, count]) => [server, reason, String(count)]),
  );
  const parts = [totals];
  if (reasons.length > 0) {
    parts.push(table([['REASON', 'REFUSED'], ...reasons.map(([name, n]) => [name, String(n)])]));
  }
  if (ofServers.length > 0) parts.push(table([['SERVER', 'REASON', 'REFUSED'], ...ofServers]));
  return parts.join('\n');
}

function byCount(reasons: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(reasons).sort((a, b) => b[1] - a[1]);
}

/** Columns as wide as they must be, two blanks between them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
