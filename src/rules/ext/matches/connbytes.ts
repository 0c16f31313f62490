import { Direction } from '../../../conntrack/index.ts';
import type { ConnectionView, RuleContext } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineMatch, type MatchEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { leadingUint64, MAX_UINT64 } from '../parts/c-text.ts';

/** `-m connbytes`: packets, bytes or bytes per packet that a connection has carried so far. */

const directions = ['original', 'reply', 'both'] as const;
type DirectionName = (typeof directions)[number];
const modes = ['packets', 'bytes', 'avgpkt'] as const;
type ModeName = (typeof modes)[number];

interface ConnbytesValues {
  from: bigint;
  to: bigint;
  negated: boolean;
  direction: DirectionName;
  mode: ModeName;
}

function parseRange(text: string): { from: bigint; to: bigint } {
  const bounds: bigint[] = [];
  for (let rest = text; ; ) {
    if (bounds.length === 2) {
      const words = 'connbytes: Too many components for option "--connbytes" (max: 2)';
      throw new RuleFault('bad-value', words);
    }
    const isOpen = rest === '' || rest.startsWith(':');
    const parsed = isOpen
      ? { value: bounds.length === 0 ? 0n : MAX_UINT64, rest }
      : leadingUint64(rest);
    if (parsed === null) {
      const words = `connbytes: bad value for option "--connbytes" near "${rest}", or out of range (0-${MAX_UINT64}).`;
      throw new RuleFault('bad-value', words);
    }
    bounds.push(parsed.value);
    if (parsed.rest === '') break;
    if (!parsed.rest.startsWith(':')) {
      const words = `connbytes: Argument to "--connbytes" has unexpected characters near "${parsed.rest}".`;
      throw new RuleFault('bad-value', words);
    }
    rest = parsed.rest.slice(1);
  }
  const [from = 0n, to = MAX_UINT64] = bounds;
  if (to < from) throw new RuleFault('bad-value', `${from} should be less than ${to}`);
  return { from, to };
}

const rangeText = ({ from, to }: ConnbytesValues) =>
  to === MAX_UINT64 ? String(from) : `${from}:${to}`;

class ConnbytesEvaluator implements MatchEvaluator {
  private readonly from: number;
  private readonly to: number;
  private readonly negated: boolean;
  private readonly mode: ModeName;
  private readonly original: boolean;
  private readonly reply: boolean;

  constructor(values: ConnbytesValues) {
    // Counters are doubles, exact up to 9 PB; a bound beyond that is never reached.
    this.from = Number(values.from);
    this.to = Number(values.to);
    this.negated = values.negated;
    this.mode = values.mode;
    this.original = values.direction !== 'reply';
    this.reply = values.direction !== 'original';
  }

  matches(ctx: RuleContext): boolean {
    const { connection } = ctx;
    if (!connection.exists) return false;
    let what: number;
    if (this.mode === 'packets') what = this.packets(connection);
    else if (this.mode === 'bytes') what = this.bytes(connection);
    else {
      const packets = this.packets(connection);
      what = packets === 0 ? 0 : Math.floor(this.bytes(connection) / packets);
    }
    return (what >= this.from && what <= this.to) !== this.negated;
  }

  private packets(connection: ConnectionView): number {
    const original = this.original ? connection.packets(Direction.Original) : 0;
    return this.reply ? original + connection.packets(Direction.Reply) : original;
  }

  private bytes(connection: ConnectionView): number {
    const original = this.original ? connection.bytes(Direction.Original) : 0;
    return this.reply ? original + connection.bytes(Direction.Reply) : original;
  }
}

export const connbytes = defineMatch<ConnbytesValues>({
  name: 'connbytes',
  options: [
    {
      name: 'connbytes',
      args: 1,
      argument: 'FROM[:TO]',
      help: 'bounds, both included',
      negatable: true,
      required: true,
      set: (value, [text = ''], negated) => {
        const range = parseRange(text);
        // A negation is written as bounds in the wrong order, which equal ones cannot show.
        Object.assign(value, range, { negated: negated && range.from !== range.to });
      },
      save: (value) => shown(rangeText(value), value.negated),
    },
    {
      name: 'connbytes-mode',
      args: 1,
      argument: 'packets|bytes|avgpkt',
      help: 'what is counted',
      required: true,
      set: (value, [text = '']) => {
        const mode = modes.find((name) => name === text);
        if (mode === undefined) {
          throw new RuleFault('bad-value', `Unknown --connbytes-mode \`${text}'`);
        }
        value.mode = mode;
      },
      save: (value) => shown(value.mode),
    },
    {
      name: 'connbytes-dir',
      args: 1,
      argument: 'original|reply|both',
      help: 'in which direction',
      required: true,
      set: (value, [text = '']) => {
        const direction = directions.find((name) => name === text);
        if (direction === undefined) {
          throw new RuleFault('bad-value', `Unknown --connbytes-dir \`${text}'`);
        }
        value.direction = direction;
      },
      save: (value) => shown(value.direction),
    },
  ],
  initial: () => ({ from: 0n, to: MAX_UINT64, negated: false, direction: 'both', mode: 'packets' }),
  list: (value) => {
    const not = value.negated ? '! ' : '';
    return `${not}connbytes ${rangeText(value)} connbytes mode ${value.mode} connbytes direction ${value.direction}`;
  },
  evaluator: (values) => new ConnbytesEvaluator(values),
});
