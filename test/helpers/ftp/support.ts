import assert from 'node:assert/strict';
import {
  FtpAnnouncement,
  ftpParseName,
  kindName,
  parseCommand,
  parseReply,
} from '../../../src/helpers/ftp/grammar/grammar.ts';
import { formatIpv4, formatIpv6 } from '../../../src/wire/index.ts';

/** Bytes of a text of Latin-1 characters. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.slice(start, end)).toString('latin1');
}

const MARGIN = 7;

/** The line within a dirty buffer, so that a read outside [start, end) shows. */
function inDirt(line: string): { bytes: Uint8Array; start: number; end: number } {
  const bytes = new Uint8Array(line.length + 2 * MARGIN).fill(0xa5);
  bytes.set(bytesOf(line), MARGIN);
  return { bytes, start: MARGIN, end: MARGIN + line.length };
}

export interface Parsed {
  code: string;
  out: FtpAnnouncement;
  /** The text of [numbersStart, numbersEnd). */
  numbers: string;
}

export function parse(from: 'C' | 'S', line: string): Parsed {
  const { bytes, start, end } = inDirt(line);
  const out = new FtpAnnouncement();
  const parser = from === 'C' ? parseCommand : parseReply;
  const code = ftpParseName(parser(bytes, start, end, out));
  return { code, out, numbers: textOf(bytes, out.numbersStart, out.numbersEnd) };
}

export const command = (line: string): Parsed => parse('C', line);
export const reply = (line: string): Parsed => parse('S', line);

/** `kind address port [numbers]`, with `lax` before it where it is; else the code. */
export function summary({ code, out, numbers }: Parsed): string {
  if (code === 'lax') return `lax ${summary({ code: 'ok', out, numbers })}`;
  if (code !== 'ok' && code !== 'port-zero') return code;
  const ipv6 = () => formatIpv6(out.a0, out.a1, out.a2, out.a3);
  const address = out.family === 6 ? ipv6() : out.family === 4 ? formatIpv4(out.a0) : '-';
  assert.equal(out.hasAddress, out.family !== 0);
  return `${kindName(out.kind)} ${address} ${out.port} [${numbers}]`;
}

/** Lines and their summaries, side by side. */
export function check(
  parser: (line: string) => Parsed,
  table: readonly (readonly [string, string])[],
) {
  for (const [line, expected] of table) {
    assert.equal(summary(parser(line)), expected, JSON.stringify(line));
  }
}

/**
 * Heap bytes per call of `step`, once it is warm: the least of several rounds, because the
 * compiler's own allocations fall into some of them. A collection makes a round useless.
 */
export function allocatedBytesPerCall(step: () => void): number {
  const calls = 100_000;
  for (let i = 0; i < calls; i++) step();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < calls; i++) step();
    const grown = process.memoryUsage().heapUsed - before;
    if (grown >= 0) least = Math.min(least, grown / calls);
  }
  return least;
}
