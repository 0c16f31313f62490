/**
 * A unified diff of two texts, as far as it can be had quickly: what both begin and end with is set
 * aside, and between them the shortest edit is sought (Myers' algorithm) within a budget; beyond
 * that everything between is one change.
 */

const CONTEXT = 3;
/** Most insertions and deletions that are sought one by one. */
const MAX_EDITS = 1000;

interface Edit {
  readonly kind: ' ' | '-' | '+';
  readonly text: string;
}

/** '' where the texts are the same. The names stand in the head. */
export function unifiedDiff(
  before: string,
  after: string,
  names: readonly [string, string],
): string {
  if (before === after) return '';
  const edits = editsOf(linesOf(before), linesOf(after));
  const body = hunks(edits).map((hunk) => hunkText(edits, hunk));
  return `--- ${names[0]}\n+++ ${names[1]}\n${body.join('')}`;
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function editsOf(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  const most = Math.min(a.length, b.length) - head;
  while (tail < most && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (text: string): Edit => ({ kind: ' ', text });
  return [
    ...a.slice(0, head).map(same),
    ...between(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ];
}

function between(a: readonly string[], b: readonly string[]): Edit[] {
  const trace = furthestPoints(a, b);
  if (trace !== null) return walkBack(a, b, trace);
  const removed = a.map((text): Edit => ({ kind: '-', text }));
  return [...removed, ...b.map((text): Edit => ({ kind: '+', text }))];
}

/** For each number of edits, how far every diagonal gets in `a`; null beyond the budget. */
function furthestPoints(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const limit = Math.min(a.length + b.length, MAX_EDITS);
  const offset = limit + 1;
  let reach = new Int32Array(2 * limit + 3);
  const trace: Int32Array[] = [];
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(reach);
    reach = reach.slice();
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && reach[offset + k - 1]! < reach[offset + k + 1]!);
      let x = down ? reach[offset + k + 1]! : reach[offset + k - 1]! + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[offset + k] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

function walkBack(
  a: readonly string[],
  b: readonly string[],
  trace: readonly Int32Array[],
): Edit[] {
  const found: Edit[] = [];
  const offset = Math.min(a.length + b.length, MAX_EDITS) + 1;
  let x = a.length;
  let y = b.length;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits]!;
    const k = x - y;
    const down = k === -edits || (k !== edits && reach[offset + k - 1]! < reach[offset + k + 1]!);
    const fromK = down ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : reach[offset + fromK]!;
    const fromY = fromX - (edits === 0 ? 0 : fromK);
    while (x > fromX && y > fromY) {
      found.push({ kind: ' ', text: a[--x]! });
      y--;
    }
    if (edits === 0) break;
    if (down) found.push({ kind: '+', text: b[--y]! });
    else found.push({ kind: '-', text: a[--x]! });
  }
  return found.reverse();
}

interface Hunk {
  readonly from: number;
  readonly to: number;
}

/** Runs of changes with their context; those that would touch are one. */
function hunks(edits: readonly Edit[]): Hunk[] {
  const found: { from: number; to: number }[] = [];
  edits.forEach(({ kind }, at) => {
    if (kind === ' ') return;
    const last = found.at(-1);
    if (last !== undefined && at - CONTEXT <= last.to) last.to = at + 1 + CONTEXT;
    else found.push({ from: Math.max(0, at - CONTEXT), to: at + 1 + CONTEXT });
  });
  return found.map(({ from, to }) => ({ from, to: Math.min(to, edits.length) }));
}

function hunkText(edits: readonly Edit[], { from, to }: Hunk): string {
  const count = (part: readonly Edit[], skip: '-' | '+') =>
    part.filter(({ kind }) => kind !== skip).length;
  const earlier = edits.slice(0, from);
  const part = edits.slice(from, to);
  const range = (skip: '-' | '+') => {
    const length = count(part, skip);
    const start = count(earlier, skip) + (length === 0 ? 0 : 1);
    return length === 1 ? `${start}` : `${start},${length}`;
  };
  const lines = part.map(({ kind, text }) => `${kind}${text}\n`).join('');
  return `@@ -${range('+')} +${range('-')} @@\n${lines}`;
}
