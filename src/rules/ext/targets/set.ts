import { Hook, type RuleContext, Verdict, type VerdictCode } from '../../context.ts';
import { INVALID_ARGUMENT, RuleFault } from '../../errors.ts';
import { type CompileScope, defineTarget, type TargetEvaluator } from '../../extension.ts';
import { parseUnsigned } from '../../numbers.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { Found, type LiveSet, SetQuestion } from '../../sets/live.ts';
import { liveSet, liveSetToAdd, liveSetToChange } from '../../sets/live-sets.ts';
import { formatSetReference, parseSetReference, type SetReference } from '../parts/set-flags.ts';

/** `-j SET`: puts the packet's element in a set, takes it out, or maps it to a mark (xt_SET). */

interface SetTargetValues {
  add: SetReference | null;
  remove: SetReference | null;
  map: SetReference | null;
  exist: boolean;
  /** Seconds; -1 where not given. */
  timeout: number;
  mapMark: boolean;
  mapPriority: boolean;
  mapQueue: boolean;
}

/** One below UINT32_MAX, which the kernel keeps for "not given". */
const MAX_TIMEOUT = 0xfffffffe;
/** IPSET_MAX_TIMEOUT: the kernel cuts longer ones to this. */
const LONGEST_TIMEOUT = 2_147_483;

function referenceOption(
  name: string,
  field: 'add' | 'remove' | 'map',
  help: string,
): OptionSpec<SetTargetValues> {
  return {
    name,
    args: 2,
    argument: 'NAME src|dst[,…]',
    help,
    // iptables takes `!` here and pays no heed to it.
    negatable: true,
    repeated: `--${name} can be specified only once`,
    set: (value, [set = '', flags = ''], _negated, scope) => {
      value[field] = parseSetReference(set, flags, scope);
    },
    save: (value) => {
      const reference = value[field];
      return reference === null ? null : shown(formatSetReference(reference));
    },
  };
}

function flagOption(
  name: string,
  field: 'exist' | 'mapMark' | 'mapPriority' | 'mapQueue',
  help: string,
): OptionSpec<SetTargetValues> {
  return {
    name,
    args: 0,
    help,
    repeatable: true,
    set: (value) => {
      value[field] = true;
    },
    save: (value) => (value[field] ? shown('') : null),
  };
}

const options: readonly OptionSpec<SetTargetValues>[] = [
  referenceOption('add-set', 'add', 'put the element in this set'),
  flagOption('exist', 'exist', 'refresh the element where it is there already'),
  {
    name: 'timeout',
    args: 1,
    argument: 'SECONDS',
    repeatable: true,
    help: "how long what is added stays, instead of the set's own time",
    set: (value, [text = '']) => {
      const seconds = parseUnsigned(text, MAX_TIMEOUT);
      if (seconds === null) {
        const words = `Invalid value for option --timeout or out of range 0-${MAX_TIMEOUT}`;
        throw new RuleFault('bad-value', words);
      }
      value.timeout = seconds;
    },
    save: ({ timeout }) => (timeout < 0 ? null : shown(String(timeout))),
  },
  referenceOption('del-set', 'remove', 'take the element out of this set'),
  referenceOption('map-set', 'map', 'look the element up for what --map-… takes over'),
  flagOption('map-mark', 'mapMark', "take over the element's packet mark"),
  flagOption('map-prio', 'mapPriority', "take over the element's priority"),
  flagOption('map-queue', 'mapQueue', "take over the element's hardware queue"),
];

function questionOf(reference: SetReference | null): SetQuestion {
  const question = new SetQuestion();
  if (reference === null) return question;
  question.sources = reference.sources;
  question.dimension = reference.dimension;
  return question;
}

class SetTargetEvaluator implements TargetEvaluator {
  private readonly addSet: LiveSet | null;
  private readonly addQuestion: SetQuestion;
  private readonly removeSet: LiveSet | null;
  private readonly removeQuestion: SetQuestion;
  private readonly mapSet: LiveSet | null;
  private readonly mapQuestion: SetQuestion;
  private readonly mapMark: boolean;

