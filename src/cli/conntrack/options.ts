import type { ConntrackFilterDto, EventName } from '../../control/index.ts';
import { FilterBuilder } from './filter-options.ts';
import { defaultFormat, type FormatOptions } from './format-options.ts';
import { type GivenOption, getopt, type OptionSpec } from './getopt.ts';
import { checkGet, checkOptions } from './option-checks.ts';
import {
  type CommandName,
  commandOptions,
  plainOptions,
  protocolOptions,
  type TableName,
} from './option-table.ts';
import { UsageError } from './usage-error.ts';
import { formatOf, type OutputWord, parseEvents, parseOutput } from './words.ts';

/** A command line, read and checked. */
export interface ConntrackOptions {
  /** Null for an empty command line, which asks for the help as `-h` does. */
  command: CommandName | null;
  table: TableName;
  filter: ConntrackFilterDto;
  format: FormatOptions;
  /** `-o labels`, `-o userspace` and other words that change nothing here are in no field. */
  events: ReadonlySet<EventName>;
  zero: boolean;
  /** Lines for the error output before the command runs. */
  warnings: readonly string[];
}

const tableNames: readonly TableName[] = ['conntrack', 'expect', 'dying', 'unconfirmed'];
const allEvents: ReadonlySet<EventName> = new Set<EventName>(['NEW', 'UPDATE', 'DESTROY']);

/**
 * Reads the arguments of `conntrack` (without the program's name). `base` is what is shown without
 * `-o`. Throws UsageError with conntrack(8)'s message and exit code.
 */
export function parseConntrackOptions(
  argv: readonly string[],
  base: FormatOptions = defaultFormat,
): ConntrackOptions {
  const reader = new OptionReader();
  for (const given of getopt(argv, () => reader.specs)) reader.take(given);
  return reader.finish(base);
}

class OptionReader {
  specs: readonly OptionSpec[] = [...commandOptions, ...plainOptions];
  private command: CommandName | null = null;
  private table: TableName = 'conntrack';
  private events: ReadonlySet<EventName> = allEvents;
  private readonly output = new Set<OutputWord>();
  private readonly given = new Set<string>();
  private readonly warnings: string[] = [];
  private readonly filter = new FilterBuilder();

  take({ key, value }: GivenOption): void {
    if (commandOptions.some((spec) => spec.key === key)) {
      this.takeCommand(key as CommandName, value);
      return;
    }
    this.given.add(key);
    if (value !== null && key === 'event-mask') this.events = parseEvents(value);
    else if (value !== null && key === 'output') parseOutput(value, this.output);
    else if (key.startsWith('label')) this.takeLabel(key, value);
    else if (key === 'nat-range') {
      this.warnings.push('WARNING: ignoring -a, deprecated option.');
      this.given.delete(key);
    } else this.takeFilter(key, value);
  }

  finish(base: FormatOptions): ConntrackOptions {
    const { command, table, given } = this;
    if (command !== 'list' && (table === 'dying' || table === 'unconfirmed')) {
      throw new UsageError("Can't do that command with tables `dying' and `unconfirmed'");
    }
    refuseIn(unavailable, command, '');
    checkOptions(command, table, given);
    if (table === 'expect') refuseIn(unavailableOnExpect, command, ' expect');
    const filter = this.filter.finish();
    if (command === 'get') checkGet(given, filter.proto ?? 0);
    return {
      command,
      table,
      filter,
      format: formatOf(this.output, base),
      events: this.events,
      zero: given.has('zero'),
      warnings: this.warnings,
    };
  }

  private takeCommand(command: CommandName, word: string | null): void {
    if (this.command !== null) throw new UsageError('Invalid commands combination');
    this.command = command;
    if (word === null || command === 'load') return;
    const table = tableNames.find((name) => name.startsWith(word));
    if (table === undefined || word === '') throw new UsageError(`unknown type \`${word}'`);
    this.table = table;
  }

  /** Entries have no labels here, so there is no label that could be known. */
  private takeLabel(key: string, value: string | null): void {
    if (key !== 'label-del' || value !== null) {
      throw new UsageError(`unknown label '${value ?? ''}'`);
    }
  }

  private takeFilter(key: string, value: string | null): void {
    this.warnings.push(...this.filter.take(key, value));
    // A prefix length is a mask, and goes where `--mask-src` goes.
    if ((key === 'src' || key === 'dst') && value?.includes('/')) this.given.add(`mask-${key}`);
    if (key !== 'protonum') return;
    const added = protocolOptions[this.filter.proto] ?? [];
    this.specs = [...commandOptions, ...plainOptions, ...added];
  }
}

type Commands = ReadonlySet<CommandName | null>;
const unavailable: Commands = new Set<CommandName>(['create', 'add', 'update', 'load']);
const unavailableOnExpect: Commands = new Set<CommandName>(['get', 'delete']);

function refuseIn(commands: Commands, command: CommandName | null, suffix: string): void {
  if (!commands.has(command)) return;
  const letter = commandOptions.find(({ key }) => key === command)?.short ?? '';
  throw new UsageError(`\`-${letter}${suffix}' is not available in this version of Pinhole`);
}
