import { type Packet, Proto, TcpOption } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import { shown } from '../../options.ts';
import { requireProtocol } from '../parts/match-place.ts';
import { formatRange, MAX_UINT16, readRange } from '../parts/option-values.ts';

/** `-m tcpmss --mss VALUE[:VALUE]`: the maximum segment size a SYN announces. */

interface TcpmssValues {
  min: number;
  max: number;
  negated: boolean;
}

const TCP_HEADER_LEN = 20;
const MSS_OPTION_LEN = 4;

/** The announced size, -1 where there is none. A damaged list is read as xt_tcpmss reads it. */
function announcedMss(packet: Packet): number {
  const { view } = packet;
  const end = packet.l4Offset + packet.tcpHeaderLen;
  let at = packet.l4Offset + TCP_HEADER_LEN;
  while (at < end) {
    const kind = view.getUint8(at);
    const length = kind > TcpOption.Nop && at + 1 < end ? view.getUint8(at + 1) : 1;
    if (kind === TcpOption.Mss && length === MSS_OPTION_LEN && at + MSS_OPTION_LEN <= end) {
      return view.getUint16(at + 2);
    }
    at += length === 0 ? 1 : length;
  }
  return -1;
}

class TcpmssEvaluator implements MatchEvaluator {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;
  private readonly signal: WalkSignal;

  constructor(values: TcpmssValues, signal: WalkSignal) {
    this.signal = signal;
    this.min = values.min;
    this.max = values.max;
    this.negated = values.negated;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    // Later fragments have no TCP header.
    if (packet.fragmentOffset !== 0) return false;
    if (packet.tcpHeaderLen === 0) {
      // As xt_tcpmss: a header that is cut off or lies is dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    const mss = announcedMss(packet);
    // -1, "none announced", lies in no range.
    return (mss >= this.min && mss <= this.max) !== this.negated;
  }
}

function readMss(text: string) {
  const [low, high] = text.split(':');
  // The extension's own words for a backward range of two plain numbers.
  if (/^\d+$/.test(low ?? '') && /^\d+$/.test(high ?? '') && Number(low) <= MAX_UINT16) {
    if (Number(low) > Number(high)) throw new RuleFault('bad-value', 'tcpmss: invalid range given');
  }
  return readRange('tcpmss', 'mss', text, MAX_UINT16);
}

export const tcpmss = defineMatch<TcpmssValues>({
  name: 'tcpmss',
  options: [
    {
      name: 'mss',
      args: 1,
      argument: 'SIZE[:SIZE]',
      help: 'maximum segment size of a SYN or SYN/ACK, or a range of sizes',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        Object.assign(value, readMss(text), { negated });
      },
      save: (value) => shown(formatRange(value), value.negated),
    },
  ],
  initial: () => ({ min: 0, max: MAX_UINT16, negated: false }),
  check: (_value, rule) => requireProtocol(rule, 'tcpmss', Proto.Tcp),
  list: (value) => `tcpmss match ${value.negated ? '!' : ''}${formatRange(value)}`,
  evaluator: (value, { signal }) => new TcpmssEvaluator(value, signal),
});
