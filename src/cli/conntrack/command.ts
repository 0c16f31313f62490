import {
  type ConntrackDto,
  type ConntrackListArgs,
  type ControlClient,
  ControlError,
} from '../../control/index.ts';
import { compileFilter, type EntryPredicate } from './filter.ts';
import {
  formatDeleted,
  formatEntry,
  formatEvent,
  formatExpect,
  formatExpectEvent,
  formatStats,
  OutputFrame,
} from './format.ts';
import type { FormatOptions } from './format-options.ts';
import { type ConntrackOptions, parseConntrackOptions } from './options.ts';
import { usageText } from './usage.ts';
import { ExitCode, MESSAGE_PREFIX, UsageError } from './usage-error.ts';

/** Entries named in one `conntrack.delete` request. */
const DELETE_BATCH = 512;

/** What the command has of the world. */
export interface ConntrackIo {
  client: () => Promise<ControlClient>;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
  /** Aborted when the user interrupts. */
  signal: AbortSignal;
  /** Unix time in seconds, for `-L expect -o timestamp`. */
  now?: () => number;
  /** What is shown without `-o`. */
  format?: FormatOptions;
}

/**
 * Carries `conntrack ARGV` out and returns its exit code. Data goes to stdout, summaries and errors
 * to stderr, as conntrack(8) does. Entries are printed as they arrive and are not kept.
 */
export async function runConntrack(argv: readonly string[], io: ConntrackIo): Promise<number> {
  try {
    const options = parseConntrackOptions(argv, io.format);
    for (const warning of options.warnings) io.stderr(`${warning}\n`);
    return await runCommand(options, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.stderr(error.screenText());
      return error.exitCode;
    }
    if (error instanceof ControlError) {
      io.stderr(`${error.message}\n`);
      return error.exitCode;
    }
    throw error;
  }
}

async function runCommand(options: ConntrackOptions, io: ConntrackIo): Promise<number> {
  if (options.command === null || options.command === 'help') {
    io.stdout(usageText);
    return ExitCode.Ok;
  }
  if (options.command === 'version') {
    io.stdout('conntrack v1.4.7 (conntrack-tools)\n');
    return ExitCode.Ok;
  }
  const client = await io.client();
  const close = () => client.close();
  io.signal.addEventListener('abort', close);
  try {
    if (io.signal.aborted) return ExitCode.Interrupted;
    return await new Session(options, client, io).run();
  } catch (error) {
    if (io.signal.aborted && error instanceof ControlError) return ExitCode.Interrupted;
    throw error;
  } finally {
    io.signal.removeEventListener('abort', close);
    close();
  }
}

/** One command against a connected gateway. */
class Session {
  private readonly options: ConntrackOptions;
  private readonly client: ControlClient;
  private readonly io: ConntrackIo;
  private readonly matches: EntryPredicate;

  constructor(options: ConntrackOptions, client: ControlClient, io: ConntrackIo) {
    this.options = options;
    this.client = client;
    this.io = io;
    this.matches = compileFilter(options.filter);
  }

  run(): Promise<number> {
    const ofExpect = this.options.table === 'expect';
    switch (this.options.command) {
      case 'list':
        return ofExpect ? this.listExpectations() : this.list();
      case 'get':
        return this.get();
      case 'delete':
        return this.delete();
      case 'flush':
        return ofExpect ? this.flushExpectations() : this.flush();
      case 'count':
        return this.count(ofExpect ? 'expect.count' : 'conntrack.count');
      case 'stats':
        return this.stats(ofExpect ? 'expect' : 'conntrack');
      case 'event':
        return ofExpect ? this.expectEvents() : this.events();
      default:
        throw new Error(`command ${this.options.command} passed the option check`);
    }
  }

  private async list(): Promise<number> {
    const frame = new OutputFrame(this.options.format.format, 'conntrack', 'list');
    let shown = 0;
    for await (const entry of this.matchingEntries()) {
      this.io.stdout(frame.entry(formatEntry(entry, this.options.format)));
      shown++;
    }
    this.io.stdout(frame.end());
    return this.summary(`${shown} flow entries have been shown.`);
  }

  private async get(): Promise<number> {
    const frame = new OutputFrame(this.options.format.format, 'conntrack', 'list');
    for await (const entry of this.matchingEntries()) {
      this.io.stdout(frame.entry(formatEntry(entry, this.options.format)) + frame.end());
      return this.summary('1 flow entries have been shown.');
    }
    this.summary("Operation failed: such conntrack doesn't exist");
    return ExitCode.Failure;
  }

