import type { RuleContext } from '../../context.ts';
import {
  defineMatch,
  type MatchEvaluator,
  type MatchExtension,
  type WalkSignal,
} from '../../extension.ts';
import type { Family } from '../../model.ts';
import {
  listCondition,
  type NumberCondition,
  NumberTest,
  saveCondition,
} from './number-condition.ts';
import { MAX_UINT32, readRange } from './option-values.ts';

/** What `-m esp` and the IPv4 form of `-m ah` have in common: a range of security parameter indices. */

interface SpiValues {
  spi: NumberCondition | null;
}

interface SpiDialect {
  readonly name: string;
  readonly option: string;
  readonly protocol: number;
  readonly families: readonly Family[];
  readonly help: string;
  /** What -L prints where no index is asked for, blanks and all. */
  readonly listedAlone: string;
  /** Length of the fixed header in bytes, and where the index stands in it. */
  readonly headerLen: number;
  readonly spiAt: number;
}

class SpiEvaluator implements MatchEvaluator {
  private readonly spi: NumberTest;
  private readonly headerLen: number;
  private readonly spiAt: number;
  private readonly signal: WalkSignal;

  constructor({ spi }: SpiValues, { headerLen, spiAt }: SpiDialect, signal: WalkSignal) {
    this.spi = new NumberTest(spi);
    this.headerLen = headerLen;
    this.spiAt = spiAt;
    this.signal = signal;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    if (packet.fragmentOffset !== 0) return false;
    if (packet.l4Offset + this.headerLen > packet.l3End) {
      // As xt_esp and ipt_ah: a header that is cut off is dropped, not passed on.
      this.signal.hotdrop = true;
      return false;
    }
    return this.spi.holds(packet.view.getUint32(packet.l4Offset + this.spiAt));
  }
}

export function spiMatch(dialect: SpiDialect): MatchExtension {
  const { name, option } = dialect;
  return defineMatch<SpiValues>({
    name,
    protocol: dialect.protocol,
    families: dialect.families,
    options: [
      {
        name: option,
        args: 1,
        argument: 'SPI[:SPI]',
        help: dialect.help,
        negatable: true,
        set: (value, [text = ''], negated) => {
          value.spi = { ...readRange(name, option, text, MAX_UINT32), negated };
        },
        save: ({ spi }) => saveCondition(spi, MAX_UINT32),
      },
    ],
    initial: () => ({ spi: null }),
    list: ({ spi }) => {
      const text = listCondition('spi', spi, MAX_UINT32);
      return text === '' ? dialect.listedAlone : `${name} ${text}`;
    },
    evaluator: (value, { signal }) => new SpiEvaluator(value, dialect, signal),
  });
}
