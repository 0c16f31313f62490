import { RuleFault } from '../../errors.ts';
import type { ParseScope } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { cutBytes, leadingInteger } from './c-text.ts';
import {
  BYTE_EXPIRE_BURST_SEC,
  BYTE_EXPIRE_SEC,
  badBurst,
  costToBytes,
  MAX_BURST,
  parseHashBurst,
  parseHashRate,
  printByteBurst,
  printByteRate,
  printPacketRate,
} from './hashlimit-rate.ts';
import { MAX_UINT32, readNumber } from './option-values.ts';
import { parsePrefix } from './prefix.ts';

/** The options of `-m hashlimit`, revision 3, and their completion. */

const DEFAULT_BURST = 5;
const DEFAULT_SWEEP_MS = 1000;
/** NAME_MAX less the closing NUL. */
const MAX_NAME_BYTES = 254;
/** HASHLIMIT_MAX_SIZE: larger tables are made this large. */
const MAX_TABLE = 1_048_576;

export const modes = ['srcip', 'srcport', 'dstip', 'dstport'] as const;
export type Mode = (typeof modes)[number];

export interface HashlimitValues {
  family: Family;
  above: boolean;
  bytes: boolean;
  /** Interval in 1/1 000 000 s (with `rateMatch`: of one second's worth), or the cost of 16 bytes. */
  average: number;
  /** Seconds of the unit the rate was given in. */
  unitSec: number;
  /** Packets, or refills of the bucket of bytes. */
  burst: number;
  modes: readonly Mode[];
  name: string;
  size: number;
  max: number;
  sweepMs: number;
  expireMs: number;
  sourcePrefix: number;
  destinationPrefix: number;
  rateMatch: boolean;
  /** Seconds; 0 where not given. */
  interval: number;
}

export const initialValues = (): HashlimitValues => ({
  family: 4,
  above: false,
  bytes: false,
  average: 0,
  unitSec: 1,
  burst: DEFAULT_BURST,
  modes: [],
  name: '',
  size: 0,
  max: 0,
  sweepMs: DEFAULT_SWEEP_MS,
  expireMs: 0,
  sourcePrefix: -1,
  destinationPrefix: -1,
  rateMatch: false,
  interval: 0,
});

/** The rate as it is kept and as `listed` shows it, with the time after which its buckets expire. */
export function rateText(value: HashlimitValues, listed: boolean) {
  if (value.bytes) {
    const sec = value.burst === 0 ? BYTE_EXPIRE_SEC : BYTE_EXPIRE_BURST_SEC;
    const burst = value.burst === 0 ? '' : printByteBurst(value.average, value.burst);
    return { text: printByteRate(value.average), burst, expireMs: sec * 1000 };
  }
  // iptables 1.8.9 multiplies by the interval in -L, where there is one, and not in iptables-save.
  const factor = listed && value.interval > 0 ? value.interval : 1;
  const { text, unitSec } = printPacketRate(value.average * factor);
  return { text, burst: String(value.burst), expireMs: unitSec * 1000 };
}

function rateOption(above: boolean): OptionSpec<HashlimitValues> {
  const name = above ? 'hashlimit-above' : 'hashlimit-upto';
  return {
    name,
    ...(above ? {} : { aliases: ['hashlimit'] }),
    args: 1,
    argument: 'RATE[/second|/minute|/hour|/day] | BYTES[k|m]b/s',
    ...(!above && { excludes: ['hashlimit-above'] }),
    help: above ? 'matches what exceeds the rate' : 'matches what stays within the rate',
    negatable: true,
    set: (value, [text = ''], negated) => {
      Object.assign(value, parseHashRate(text, name), { above: above !== negated });
    },
    save: (value) => (value.above === above ? shown(rateText(value, false).text) : null),
  };
}

type NumberField = 'size' | 'max' | 'sweepMs' | 'expireMs';

function tableOption(
  name: string,
  field: NumberField,
  help: string,
  isDefault: (value: HashlimitValues) => boolean,
): OptionSpec<HashlimitValues> {
  return {
    name,
    args: 1,
    argument: field === 'size' || field === 'max' ? 'NUMBER' : 'MILLISECONDS',
    help,
    set: (value, [text = '']) => {
      value[field] = readNumber('hashlimit', name, text, MAX_UINT32);
    },
    save: (value) => (isDefault(value) ? null : shown(String(value[field]))),
  };
}

function prefixOption(name: string, field: 'sourcePrefix' | 'destinationPrefix', what: string) {
  const option: OptionSpec<HashlimitValues> = {
    name,
    args: 1,
    argument: 'LENGTH',
    help: `${what} addresses with the same first bits share a bucket`,
    set: (value, [text = ''], _negated, scope) => {
      value[field] = parsePrefix('hashlimit', name, text, scope);
    },
    save: (value) => (value[field] === fullLength(value) ? null : shown(String(value[field]))),
  };
  return option;
}

export const fullLength = (value: HashlimitValues) => (value.family === 4 ? 32 : 128);

function parseModes(text: string): Mode[] {
  const words = text.split(',').filter((word) => word !== '');
  const unknown = words.some((word) => !(modes as readonly string[]).includes(word));
  if (unknown) {
    const message = `hashlimit: Bad value for "--hashlimit-mode" option: "${text}"`;
    throw new RuleFault('bad-value', message);
  }
  return modes.filter((mode) => words.includes(mode));
}

