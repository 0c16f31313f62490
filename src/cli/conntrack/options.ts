import type {
  BitsMatchDto,
  ConntrackChangeDto,
  ConntrackFilterDto,
  EventName,
} from '../../control/index.ts';
import { defaultFormat, type FormatOptions } from './format-options.ts';
import { type GivenOption, getopt, type OptionSpec } from './getopt.ts';
import type { LabelNames } from './labels.ts';
import { checkOptions } from './option-checks.ts';
import { type CommandName, commandOptions, plainOptions, type TableName } from './option-table.ts';
import { protocolOptions } from './protocol-options.ts';
import { type ExpectWords, Template } from './template.ts';
import { ExitCode, UsageError } from './usage-error.ts';
import { formatOf, type OutputWord, parseEvents, parseOutput } from './words.ts';

/** A command line, read and checked. */
export interface ConntrackOptions {
  /** Null for an empty command line, which asks for the help as `-h` does. */
  command: CommandName | null;
  table: TableName;
  /** Which connections are meant. */
  filter: ConntrackFilterDto;
  /** Labels (of `-l`) that a connection must have. */
  labels: readonly number[];
  /** What `-U` and `-I` set; `clearLabels` takes all labels away. */
  change: ConntrackChangeDto;
  clearLabels: boolean;
  expect: ExpectWords;
  masks: { readonly src?: string; readonly dst?: string };
  vtags: { readonly origVtag?: number; readonly replyVtag?: number };
  /** Keys of the options that were given. */
  given: ReadonlySet<string>;
  format: FormatOptions;
  events: ReadonlySet<EventName>;
}

/** What the reading of options has of the world. */
export interface OptionsWorld {
  /** What is shown without `-o`. */
  format?: FormatOptions;
  /** The names of labels; null where there is no file of them. Asked only when labels are named. */
  labelNames?: () => LabelNames | null;
  /** Is told what is no error, while the options are read. */
  warn?: (line: string) => void;
}

// A word is taken for the first of these that begins with it.
const tableNames: readonly TableName[] = ['expect', 'conntrack', 'dying', 'unconfirmed'];
const allEvents: ReadonlySet<EventName> = new Set<EventName>(['NEW', 'UPDATE', 'DESTROY']);

/**
 * Reads the arguments of `conntrack` (without the program's name). Throws UsageError with
 * conntrack(8)'s message and exit code.
 */
export function parseConntrackOptions(
  argv: readonly string[],
  world: OptionsWorld = {},
): ConntrackOptions {
  const reader = new OptionReader(world.warn ?? (() => {}));
  for (const given of getopt(argv, () => reader.specs)) reader.take(given);
  return reader.finish(world);
}

class OptionReader {
  specs: readonly OptionSpec[] = [...commandOptions, ...plainOptions];
  private command: CommandName | null = null;
  private table: TableName = 'conntrack';
  private events: ReadonlySet<EventName> = allEvents;
  private readonly output = new Set<OutputWord>();
  private readonly given = new Set<string>();
  private readonly warn: (line: string) => void;
  private readonly template: Template;
  private readonly labelLists: { key: string; names: string }[] = [];

  constructor(warn: (line: string) => void) {
    this.warn = warn;
    this.template = new Template(warn);
  }

  take({ key, value }: GivenOption): void {
    if (commandOptions.some((spec) => spec.key === key)) {
      this.takeCommand(key as CommandName, value);
      return;
    }
    if (key === 'nat-range') {
      this.warn('WARNING: ignoring -a, deprecated option.');
      return;
    }
    this.given.add(key);
    if (value !== null && key === 'event-mask') this.events = parseEvents(value);
    else if (value !== null && key === 'output') this.takeOutput(value);
    else if (key.startsWith('label')) this.takeLabel(key, value);
    else this.takeTemplate(key, value);
  }

  finish(world: OptionsWorld): ConntrackOptions {
    const { command, table, given, template } = this;
    for (const side of ['src', 'dst'] as const) {
      if (template.masks[side] !== undefined) given.add(`mask-${side}`);
    }
    const labels = this.labels(world);
    if (given.has('any-nat') && (given.has('src-nat') || given.has('dst-nat'))) {
      throw new UsageError("cannot specify `--src-nat' or `--dst-nat' with `--any-nat'");
    }
    checkOptions(command, table, given, template.proto);
    const { expect, masks, vtags, change } = template;
    return {
      ...{ command, table, given, expect, masks, vtags },
      change: { ...change, ...labels.change },
      clearLabels: given.has('label-del') && labels.change.removeLabels === undefined,
      labels: labels.filter,
      filter: finishFilter(template, command, table, given),
      format: { ...formatOf(this.output, world.format ?? defaultFormat), ...labels.format },
      events: this.events,
    };
  }

