import { Proto } from '../../../wire/index.ts';
import type { RuleContext } from '../../context.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { extensionLen, findExtension } from '../parts/ipv6-chain.ts';
import {
  listCondition,
  type NumberCondition,
  NumberTest,
  saveCondition,
} from '../parts/number-condition.ts';
import { MAX_UINT32, readNumber, readRange } from '../parts/option-values.ts';

/** `-m ah` of IPv6, where AH is an extension header (RFC 4302 section 2). */

interface AhValues {
  spi: NumberCondition | null;
  length: { readonly bytes: number; readonly negated: boolean } | null;
  reserved: boolean;
}

class AhEvaluator implements MatchEvaluator {
  private readonly spi: NumberTest;
  /** 0 where no length is asked for. */
  private readonly length: number;
  private readonly lengthNegated: boolean;
  private readonly reserved: boolean;

  constructor({ spi, length, reserved }: AhValues) {
    this.spi = new NumberTest(spi);
    this.length = length?.bytes ?? 0;
    this.lengthNegated = length?.negated ?? false;
    this.reserved = reserved;
  }

  matches(ctx: RuleContext): boolean {
    const { packet } = ctx;
    const at = findExtension(packet, Proto.Ah);
    if (at < 0) return false;
    if (!this.spi.holds(packet.view.getUint32(at + 4))) return false;
    if (this.length !== 0) {
      const same = extensionLen(packet, Proto.Ah, at) === this.length;
      if (same === this.lengthNegated) return false;
    }
    return !this.reserved || packet.view.getUint16(at + 2) === 0;
  }
}

export const ah6 = defineMatch<AhValues>({
  name: 'ah',
  families: [6],
  options: [
    {
      name: 'ahspi',
      args: 1,
      argument: 'SPI[:SPI]',
      help: 'security parameter index, or a range of them',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.spi = { ...readRange('ah', 'ahspi', text, MAX_UINT32), negated };
      },
      save: ({ spi }) => saveCondition(spi, MAX_UINT32),
    },
    {
      name: 'ahlen',
      args: 1,
      argument: 'BYTES',
      help: 'length of the header; 0 for any',
      negatable: true,
      set: (value, [text = ''], negated) => {
        value.length = { bytes: readNumber('ah', 'ahlen', text, MAX_UINT32), negated };
      },
      save: ({ length }) => {
        if (length === null || (length.bytes === 0 && !length.negated)) return null;
        return shown(String(length.bytes), length.negated);
      },
    },
    {
      name: 'ahres',
      args: 0,
      help: 'the reserved field must be zero',
      set: (value) => {
        value.reserved = true;
      },
      save: ({ reserved }) => (reserved ? shown('') : null),
    },
  ],
  initial: () => ({ spi: null, length: null, reserved: false }),
  list: ({ spi, length, reserved }) => {
    let text = `ah ${listCondition('spi', spi, MAX_UINT32)}`;
    if (length !== null && (length.bytes !== 0 || length.negated)) {
      text += `length:${length.negated ? '!' : ''}${length.bytes}`;
    }
    return reserved ? `${text} reserved` : text;
  },
  // Plain packets have no extension headers.
  steady: true,
  evaluator: (value) => new AhEvaluator(value),
});