/** Seconds that fit into milliseconds of 32 bits, as far as the number goes. */
function parseInterval(text: string): number {
  const seconds = leadingInteger(text);
  if (seconds >= 1 && seconds * 1000 <= MAX_UINT32) return seconds;
  const words = `hashlimit: Bad value for "--hashlimit-rate-interval" option: "${text}"`;
  throw new RuleFault('bad-value', words);
}

export const options: readonly OptionSpec<HashlimitValues>[] = [
  rateOption(false),
  rateOption(true),
  {
    name: 'hashlimit-burst',
    args: 1,
    argument: 'NUMBER | BYTES[k|m]b',
    help: 'what may pass at once before the rate counts (5 packets)',
    set: (value, [text = '']) => {
      value.burst = parseHashBurst(text);
    },
    save: (value) => {
      const { burst } = rateText(value, false);
      return burst === '' ? null : shown(burst);
    },
  },
  {
    name: 'hashlimit-mode',
    args: 1,
    argument: 'srcip|srcport|dstip|dstport[,...]',
    help: 'what has a bucket of its own (nothing: one bucket for all)',
    set: (value, [text = '']) => {
      value.modes = parseModes(text);
    },
    save: (value) => (value.modes.length === 0 ? null : shown(value.modes.join(','))),
  },
  {
    name: 'hashlimit-name',
    required: true,
    args: 1,
    argument: 'NAME',
    help: 'name of the buckets; rules with the same name share them',
    set: (value, [text = '']) => {
      if (text === '') {
        const words = 'Argument must have a minimum length of 1 characters';
        throw new RuleFault('bad-value', words);
      }
      value.name = cutBytes(text, MAX_NAME_BYTES);
    },
    save: (value) => shown(value.name),
  },
  tableOption('hashlimit-htable-size', 'size', 'slots of the table', ({ size }) => size === 0),
  tableOption('hashlimit-htable-max', 'max', 'most buckets at a time', ({ max }) => max === 0),
  tableOption(
    'hashlimit-htable-gcinterval',
    'sweepMs',
    'how often idle buckets are looked for',
    ({ sweepMs }) => sweepMs === DEFAULT_SWEEP_MS,
  ),
  tableOption(
    'hashlimit-htable-expire',
    'expireMs',
    'after which idle time a bucket is forgotten',
    (value) => value.expireMs === rateText(value, false).expireMs,
  ),
  prefixOption('hashlimit-srcmask', 'sourcePrefix', 'source'),
  prefixOption('hashlimit-dstmask', 'destinationPrefix', 'destination'),
  {
    name: 'hashlimit-rate-match',
    args: 0,
    help: 'judges the rate of whole intervals and limits nothing',
    set: (value) => {
      value.rateMatch = true;
    },
    save: (value) => (value.rateMatch ? shown('') : null),
  },
  {
    name: 'hashlimit-rate-interval',
    args: 1,
    argument: 'SECONDS',
    help: 'length of an interval of --hashlimit-rate-match',
    set: (value, [text = '']) => {
      value.interval = parseInterval(text);
    },
    save: (value) => (value.rateMatch && value.interval > 1 ? shown(String(value.interval)) : null),
  },
];

/** Refusals and completions at the end of the line, in the order of the iptables extension. */
export function finish(
  value: HashlimitValues,
  scope: ParseScope,
  given: ReadonlySet<string>,
): void {
  value.family = scope.family;
  if (value.average === 0) {
    throw new RuleFault('missing-option', 'You have to specify --hashlimit');
  }
  completeBurst(value, given);
  if (value.sourcePrefix < 0) value.sourcePrefix = fullLength(value);
  if (value.destinationPrefix < 0) value.destinationPrefix = fullLength(value);
  value.size = Math.min(value.size, MAX_TABLE);
  value.max = Math.min(value.max, MAX_TABLE);
  if (!value.rateMatch) return;
  if (value.bytes) {
    value.interval ||= 1;
    return;
  }
  // What is judged are packets of an interval, whose length the unit gives where nothing else does.
  value.interval ||= value.unitSec;
  value.average = Math.floor(value.average / value.unitSec);
}

function completeBurst(value: HashlimitValues, given: ReadonlySet<string>): void {
  const hasBurst = given.has('hashlimit-burst');
  const expires = given.has('hashlimit-htable-expire');
  if (!value.bytes) {
    if (value.burst > MAX_BURST) throw badBurst();
    if (!expires) value.expireMs = value.unitSec * 1000;
    return;
  }
  if (!expires) value.expireMs = (hasBurst ? BYTE_EXPIRE_BURST_SEC : BYTE_EXPIRE_SEC) * 1000;
  if (!hasBurst) {
    value.burst = 0;
    return;
  }
  const rate = costToBytes(value.average);
  if (rate === 0 || value.burst < rate) {
    throw new RuleFault('bad-value', `burst cannot be smaller than ${rate}b`);
  }
  // The extension counts with 32 bits here, so a burst of 4 GB is none.
  value.burst = Math.ceil((value.burst % 2 ** 32) / rate);
}