  constructor(values: SetTargetValues, scope: CompileScope) {
    const { add, remove, map } = values;
    this.addSet = add === null ? null : liveSetToAdd(add.set, scope);
    this.addQuestion = questionOf(add);
    this.addQuestion.refresh = values.exist;
    this.addQuestion.timeout = Math.min(values.timeout, LONGEST_TIMEOUT);
    this.removeSet = remove === null ? null : liveSetToChange(remove.set, scope);
    this.removeQuestion = questionOf(remove);
    this.mapSet = map === null ? null : liveSet(map.set, scope);
    this.mapQuestion = questionOf(map);
    this.mapMark = values.mapMark;
  }

  apply(ctx: RuleContext): VerdictCode {
    if (this.addSet !== null) this.addSet.add(ctx, this.addQuestion);
    if (this.removeSet !== null) this.removeSet.remove(ctx, this.removeQuestion);
    if (this.mapSet !== null) this.takeMark(ctx, this.mapSet);
    return Verdict.Continue;
  }

  private takeMark(ctx: RuleContext, set: LiveSet): void {
    const { mapQuestion } = this;
    mapQuestion.mark = 0;
    mapQuestion.markMask = 0;
    if (set.test(ctx, mapQuestion) !== Found.Yes || !this.mapMark) return;
    ctx.mark = (ctx.mark & ~mapQuestion.markMask) ^ mapQuestion.mark;
  }
}

function refuseMisuse(value: SetTargetValues): void {
  const { add, remove, map } = value;
  const fail = (words: string): never => {
    throw new RuleFault('missing-option', words);
  };
  if (add === null && remove === null && map === null) {
    fail("You must specify either `--add-set' or `--del-set' or `--map-set'");
  }
  if (add === null && value.exist) fail("Flag `--exist' can be used with `--add-set' only");
  if (add === null && value.timeout >= 0) {
    fail("Option `--timeout' can be used with `--add-set' only");
  }
  const { mapMark, mapPriority, mapQueue } = value;
  if (map !== null && !mapMark && !mapPriority && !mapQueue) {
    fail("You must specify flags `--map-mark' or '--map-prio` or `--map-queue'");
  }
  if (map !== null) return;
  const given = [mapMark && 'map-mark', mapPriority && 'map-prio', mapQueue && 'map-queue'];
  for (const name of given) {
    if (name) fail(`Flag \`--${name}' can be used with \`--map-set' only`);
  }
}

/** Where packets have a priority and a queue to be sent by. */
const SENDING = (1 << Hook.Forward) | (1 << Hook.Output) | (1 << Hook.Postrouting);

export const setTarget = defineTarget<SetTargetValues>({
  name: 'SET',
  options,
  initial: () => ({
    add: null,
    remove: null,
    map: null,
    exist: false,
    timeout: -1,
    mapMark: false,
    mapPriority: false,
    mapQueue: false,
  }),
  finish: refuseMisuse,
  check: (value, _rule, place) => {
    if (value.map === null) return;
    const fail = (detail: string): never => {
      throw new RuleFault('invalid-place', INVALID_ARGUMENT, detail);
    };
    if (place.table !== 'mangle') fail('SET --map-set: only in table mangle');
    if ((value.mapPriority || value.mapQueue) && (place.hookMask & ~SENDING) !== 0) {
      fail('SET --map-prio and --map-queue: only from FORWARD, OUTPUT, POSTROUTING');
    }
  },
  unenforced: ({ mapPriority, mapQueue }) =>
    mapPriority || mapQueue
      ? 'packets have neither priority nor queue here: --map-prio and --map-queue do nothing'
      : null,
  list: (value) => {
    const words: string[] = [];
    if (value.add !== null) words.push(`add-set ${formatSetReference(value.add)}`);
    if (value.exist) words.push('exist');
    if (value.timeout >= 0) words.push(`timeout ${value.timeout}`);
    if (value.remove !== null) words.push(`del-set ${formatSetReference(value.remove)}`);
    if (value.map !== null) words.push(`map-set ${formatSetReference(value.map)}`);
    if (value.mapMark) words.push('map-mark');
    if (value.mapPriority) words.push('map-prio');
    if (value.mapQueue) words.push('map-queue');
    return words.join(' ');
  },
  evaluator: (value, scope) => new SetTargetEvaluator(value, scope),
});
