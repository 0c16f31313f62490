import type {
  ChangedEntryDto,
  ConntrackDto,
  ConntrackListArgs,
  ControlClient,
  EventCauseDto,
} from '../../control/index.ts';
import { ControlError } from '../../control/index.ts';
import { compileFilter, type EntryPredicate } from './filter.ts';
import {
  formatDeleted,
  formatEntry,
  formatEvent,
  formatExpectEvent,
  formatStats,
  OutputFrame,
} from './format.ts';
import type { ConntrackIo } from './io.ts';
import { failure, operationText } from './operation-errors.ts';
import type { ConntrackOptions } from './options.ts';
import { createdEntry, soughtEntry } from './requests.ts';
import { ExpectSession } from './session-expect.ts';
import { type UpdateBatch, UpdatePlan } from './update-plan.ts';
import { ExitCode, MESSAGE_PREFIX } from './usage-error.ts';

/** Entries named in one request: the gateway goes through its table once for each, and a line holds them. */
const BATCH = 16_384;

/** One command against a connected gateway. A loaded command gives no account of itself. */
export class Session {
  private readonly options: ConntrackOptions;
  private readonly client: ControlClient;
  private readonly io: ConntrackIo;
  private readonly isLoaded: boolean;
  private readonly matches: EntryPredicate;
  private readonly cause: EventCauseDto;

  constructor(
    options: ConntrackOptions,
    client: ControlClient,
    io: ConntrackIo,
    isLoaded: boolean,
  ) {
    this.options = options;
    this.client = client;
    this.io = io;
    this.isLoaded = isLoaded;
    this.matches = compileFilter(options.filter, options.labels);
    this.cause = io.cause ?? { portid: process.pid, program: 'conntrack' };
  }

  run(): Promise<number> {
    if (this.options.table === 'expect') return this.runExpect();
    switch (this.options.command) {
      case 'list':
        return this.list();
      case 'get':
        return this.get();
      case 'create':
      case 'add':
        return this.create();
      case 'update':
        return this.update();
      case 'delete':
        return this.delete();
      case 'flush':
        return this.flush();
      case 'count':
        return this.count();
      case 'stats':
        return this.stats('conntrack');
      case 'event':
        return this.events();
      default:
        throw new Error(`command ${this.options.command} passed the option check`);
    }
  }

  private runExpect(): Promise<number> {
    if (this.options.command === 'stats') return this.stats('expect');
    if (this.options.command === 'event') return this.expectEvents();
    return new ExpectSession(this.options, this.client, this.io).run();
  }

  private async list(): Promise<number> {
    const frame = this.frame('whole');
    let shown = 0;
    for await (const entry of this.matchingEntries()) {
      this.io.stdout(frame.entry(formatEntry(entry, this.options.format)));
      shown++;
    }
    this.io.stdout(frame.end());
    this.summary(`${shown} flow entries have been shown.`);
    return ExitCode.Ok;
  }

  private async get(): Promise<number> {
    const frame = this.frame('opened');
    let shown = 0;
    for await (const entry of this.client.request('conntrack.get', soughtEntry(this.options))) {
      if (!this.matches(entry)) continue;
      this.io.stdout(frame.entry(formatEntry(entry, this.options.format)));
      shown++;
    }
    this.io.stdout(frame.end());
    return this.tally(shown, 'shown');
  }

  private async create(): Promise<number> {
    const isAdd = this.options.command === 'add';
    const args = { entry: createdEntry(this.options), cause: this.cause };
    let made = 0;
    try {
      await this.client.request('conntrack.create', args).done;
      made = 1;
    } catch (error) {
      // `-A` finds what it was to add, and that is well.
      if (!(isAdd && error instanceof ControlError && error.code === 'EXISTS')) throw error;
    }
    this.summary(`${made} flow entries have been ${isAdd ? 'added' : 'created'}.`);
    return ExitCode.Ok;
  }

