import type { RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator, type WalkSignal } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { ConnectionCount } from '../parts/connection-count.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';
import { parsePrefix, prefixWords } from '../parts/prefix.ts';
import { readTicks } from '../parts/ticks.ts';

/** `-m connlimit`: how many connections an address (or a network) has open. */

interface ConnlimitValues {
  family: Family;
  /** -1 where not given. */
  limit: number;
  /** Matches above the limit, else up to it. */
  above: boolean;
  prefix: number;
  destination: boolean;
}

function limitOption(above: boolean): OptionSpec<ConnlimitValues> {
  const name = above ? 'connlimit-above' : 'connlimit-upto';
  return {
    name,
    args: 1,
    argument: 'N',
    ...(!above && { excludes: ['connlimit-above'] }),
    help: above ? 'more than N connections are open' : 'at most N connections are open',
    negatable: true,
    set: (value, [text = ''], negated) => {
      value.limit = readNumber('connlimit', name, text, MAX_UINT32);
      value.above = above !== negated;
    },
    save: (value) => (value.above === above ? shown(String(value.limit)) : null),
  };
}

function sideOption(name: 'connlimit-saddr' | 'connlimit-daddr', destination: boolean) {
  const option: OptionSpec<ConnlimitValues> = {
    name,
    args: 0,
    ...(!destination && { excludes: ['connlimit-daddr'] }),
    help: `counts by ${destination ? 'destination' : 'source'} address`,
    set: (value) => {
      value.destination = destination;
    },
    save: (value) => (value.destination === destination ? shown('') : null),
  };
  return option;
}

const fullLength = (family: Family) => (family === 4 ? 32 : 128);

class ConnlimitEvaluator implements MatchEvaluator {
  private readonly count = new ConnectionCount();
  private readonly signal: WalkSignal;
  private readonly limit: number;
  private readonly above: boolean;
  private readonly destination: boolean;
  private readonly mask: Int32Array;

  constructor(values: ConnlimitValues, signal: WalkSignal) {
    this.signal = signal;
    this.limit = values.limit;
    this.above = values.above;
    this.destination = values.destination;
    this.mask = prefixWords(values.prefix, values.family);
  }

  matches(ctx: RuleContext): boolean {
    const { packet, connection } = ctx;
    const { count, mask, destination } = this;
    const { key } = count;
    key[0] = (destination ? packet.dst0 : packet.src0) & mask[0]!;
    key[1] = (destination ? packet.dst1 : packet.src1) & mask[1]!;
    key[2] = (destination ? packet.dst2 : packet.src2) & mask[2]!;
    key[3] = (destination ? packet.dst3 : packet.src3) & mask[3]!;
    key[4] = connection.exists ? connection.zone : 0;
    readTicks(count.now, 0, ctx.clock);
    const exceeds = count.exceeds(this.limit, connection);
    if (exceeds < 0) {
      this.signal.hotdrop = true;
      return false;
    }
    return (exceeds === 1) === this.above;
  }
}

export const connlimit = defineMatch<ConnlimitValues>({
  name: 'connlimit',
  stateful: true,
  options: [
    limitOption(false),
    limitOption(true),
    {
      name: 'connlimit-mask',
      args: 1,
      argument: 'LENGTH',
      help: 'addresses with the same first bits count together (all bits)',
      set: (value, [text = ''], _negated, scope) => {
        // Longer than the address, or with holes: the whole address (connlimit_parse).
        const length = parsePrefix('connlimit', 'connlimit-mask', text, scope);
        value.prefix = Math.min(length, fullLength(scope.family));
      },
      save: (value) => shown(String(value.prefix)),
    },
    sideOption('connlimit-saddr', false),
    sideOption('connlimit-daddr', true),
  ],
  initial: () => ({
    family: 4,
    limit: -1,
    above: false,
    prefix: -1,
    destination: false,
  }),
  finish: (value, scope) => {
    value.family = scope.family;
    if (value.prefix < 0) value.prefix = fullLength(scope.family);
    if (value.limit < 0) {
      const words = 'You must specify "--connlimit-above" or "--connlimit-upto".';
      throw new RuleFault('missing-option', words);
    }
  },
  list: (value) => {
    const side = value.destination ? 'dst' : 'src';
    return `#conn ${side}/${value.prefix} ${value.above ? '>' : '<='} ${value.limit}`;
  },
  evaluator: (values, scope) => new ConnlimitEvaluator(values, scope.signal),
});
