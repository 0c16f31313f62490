import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { quoteWord, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { MAX_UINT32 } from '../parts/option-values.ts';

/** `-j LED`: blinks. Not enforced. */

interface LedValues {
  trigger: string;
  /** Milliseconds; -1 for `inf`. */
  delay: number;
  alwaysBlink: boolean;
}

/** Space behind the prefix `netfilter-` in the name of the trigger. */
const MAX_TRIGGER_BYTES = 16;

function parseDelay(text: string): number {
  if (text === 'inf') return -1;
  const delay = parseUnsigned(text, MAX_UINT32);
  if (delay !== null) return delay;
  throw new RuleFault('bad-value', `Delay value must be within range 0..${MAX_UINT32}`);
}

export const led = defineTarget<LedValues>({
  name: 'LED',
  options: [
    {
      name: 'led-trigger-id',
      args: 1,
      argument: 'NAME',
      help: 'name of the trigger',
      required: true,
      set: (values, [text = '']) => {
        if (Buffer.byteLength(text) > MAX_TRIGGER_BYTES) {
          const words = `Argument must have a maximum length of ${MAX_TRIGGER_BYTES} characters`;
          throw new RuleFault('bad-value', words);
        }
        values.trigger = text;
      },
      save: ({ trigger }) => shown(quoteWord(trigger)),
    },
    {
      name: 'led-delay',
      args: 1,
      argument: 'MILLISECONDS|inf',
      help: 'time the light stays on',
      set: (values, [text = '']) => {
        values.delay = parseDelay(text);
      },
      save: ({ delay }) => (delay === 0 ? null : shown(delay < 0 ? 'inf' : String(delay))),
    },
    {
      name: 'led-always-blink',
      args: 0,
      help: 'blink even where the light is on already',
      set: (values) => {
        values.alwaysBlink = true;
      },
      save: ({ alwaysBlink }) => (alwaysBlink ? shown('') : null),
    },
  ],
  initial: () => ({ trigger: '', delay: 0, alwaysBlink: false }),
  list: ({ trigger, delay, alwaysBlink }) => {
    const time = delay < 0 ? 'inf' : `${delay}ms`;
    return `led-trigger-id:"${trigger}" led-delay:${time}${alwaysBlink ? ' led-always-blink' : ''}`;
  },
  unenforced: () => 'no light is switched here: the next rule is asked',
  evaluator: () => goOn,
});
