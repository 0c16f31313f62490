import { mix32, mixFinish } from '../../base/index.ts';
import { formatAddress } from '../../wire/index.ts';
import { FtpReason, type FtpReasonName } from './report.ts';

/** Servers that are counted one by one; what comes after them shares one line. */
const MAX_SERVERS = 1024;
/** The name of that line. */
const OTHER_SERVERS = 'other';

/** Refusals of one server: its address as text, or `other`. */
export interface ServerRefusals {
  readonly server: string;
  readonly reasons: Readonly<Record<string, number>>;
}

const reasonNames: readonly FtpReasonName[] = Object.values(FtpReason);
const reasonIndex = new Map(reasonNames.map((name, index) => [name, index]));

/** One server's counters, in the order of `reasonNames`. Addresses are words until they are shown. */
interface ServerRow {
  readonly family: number;
  readonly words: readonly [number, number, number, number];
  readonly counts: Float64Array;
}

/**
 * How often the FTP helper refused, by reason, and by reason and server (its real address, behind
 * any translation). Bounded, whatever addresses come along.
 */
export class RefusalCounts {
  private readonly totals = new Float64Array(reasonNames.length);
  private readonly buckets = new Map<number, ServerRow[]>();
  private readonly servers: ServerRow[] = [];
  private readonly others = new Float64Array(reasonNames.length);

  /** An IPv4 address is in the first of the four words, the others are zero. */
  count(
    reason: FtpReasonName,
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
  ): void {
    const index = reasonIndex.get(reason);
    if (index === undefined) return;
    this.totals[index]! += 1;
    this.countsOf(family, w0, w1, w2, w3)[index]! += 1;
  }

  /** Counts by reason; those that never occurred are left out. */
  byReason(): Record<string, number> {
    return named(this.totals);
  }

  /** The same for each server, in the order of their first refusals; `other` comes last. */
  byServer(): ServerRefusals[] {
    const rows = this.servers.map(({ family, words, counts }) => ({
      server: formatAddress(family, ...words),
      reasons: named(counts),
    }));
    const others = named(this.others);
    if (Object.keys(others).length > 0) rows.push({ server: OTHER_SERVERS, reasons: others });
    return rows;
  }

  private countsOf(family: number, w0: number, w1: number, w2: number, w3: number): Float64Array {
    const key = mixFinish(mix32(mix32(mix32(mix32(family, w0), w1), w2), w3));
    const bucket = this.buckets.get(key);
    const known = bucket?.find(
      (row) => row.family === family && sameWords(row.words, w0, w1, w2, w3),
    );
    if (known !== undefined) return known.counts;
    if (this.servers.length >= MAX_SERVERS) return this.others;
    const row = { family, words: [w0, w1, w2, w3], counts: emptyCounts() } as const;
    if (bucket === undefined) this.buckets.set(key, [row]);
    else bucket.push(row);
    this.servers.push(row);
    return row.counts;
  }
}

function emptyCounts(): Float64Array {
  return new Float64Array(reasonNames.length);
}

function sameWords(
  words: ServerRow['words'],
  w0: number,
  w1: number,
  w2: number,
  w3: number,
): boolean {
  return words[0] === w0 && words[1] === w1 && words[2] === w2 && words[3] === w3;
}

function named(counts: Float64Array): Record<string, number> {
  const found: Record<string, number> = {};
  reasonNames.forEach((name, index) => {
    if (counts[index]! > 0) found[name] = counts[index]!;
  });
  return found;
}
