import { type LogOptions, type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, quoteWord, shown } from '../../options.ts';
import { readLogPrefix } from '../parts/option-values.ts';

/** `-j LOG`: writes a line and goes on. */

type LogValues = { -readonly [K in keyof LogOptions]: LogOptions[K] };

const DEFAULT_LEVEL = 4;
/** Space of the prefix in ipt_log_info, less the closing NUL: longer ones are cut, as iptables does. */
const MAX_PREFIX_BYTES = 29;

/** Levels of syslog(3): the name that is read, the number, and the name that -L prints. */
const levels: readonly (readonly [string, number, string])[] = [
  ['emerg', 0, 'emerg'],
  ['panic', 0, 'emerg'],
  ['alert', 1, 'alert'],
  ['crit', 2, 'crit'],
  ['error', 3, 'err'],
  ['warning', 4, 'warn'],
  ['notice', 5, 'notice'],
  ['info', 6, 'info'],
  ['debug', 7, 'debug'],
];

function parseLevel(text: string): number {
  const level = parseUnsigned(text, 7) ?? levels.find(([name]) => name === text)?.[1] ?? null;
  if (level === null) throw new RuleFault('bad-value', `log level "${text}" unknown`);
  return level;
}

/** The flags with their option, their bit in `LOG flags N`, their word in -L, and what is logged. */
const flagOptions = [
  ['log-tcp-sequence', 'tcpSequence', 1, 'tcp-sequence', 'sequence numbers of TCP'],
  ['log-tcp-options', 'tcpOptions', 2, 'tcp-options', 'options of the TCP header'],
  ['log-ip-options', 'ipOptions', 4, 'ip-options', 'options of the IP header'],
  ['log-uid', 'uid', 8, 'uid', 'user id of the sender'],
  ['log-macdecode', 'macDecode', 32, 'macdecode', 'hardware addresses, taken apart'],
] as const;

const options: readonly OptionSpec<LogValues>[] = [
  {
    name: 'log-prefix',
    args: 1,
    argument: 'TEXT',
    help: 'text in front of each line, up to 29 bytes',
    set: (value, [text = '']) => {
      value.prefix = readLogPrefix(text, 'log-prefix', MAX_PREFIX_BYTES);
    },
    save: (value) => (value.prefix === '' ? null : shown(quoteWord(value.prefix))),
  },
  {
    name: 'log-level',
    args: 1,
    argument: 'LEVEL',
    help: 'level of syslog by name or number (warning where not given)',
    set: (value, [text = '']) => {
      value.level = parseLevel(text);
    },
    save: (value) => (value.level === DEFAULT_LEVEL ? null : shown(String(value.level))),
  },
  ...flagOptions.map(
    ([name, field, , , what]): OptionSpec<LogValues> => ({
      name,
      args: 0,
      help: `log ${what}`,
      set: (value) => {
        value[field] = true;
      },
      save: (value) => (value[field] ? shown('') : null),
    }),
  ),
];

class LogEvaluator implements TargetEvaluator {
  private readonly options: LogOptions;

  constructor(options: LogOptions) {
    this.options = options;
  }

  apply(ctx: RuleContext): VerdictCode {
    ctx.actions.log(this.options);
    return Verdict.Continue;
  }
}

export const log = defineTarget<LogValues>({
  name: 'LOG',
  options,
  initial: () => ({
    level: DEFAULT_LEVEL,
    prefix: '',
    tcpSequence: false,
    tcpOptions: false,
    ipOptions: false,
    uid: false,
    macDecode: false,
  }),
  list: (value, view) => {
    const set = flagOptions.filter(([, field]) => value[field]);
    const level = levels.find(([, number]) => number === value.level)?.[2] ?? value.level;
    let text = 'LOG';
    if (view.numeric) {
      text += ` flags ${set.reduce((sum, [, , bit]) => sum + bit, 0)} level ${value.level}`;
    } else {
      text += [` level ${level}`, ...set.map(([, , , word]) => word)].join(' ');
    }
    return value.prefix === '' ? text : `${text} prefix "${value.prefix}"`;
  },
  evaluator: (value) => new LogEvaluator({ ...value }),
});
