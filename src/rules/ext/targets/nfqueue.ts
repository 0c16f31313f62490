import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { shown } from '../../options.ts';
import { acceptAll, dropAll } from '../parts/fixed-verdict.ts';
import { refused } from '../parts/match-place.ts';
import { readNumber } from '../parts/option-values.ts';

/** `-j NFQUEUE` and `-j QUEUE`, as the kernel carries them out where no program listens. */

interface QueueValues {
  first: number;
  last: number;
  balanced: boolean;
  bypass: boolean;
  fanout: boolean;
}

/** `0:5`; an end that is left out is the lowest or the highest queue. */
function parseQueues(text: string): { first: number; last: number } {
  const parts = text.split(':');
  if (parts.length > 2) {
    const words = 'NFQUEUE: Too many components for option "--queue-balance" (max: 2)';
    throw new RuleFault('bad-value', words);
  }
  const numbers = parts.map((part, i) => {
    if (part === '') return i === 0 ? 0 : 0xffff;
    return parseQueue(part, parts.slice(i).join(':'));
  });
  const [first = 0, last] = numbers;
  if (last === undefined) throw new RuleFault('bad-value', `Bad range "${text}"`);
  if (first >= last) throw new RuleFault('bad-value', `${first} should be less than ${last}`);
  return { first, last };
}

/** One end of the range; `rest` is what is left of the argument, as messages show it. */
function parseQueue(part: string, rest: string): number {
  const number = parseUnsigned(part, 0xffff);
  if (number !== null) return number;
  const [digits = ''] = /^\d*/.exec(part) ?? [];
  const option = '"--queue-balance"';
  const words =
    digits === '' || digits === part || Number(digits) > 0xffff
      ? `NFQUEUE: bad value for option ${option} near "${rest}", or out of range (0-65535).`
      : `NFQUEUE: Argument to ${option} has unexpected characters near "${rest.slice(digits.length)}".`;
  throw new RuleFault('bad-value', words);
}

export const nfqueue = defineTarget<QueueValues>({
  name: 'NFQUEUE',
  options: [
    {
      name: 'queue-num',
      args: 1,
      argument: 'NUMBER',
      help: 'queue to send packets to, 0 where not given',
      excludes: ['queue-balance'],
      set: (values, [text = '']) => {
        values.first = readNumber('NFQUEUE', 'queue-num', text, 0xffff);
      },
      save: ({ balanced, first }) => (balanced ? null : shown(String(first))),
    },
    {
      name: 'queue-balance',
      args: 1,
      argument: 'FIRST:LAST',
      help: 'queues to share packets among',
      excludes: ['queue-num'],
      set: (values, [text = '']) => {
        Object.assign(values, parseQueues(text), { balanced: true });
      },
      save: ({ balanced, first, last }) => (balanced ? shown(`${first}:${last}`) : null),
    },
    {
      name: 'queue-bypass',
      args: 0,
      help: 'let packets pass where no program listens',
      set: (values) => {
        values.bypass = true;
      },
      save: ({ bypass }) => (bypass ? shown('') : null),
    },
    {
      name: 'queue-cpu-fanout',
      args: 0,
      requires: ['queue-balance'],
      help: 'choose the queue by the processor',
      set: (values) => {
        values.fanout = true;
      },
      save: ({ fanout }) => (fanout ? shown('') : null),
    },
  ],
  initial: () => ({ first: 0, last: 0, balanced: false, bypass: false, fanout: false }),
  check: ({ first, last }) => {
    // nfqueue_tg_check: the number of queues must itself fit into 16 bits.
    if (last - first < 0xffff) return;
    throw refused('NFQUEUE: 65535 queues at most');
  },
  list: ({ first, last, balanced, bypass, fanout }) => {
    const queue = balanced ? `balance ${first}:${last}` : `num ${first}`;
    return `NFQUEUE ${queue}${bypass ? ' bypass' : ''}${fanout ? ' cpu-fanout' : ''}`;
  },
  unenforced: ({ bypass }) =>
    `no program can listen to queues here: the packet is ${bypass ? 'accepted' : 'dropped'}`,
  // Nobody listens, so that all are accepted alike.
  steady: ({ bypass }) => bypass,
  evaluator: ({ bypass }) => (bypass ? acceptAll : dropAll),
});

export const queue = defineTarget<Record<string, never>>({
  name: 'QUEUE',
  options: [],
  initial: () => ({}),
  list: () => '',
  unenforced: () => 'no program can listen to queues here: the packet is dropped',
  evaluator: () => dropAll,
});
