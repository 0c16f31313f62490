/**
 * A small language for TCP conversations through a gateway: a line a segment, with what becomes of it.
 *
 *   client S 0 win 64000 <mss 1460,ws 7>  | NEW             | SYN_SENT 120 UNREPLIED   | new
 *   server R 999                          | INVALID dropped | ESTABLISHED 432000 ASSURED
 *   wait 1.5
 *   server R 999                          | INVALID dropped | gone                     | destroy
 *
 * First who sends what: flags, sequence number and (after +) the length of the data, then `ack`, `win`
 * and the options. Numbers are relative to each end's first one. Then what rules see of it, and whether
 * it passes; the entry behind it: TCP state, seconds left, and the words that conntrack(8) prints; and
 * what listeners were told.
 */
import assert from 'node:assert/strict';
import { be16, be32, join } from '../../support/bytes.ts';
import { type TcpOptions, tcpFlagBits } from '../../support/packets.ts';

export type End = 'client' | 'server';

export interface Expected {
  readonly ctState: string;
  readonly passes: boolean;
  /** `STATE SECONDS`, then UNREPLIED, ASSURED or nothing; `gone` where there is no entry. */
  readonly entry: string;
  /** `new`, `update`, `destroy` in the order of their telling. */
  readonly events: string;
}

export interface Segment {
  readonly from: End;
  /** Everything but addresses and ports. */
  readonly tcp: Omit<TcpOptions, 'src' | 'dst' | 'sport' | 'dport'>;
  readonly expected: Expected;
  readonly line: string;
}

export type Step = Segment | { readonly waitSec: number };

/** First sequence numbers: both streams come to where the numbers, or their signs, turn over. */
const FIRST = { client: 0xffff_fe00, server: 0x7fff_ff00 } as const;

const segmentPattern =
  /^(client|server) ([SAPFRU]+) (\d+)(?:\+(\d+))?(?: ack (\d+))?(?: win (\d+))?(?: <(.*)>)?$/;

/** Lines to steps. Empty lines and lines that begin with # say nothing. */
export function parseScript(text: string): Step[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseLine);
}

function parseLine(line: string): Step {
  const wait = /^wait ([\d.]+)$/.exec(line);
  if (wait !== null) return { waitSec: Number(wait[1]) };
  const [packet = '', state = '', entry = '', events = ''] = line.split('|').map((s) => s.trim());
  const parts = segmentPattern.exec(packet.replace(/ +/g, ' '));
  assert.ok(parts !== null && state !== '' && entry !== '', `not a line of a script: ${line}`);
  const [, who, flags = '', seq, length, ack, window, options] = parts;
  const from = who === 'client' ? 'client' : 'server';
  const peer = from === 'client' ? 'server' : 'client';
  assert.equal(flags.includes('A'), ack !== undefined, `ACK and a number for it: ${line}`);
  return {
    from,
    tcp: {
      flags: tcpFlagBits(flags),
      seq: (FIRST[from] + Number(seq)) >>> 0,
      ack: ack === undefined ? 0 : (FIRST[peer] + Number(ack)) >>> 0,
      window: Number(window ?? 65_535),
      payload: 'x'.repeat(Number(length ?? 0)),
      options: optionBytes(options ?? ''),
    },
    expected: {
      ctState: state.replace(' dropped', ''),
      passes: !state.endsWith(' dropped'),
      entry,
      events,
    },
    line,
  };
}

/** `mss 1460,ws 7,sack,ts`. */
function optionBytes(text: string): Uint8Array {
  const each = text.split(',').map((option) => option.trim());
  return join(...each.map(oneOption));
}

function oneOption(text: string): Uint8Array {
  const [name, value] = text.split(' ');
  const number = Number(value ?? 0);
  switch (name) {
    case '':
      return new Uint8Array(0);
    case 'mss':
      return join(Uint8Array.of(2, 4), be16(number));
    case 'ws':
      return Uint8Array.of(1, 3, 3, number);
    case 'sack':
      return Uint8Array.of(1, 1, 4, 2);
    case 'ts':
      return join(Uint8Array.of(1, 1, 8, 10), be32(number), be32(0));
    default:
      throw new Error(`unknown option: ${text}`);
  }
}
