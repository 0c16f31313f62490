import { type Packet, Proto, TcpOption } from '../../../wire/index.ts';
import { type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { fixTcpChecksum16, hasTcpHeader } from '../parts/packet-edit.ts';

/** `-j TCPOPTSTRIP`: writes NOP over options of the TCP header. */

interface StripValues {
  kinds: readonly number[];
}

const names: ReadonlyMap<string, number> = new Map([
  ['mss', TcpOption.Mss],
  ['wscale', TcpOption.WindowScale],
  ['sack-permitted', TcpOption.SackPermitted],
  ['sack', TcpOption.Sack],
  ['timestamp', TcpOption.Timestamps],
  ['md5', 19],
]);

class StripEvaluator implements TargetEvaluator {
  /** 1 at each kind that is stripped. */
  private readonly strips = new Uint8Array(256);

  constructor(kinds: readonly number[]) {
    for (const kind of kinds) this.strips[kind] = 1;
  }

  apply(ctx: RuleContext): VerdictCode {
    const { packet } = ctx;
    if (packet.fragmentOffset > 0) return Verdict.Continue;
    if (!hasTcpHeader(packet)) return Verdict.Drop;
    const { bytes, l4Offset } = packet;
    const end = l4Offset + packet.tcpHeaderLen;
    let at = l4Offset + 20;
    while (at < end - 1) {
      const kind = bytes[at]!;
      const length = kind <= TcpOption.Nop || bytes[at + 1]! === 0 ? 1 : bytes[at + 1]!;
      if (at + length > end) break;
      if (this.strips[kind] === 1) {
        blank(packet, at, length);
        ctx.changed = true;
      }
      at += length;
    }
    return Verdict.Continue;
  }
}

function blank(packet: Packet, from: number, length: number): void {
  const { bytes, l4Offset } = packet;
  for (let at = from; at < from + length; at++) {
    const shift = ((at - l4Offset) & 1) === 0 ? 8 : 0;
    fixTcpChecksum16(packet, bytes[at]! << shift, TcpOption.Nop << shift);
    bytes[at] = TcpOption.Nop;
  }
}

function parseKinds(text: string): readonly number[] {
  const kinds: number[] = [];
  for (const word of text.split(',')) {
    const kind = names.get(word) ?? parseUnsigned(word, 255);
    if (kind === null) throw new RuleFault('bad-value', `Bad TCP option value "${word}"`);
    if (kind <= TcpOption.Nop) {
      throw new RuleFault('bad-value', 'Option value may not be 0 or 1');
    }
    if (kinds.includes(kind)) {
      throw new RuleFault('bad-value', `Option "${word}" already specified`);
    }
    kinds.push(kind);
  }
  return kinds.sort((a, b) => a - b);
}

function nameOf(kind: number): string {
  for (const [name, number] of names) if (number === kind) return name;
  return String(kind);
}

export const tcpoptstrip = defineTarget<StripValues>({
  name: 'TCPOPTSTRIP',
  tables: ['mangle'],
  options: [
    {
      name: 'strip-options',
      args: 1,
      argument: 'KIND[,KIND...]',
      help: 'options to blank, by number or name (mss, wscale, sack-permitted, sack, timestamp, md5)',
      set: (values, [text = '']) => {
        values.kinds = parseKinds(text);
      },
      save: ({ kinds }) => (kinds.length === 0 ? null : shown(kinds.join(','))),
    },
  ],
  initial: () => ({ kinds: [] }),
  check: (_values, rule) => requireProtocol(rule, 'TCPOPTSTRIP', Proto.Tcp),
  list: ({ kinds }, { numeric }) => {
    if (kinds.length === 0) return '';
    return `TCPOPTSTRIP options ${(numeric ? kinds : kinds.map(nameOf)).join(',')}`;
  },
  evaluator: ({ kinds }) => new StripEvaluator(kinds),
});
