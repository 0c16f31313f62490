import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { cutText } from '../parts/option-values.ts';

/** `-j RATEEST`: feeds a rate estimator. Not enforced. */

interface RateestValues {
  name: string;
  /** As they were read, in microseconds. */
  intervalUsec: number;
  averageUsec: number;
  /** As the kernel keeps them: powers of two of a second and of the interval. */
  interval: number;
  averageLog: number;
}

const SECOND = 1_000_000;
const unitUsec: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ...['s', 'sec', 'secs'].map((unit): [string, number] => [unit, SECOND]),
  ...['ms', 'msec', 'msecs'].map((unit): [string, number] => [unit, 1000]),
  ...['us', 'usec', 'usecs'].map((unit): [string, number] => [unit, 1]),
]);

function parseTime(text: string, what: string): number {
  const [, digits, unit = ''] = /^(\d+(?:\.\d*)?|\.\d+)([a-z]*)$/i.exec(text) ?? [];
  const factor = unitUsec.get(unit.toLowerCase());
  if (digits === undefined || factor === undefined) {
    throw new RuleFault('bad-value', `RATEEST: bad ${what} value "${text}"`);
  }
  return Number(digits) * factor;
}

/** Chooses interval and weight as tc does for its estimators (gen_estimator: -2 is 250 ms). */
function settle(values: RateestValues): void {
  const { intervalUsec, averageUsec } = values;
  const steps = [0, 1, 2, 3, 4, 5];
  const step = steps.find((n) => intervalUsec <= (1 << n) * (SECOND / 4));
  if (step === undefined) {
    throw new RuleFault('bad-value', 'RATEEST: interval value is too large');
  }
  let log = 1;
  while (log < 31 && intervalUsec / -Math.log(1 - 1 / 2 ** log) <= averageUsec) log++;
  if (log === 1 || log === 31) {
    throw new RuleFault('bad-value', 'RATEEST: ewmalog value is out of range');
  }
  values.interval = step - 2;
  values.averageLog = log - 1;
}

/** `250.0ms`, `1.0s`. iptables counts microseconds in 32 bits, and so prints 65536 s as 1111.5s. */
function formatTime(time: number): string {
  const usec = time % 2 ** 32;
  if (usec >= SECOND) return `${(usec / SECOND).toFixed(1)}s`;
  return usec >= 1000 ? `${(usec / 1000).toFixed(1)}ms` : `${usec}us`;
}

const intervalText = ({ interval }: RateestValues) => formatTime(SECOND * 2 ** interval);
const averageText = ({ interval, averageLog }: RateestValues) =>
  formatTime(SECOND * 2 ** (interval + averageLog));

export const rateestTarget = defineTarget<RateestValues>({
  name: 'RATEEST',
  options: [
    {
      name: 'rateest-name',
      args: 1,
      required: true,
      argument: 'NAME',
      help: 'name of the estimator',
      set: (values, [text = '']) => {
        // IFNAMSIZ less the closing NUL.
        values.name = cutText(text, 15);
      },
      save: ({ name }) => shown(name),
    },
    {
      name: 'rateest-interval',
      args: 1,
      argument: 'TIME',
      help: 'time between two samples (s, ms, us)',
      set: (values, [text = '']) => {
        values.intervalUsec = parseTime(text, 'interval');
      },
      save: (values) => shown(intervalText(values)),
    },
    {
      name: 'rateest-ewmalog',
      args: 1,
      argument: 'TIME',
      help: 'time over which the rate is averaged (s, ms, us)',
      set: (values, [text = '']) => {
        values.averageUsec = parseTime(text, 'ewmalog');
      },
      save: (values) => shown(averageText(values)),
    },
  ],
  initial: () => ({ name: '', intervalUsec: 0, averageUsec: 0, interval: 0, averageLog: 0 }),
  finish: settle,
  list: (values) =>
    `name ${values.name} interval ${intervalText(values)} ewmalog ${averageText(values)}`,
  unenforced: () => 'rates are not estimated here: the next rule is asked',
  evaluator: () => goOn,
});