  /** The table is read to its end before anything is deleted, so that it holds still meanwhile. */
  private async delete(): Promise<number> {
    const ids: number[] = [];
    for await (const entry of this.matchingEntries()) ids.push(entry.id);
    const frame = new OutputFrame(this.options.format.format, 'conntrack', 'list');
    let deleted = 0;
    for (let at = 0; at < ids.length; at += DELETE_BATCH) {
      const batch = ids.slice(at, at + DELETE_BATCH);
      for await (const entry of this.client.request('conntrack.delete', { ids: batch })) {
        this.io.stdout(frame.entry(formatDeleted(entry, this.options.format)));
        deleted++;
      }
    }
    this.io.stdout(frame.end());
    this.summary(`${deleted} flow entries have been deleted.`);
    return deleted === 0 ? ExitCode.Failure : ExitCode.Ok;
  }

  private async flush(): Promise<number> {
    const { family } = this.options.filter;
    await this.client.request('conntrack.flush', family === undefined ? {} : { family }).done;
    return this.summary('connection tracking table has been emptied.');
  }

  private async flushExpectations(): Promise<number> {
    await this.client.request('expect.flush', {}).done;
    return this.summary('expectation table has been emptied.');
  }

  private async count(cmd: 'conntrack.count' | 'expect.count'): Promise<number> {
    const { count } = await this.client.request(cmd, {}).done;
    this.io.stdout(`${count}\n`);
    return ExitCode.Ok;
  }

  private async stats(table: 'conntrack' | 'expect'): Promise<number> {
    for await (const stats of this.client.request('conntrack.stats', {})) {
      this.io.stdout(`${formatStats(stats, table)}\n`);
    }
    return ExitCode.Ok;
  }

  private async listExpectations(): Promise<number> {
    const { family } = this.options.filter;
    const frame = new OutputFrame(this.options.format.format, 'expect', 'list');
    const now = this.io.now ?? (() => Date.now() / 1000);
    let shown = 0;
    const answer = this.client.request('expect.list', family === undefined ? {} : { family });
    for await (const expect of answer) {
      if (family !== undefined && expect.family !== family) continue;
      this.io.stdout(frame.entry(formatExpect(expect, this.options.format, now())));
      shown++;
    }
    this.io.stdout(frame.end());
    return this.summary(`${shown} expectations have been shown.`);
  }

  private async events(): Promise<number> {
    const frame = new OutputFrame(this.options.format.format, 'conntrack', 'events');
    const events = [...this.options.events];
    const shown = await this.follow(
      frame,
      this.client.request('conntrack.events', { events }),
      (e) =>
        this.options.events.has(e.event) && this.matches(e.entry)
          ? formatEvent(e, this.options.format)
          : null,
    );
    return this.summary(`${shown} flow events have been shown.`);
  }

  private async expectEvents(): Promise<number> {
    const frame = new OutputFrame(this.options.format.format, 'expect', 'events');
    const shown = await this.follow(frame, this.client.request('expect.events', {}), (event) =>
      formatExpectEvent(event, this.options.format),
    );
    return this.summary(`${shown} expectation events have been shown.`);
  }

  /** Prints events until the user interrupts, which is how this ends well; returns how many. */
  private async follow<Event>(
    frame: OutputFrame,
    events: AsyncIterable<Event>,
    format: (event: Event) => string | null,
  ): Promise<number> {
    let shown = 0;
    try {
      for await (const event of events) {
        const text = format(event);
        if (text === null) continue;
        this.io.stdout(frame.entry(text));
        shown++;
      }
    } catch (error) {
      if (!(this.io.signal.aborted && error instanceof ControlError)) throw error;
    }
    this.io.stdout(frame.end());
    return shown;
  }

  private async *matchingEntries(): AsyncGenerator<ConntrackDto, void, undefined> {
    const { table, filter, zero } = this.options;
    const args: ConntrackListArgs = { filter };
    if (table === 'dying' || table === 'unconfirmed') args.table = table;
    if (zero) args.zero = true;
    for await (const entry of this.client.request('conntrack.list', args)) {
      if (this.matches(entry)) yield entry;
    }
  }

  private summary(text: string): number {
    this.io.stderr(`${MESSAGE_PREFIX}${text}\n`);
    return ExitCode.Ok;
  }
}
