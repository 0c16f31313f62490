import { defineTarget } from '../../extension.ts';
import { shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { refused } from '../parts/match-place.ts';
import { cutText, MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-j IDLETIMER`: tells user space when a class of traffic falls silent. Not enforced. */

interface IdleValues {
  timeout: number;
  label: string;
  alarm: boolean;
}

/** Seconds from which on the kernel's milliseconds would overflow (idletimer_tg_helper). */
const TOO_LONG_SEC = 2_147_483;
/** MAX_IDLETIMER_LABEL_SIZE less the closing NUL. */
const MAX_LABEL_BYTES = 27;

export const idletimer = defineTarget<IdleValues>({
  name: 'IDLETIMER',
  options: [
    {
      name: 'timeout',
      args: 1,
      argument: 'SECONDS',
      help: 'silence after which the timer fires',
      required: true,
      set: (values, [text = '']) => {
        values.timeout = readNumber('IDLETIMER', 'timeout', text, MAX_UINT32);
      },
      save: ({ timeout }) => shown(String(timeout)),
    },
    {
      name: 'label',
      args: 1,
      argument: 'NAME',
      help: 'name of the timer',
      required: true,
      set: (values, [text = '']) => {
        values.label = cutText(text, MAX_LABEL_BYTES);
      },
      save: ({ label }) => shown(label),
    },
    {
      name: 'alarm',
      args: 0,
      help: 'go on counting while the system is suspended',
      set: (values) => {
        values.alarm = true;
      },
      save: ({ alarm }) => (alarm ? shown('') : null),
    },
  ],
  initial: () => ({ timeout: 0, label: '', alarm: false }),
  check: ({ timeout, label }) => {
    if (timeout > 0 && timeout < TOO_LONG_SEC && label !== '') return;
    const detail = `IDLETIMER needs a label and a timeout of 1 to ${TOO_LONG_SEC - 1} seconds`;
    throw refused(detail);
  },
  list: ({ timeout, label, alarm }) => `timeout:${timeout} label:${label}${alarm ? ' alarm' : ''}`,
  unenforced: () => 'idle timers do not run here: the next rule is asked',
  evaluator: () => goOn,
});
