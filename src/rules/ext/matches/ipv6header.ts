import { type Packet, Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { extensionLen } from '../parts/ipv6-chain.ts';

/** `-m ipv6header`: which extension headers a packet has. */

interface HeaderValues {
  headers: number;
  negated: boolean;
  soft: boolean;
}

/** Bit, number, printed name, short name; in the order of iptables-save. */
const headers: readonly (readonly [bit: number, number: number, name: string, short: string])[] = [
  [0x80, Proto.HopByHop, 'hop-by-hop', 'hop'],
  [0x40, Proto.DestOptions, 'ipv6-opts', 'dst'],
  [0x20, Proto.Routing, 'ipv6-route', 'route'],
  [0x10, Proto.Fragment, 'ipv6-frag', 'frag'],
  [0x08, Proto.Ah, 'ah', 'auth'],
  [0x04, Proto.Esp, 'esp', 'esp'],
  [0x02, Proto.NoNext, 'ipv6-nonxt', 'none'],
  // Anything that is no extension header; 255 stands for it.
  [0x01, 255, 'protocol', 'prot'],
];
const PROTOCOL_BIT = 0x01;
const FIXED_HEADER_LEN = 40;

function parseHeaders(text: string): number {
  const items = text.split(',').filter((item) => item !== '');
  if (items.length === 0) {
    throw new RuleFault('bad-value', 'ip6t_ipv6header: cannot parse header names');
  }
  return items.reduce((bits, item) => {
    const found = headers.find(
      ([, number, name, short]) => item === name || item === short || item === String(number),
    );
    if (found === undefined)
      throw new RuleFault('bad-value', `unknown header \`${item}' specified`);
    return bits | found[0];
  }, 0);
}

const formatHeaders = (bits: number) =>
  headers
    .filter(([bit]) => (bits & bit) !== 0)
    .map(([, , name]) => name)
    .join(',');

/** Bit of a header by its number; that of "protocol" for all that are no extension headers. */
const bitOf = new Uint8Array(256).fill(PROTOCOL_BIT);
for (const [bit, number] of headers) bitOf[number] = bit;

function headersOf(packet: Packet): number {
  const { view, l3Offset } = packet;
  const end = l3Offset + packet.l3HeaderLen;
  let next = view.getUint8(l3Offset + 6);
  let at = l3Offset + FIXED_HEADER_LEN;
  let bits = 0;
  while (at < end) {
    bits |= bitOf[next]!;
    const length = extensionLen(packet, next, at);
    next = view.getUint8(at);
    at += length;
  }
  return bits | bitOf[next]!;
}

class HeaderEvaluator implements MatchEvaluator {
  private readonly headers: number;
  private readonly negated: boolean;
  private readonly soft: boolean;

  constructor(values: HeaderValues) {
    this.headers = values.headers;
    this.negated = values.negated;
    this.soft = values.soft;
  }

  /** ipv6header_mt6: exactly these; softly, all of these among others, negated none of them. */
  matches(ctx: RuleContext): boolean {
    const there = headersOf(ctx.packet);
    if (!this.soft) return (there === this.headers) !== this.negated;
    return (there & this.headers) === (this.negated ? 0 : this.headers);
  }
}

export const ipv6header = defineMatch<HeaderValues>({
  name: 'ipv6header',
  families: [6],
  options: [
    {
      name: 'header',
      args: 1,
      argument: 'HEADER[,HEADER…]',
      help: `by name or number: ${headers.map(([, , , short]) => short).join(', ')}`,
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, { headers: parseHeaders(text), negated });
      },
      save: (value) => shown(formatHeaders(value.headers), value.negated),
    },
    {
      name: 'soft',
      args: 0,
      help: 'other headers may be there as well',
      set: (value) => {
        value.soft = true;
      },
      save: ({ soft }) => (soft ? shown('') : null),
    },
  ],
  initial: () => ({ headers: 0, negated: false, soft: false }),
  list: (value, view) => {
    const number = value.headers.toString(16).toUpperCase().padStart(2, '0');
    const text = view.numeric ? `0x${number}` : formatHeaders(value.headers);
    return `ipv6header flags:${value.negated ? '!' : ''}${text}${value.soft ? ' soft' : ''}`;
  },
  // Plain packets have no extension headers: the answer is that of their protocol.
  steady: true,
  evaluator: (value) => new HeaderEvaluator(value),
});