  /** The table is read to its end before anything is changed, so that it holds still meanwhile. */
  private async update(): Promise<number> {
    const plan = new UpdatePlan(this.options.change, this.options.clearLabels);
    for await (const entry of this.matchingEntries()) plan.add(entry);
    if (this.options.filter.family === undefined && plan.count > 0) {
      // conntrack(8) names no family in its request then, and the kernel refuses it.
      this.io.stderr('Operation failed: Operation not supported\n');
      throw failure('NOT_SUPPORTED');
    }
    const format = { ...this.options.format, ktimestamp: false };
    const frame = this.frame('bare');
    let updated = 0;
    for (const batch of plan.batches(BATCH)) {
      for await (const { failure: code, ...entry } of this.changed(batch)) {
        // What is over at once is not there to be shown.
        if (batch.change.timeout === 0 && code === undefined) continue;
        if (code !== undefined) this.io.stderr(`${operationText(code, 'update', 'conntrack')}\n`);
        this.io.stdout(frame.entry(formatEntry(held(entry), format)));
        updated++;
      }
    }
    this.io.stdout(frame.end());
    return this.tally(updated, 'updated');
  }

  /** The entries after the change, and those that refused it: they are told of, and no reason to stop. */
  private async *changed(batch: UpdateBatch): AsyncGenerator<ChangedEntryDto, void, undefined> {
    let hasFailed = false;
    try {
      const args = { ...batch, cause: this.cause };
      for await (const entry of this.client.request('conntrack.update', args)) {
        hasFailed ||= entry.failure !== undefined;
        yield entry;
      }
    } catch (error) {
      if (!(hasFailed && error instanceof ControlError)) throw error;
    }
  }

  private async delete(): Promise<number> {
    const ids: number[] = [];
    for await (const entry of this.matchingEntries()) ids.push(entry.id);
    const frame = this.frame('bare');
    let deleted = 0;
    for (let at = 0; at < ids.length; at += BATCH) {
      const args = { ids: ids.slice(at, at + BATCH), cause: this.cause };
      for await (const entry of this.client.request('conntrack.delete', args)) {
        this.io.stdout(frame.entry(formatDeleted(entry, this.options.format)));
        deleted++;
      }
    }
    this.io.stdout(frame.end());
    return this.tally(deleted, 'deleted');
  }

  private async flush(): Promise<number> {
    const { family } = this.options.filter;
    const args = family === undefined ? {} : { family };
    await this.client.request('conntrack.flush', { ...args, cause: this.cause }).done;
    this.say('connection tracking table has been emptied.');
    return ExitCode.Ok;
  }

  private async count(): Promise<number> {
    const { count } = await this.client.request('conntrack.count', {}).done;
    this.io.stdout(`${count}\n`);
    return ExitCode.Ok;
  }

  private async stats(table: 'conntrack' | 'expect'): Promise<number> {
    for await (const stats of this.client.request('conntrack.stats', {})) {
      this.io.stdout(`${formatStats(stats, table)}\n`);
    }
    return ExitCode.Ok;
  }

  private async events(): Promise<number> {
    const events = [...this.options.events];
    const shown = await this.follow(
      new OutputFrame(this.options.format.format, 'conntrack', 'events'),
      this.client.request('conntrack.events', { events }),
      (e) =>
        this.options.events.has(e.event) && this.matches(e.entry)
          ? formatEvent(e, this.options.format)
          : null,
    );
    this.summary(`${shown} flow events have been shown.`);
    return ExitCode.Ok;
  }

  private async expectEvents(): Promise<number> {
    const shown = await this.follow(
      new OutputFrame(this.options.format.format, 'expect', 'events'),
      this.client.request('expect.events', {}),
      (event) => formatExpectEvent(event, this.options.format),
    );
    this.summary(`${shown} expectation events have been shown.`);
    return ExitCode.Ok;
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
    const { table, filter, given } = this.options;
    const args: ConntrackListArgs = { filter };
    if (table === 'dying' || table === 'unconfirmed') args.table = table;
    if (given.has('zero')) args.zero = true;
    for await (const entry of this.client.request('conntrack.list', args)) {
      if (this.matches(entry)) yield entry;
    }
  }

  private frame(wrapping: 'whole' | 'opened' | 'bare'): OutputFrame {
    return new OutputFrame(this.options.format.format, 'conntrack', 'list', wrapping);
  }

  /** The summary of a command that has failed where it found nothing. */
  private tally(count: number, done: string): number {
    this.summary(`${count} flow entries have been ${done}.`);
    return count === 0 ? ExitCode.Failure : ExitCode.Ok;
  }

  private summary(text: string): void {
    if (!this.isLoaded) this.say(text);
  }

  private say(text: string): void {
    this.io.stderr(`${MESSAGE_PREFIX}${text}\n`);
  }
}

/** The kernel holds an entry while it tells of it alone, and counts that as a use. */
function held(entry: ConntrackDto): ConntrackDto {
  return { ...entry, use: entry.use + 1 };
}