  private takeCommand(command: CommandName, word: string | null): void {
    const table = word === null ? 'conntrack' : tableNames.find((name) => name.startsWith(word));
    if (table === undefined) throw new UsageError(`unknown type \`${word}'`);
    const isOfEntries = table === 'dying' || table === 'unconfirmed';
    if (isOfEntries && command !== 'list') {
      throw new UsageError("Can't do that command with tables `dying' and `unconfirmed'");
    }
    if (table === 'expect' && (command === 'update' || command === 'add')) {
      throw new UsageError(`Can't do --${command} on expectations`);
    }
    if (this.command !== null) throw new UsageError('Invalid commands combination');
    this.command = command;
    this.table = table;
  }

  private takeOutput(value: string): void {
    parseOutput(value, this.output);
    if (!this.output.has('save') || this.output.size === 1) return;
    const message = 'cannot combine save output with any other output type, use -o save only';
    throw new UsageError(message, ExitCode.Failure);
  }

  private takeLabel(key: string, names: string | null): void {
    if (this.given.has('label-add') && this.given.has('label-del')) {
      const message = 'cannot use --label-add and --label-del at the same time';
      throw new UsageError(message, ExitCode.Failure);
    }
    if (names !== null) this.labelLists.push({ key, names });
  }

  private takeTemplate(key: string, value: string | null): void {
    this.template.take(key, value);
    if (key !== 'protonum') return;
    const added = protocolOptions(this.template.proto)?.specs ?? [];
    this.specs = [...commandOptions, ...plainOptions, ...added];
  }

  private labels({ labelNames }: OptionsWorld): {
    filter: number[];
    change: ConntrackChangeDto;
    format: Partial<FormatOptions>;
  } {
    const isNamed = [...this.given].some((key) => key.startsWith('label'));
    if (!isNamed && !this.output.has('labels')) return { filter: [], change: {}, format: {} };
    const names = labelNames?.() ?? null;
    if (names === null) this.warn('nfct_labelmap_new: No such file or directory');
    const numbers = (wanted: string) =>
      this.labelLists
        .filter(({ key }) => key === wanted)
        .flatMap((list) => {
          if (names !== null) return names.parse(list.names);
          throw new UsageError(`unknown label '${list.names.split(',')[0]}'`);
        });
    const [filter, add, remove] = [numbers('label'), numbers('label-add'), numbers('label-del')];
    const change: ConntrackChangeDto = {};
    if (add.length > 0) change.addLabels = add;
    if (remove.length > 0) change.removeLabels = remove;
    const format = names === null ? {} : { labels: true, labelName: names.nameOf };
    return { filter, change, format };
  }
}

// Options that select entries, and cannot go with `-z`: not all that do.
const comparing = [
  ...['src', 'dst', 'reply-src', 'reply-dst', 'protonum', 'mark', 'secmark', 'status', 'id'],
  ...['zone', 'orig-zone', 'reply-zone', 'label'],
];

/** The filter of a command: what the options name, without what it sets. */
function finishFilter(
  { filter, change, masks, statusClear }: Template,
  command: CommandName | null,
  table: TableName,
  given: ReadonlySet<string>,
): ConntrackFilterDto {
  if (table === 'expect' || command === 'create' || command === 'add') return filter;
  if (given.has('zero') && table === 'conntrack' && comparing.some((key) => given.has(key))) {
    throw new UsageError("Can't use -z with filtering parameters");
  }
  for (const side of ['src', 'dst'] as const) {
    const mask = table === 'conntrack' ? masks[side] : undefined;
    if (mask === undefined) continue;
    const address = side === 'src' ? filter.origSrc : filter.origDst;
    if (address === undefined) throw new UsageError(`Can't use --mask-${side} without --${side}`);
    address.mask = mask;
  }
  if (command === 'update') return filter;
  const { status: set, ...sought } = change;
  if (set === undefined) return { ...filter, ...sought };
  return { ...filter, ...sought, status: statusFilter(set, statusClear, command) };
}

/**
 * All of `set`, none of `clear`. A listing has it as the kernel: a mask of bits that must be clear
 * is the whole mask, so that a bit that is asked for outside of it is never found.
 */
function statusFilter(set: number, clear: number, command: CommandName | null): BitsMatchDto {
  const mask = command === 'list' && clear !== 0 ? clear : set | clear;
  if (mask === 0) throw new UsageError('Operation failed: invalid parameters', ExitCode.Failure);
  return { value: set, mask };
}
