import type { ControlClient, ExpectDto } from '../../control/index.ts';
import { formatExpect, OutputFrame } from './format.ts';
import type { ConntrackIo } from './io.ts';
import { failure } from './operation-errors.ts';
import type { ConntrackOptions } from './options.ts';
import { createdExpectation } from './requests.ts';
import { ExitCode, MESSAGE_PREFIX } from './usage-error.ts';

/** Commands on the table of expectations, which have one family: IPv4 unless another is named. */
export class ExpectSession {
  private readonly options: ConntrackOptions;
  private readonly client: ControlClient;
  private readonly io: ConntrackIo;

  constructor(options: ConntrackOptions, client: ControlClient, io: ConntrackIo) {
    this.options = options;
    this.client = client;
    this.io = io;
  }

  run(): Promise<number> {
    switch (this.options.command) {
      case 'list':
        return this.list();
      case 'count':
        return this.count();
      case 'get':
        return this.get();
      case 'create':
        return this.create();
      case 'delete':
        return this.delete();
      case 'flush':
        return this.flush();
      default:
        throw new Error(`command ${this.options.command} passed the option check`);
    }
  }

  private async list(): Promise<number> {
    const frame = new OutputFrame(this.options.format.format, 'expect', 'list');
    let shown = 0;
    for await (const expect of this.all()) {
      this.io.stdout(frame.entry(this.text(expect)));
      shown++;
    }
    this.io.stdout(frame.end());
    this.say(`${shown} expectations have been shown.`);
    return ExitCode.Ok;
  }

  private async count(): Promise<number> {
    let count = 0;
    for await (const _ of this.all()) count++;
    this.io.stdout(`${count}\n`);
    return ExitCode.Ok;
  }

  private async get(): Promise<number> {
    const expect = await this.sought();
    const frame = new OutputFrame(this.options.format.format, 'expect', 'list', 'opened');
    this.io.stdout(frame.entry(this.text(expect)) + frame.end());
    return ExitCode.Ok;
  }

  private async create(): Promise<number> {
    const args = { expect: createdExpectation(this.options) };
    await this.client.request('expect.create', args).done;
    return ExitCode.Ok;
  }

  private async delete(): Promise<number> {
    const { id } = await this.sought();
    let deleted = 0;
    for await (const _ of this.client.request('expect.delete', { ids: [id] })) deleted++;
    if (deleted === 0) throw failure('NOT_FOUND');
    return ExitCode.Ok;
  }

  private async flush(): Promise<number> {
    await this.client.request('expect.flush', {}).done;
    this.say('expectation table has been emptied.');
    return ExitCode.Ok;
  }

  private async *all(): AsyncGenerator<ExpectDto, void, undefined> {
    const family = this.options.filter.family ?? 4;
    for await (const expect of this.client.request('expect.list', { family })) {
      if (expect.family === family) yield expect;
    }
  }

  /** The expectation that the tuple of the options would be expected by, or the error NOT_FOUND. */
  private async sought(): Promise<ExpectDto> {
    const { filter } = this.options;
    for await (const expect of this.all()) {
      if (
        expect.proto === filter.proto &&
        expect.src === filter.origSrc?.address &&
        expect.dst === filter.origDst?.address &&
        isOpenOr(expect.maskSport, expect.sport, filter.origSport ?? 0) &&
        leadsTo(expect, filter.origDport ?? 0)
      ) {
        return expect;
      }
    }
    throw failure('NOT_FOUND');
  }

  private text(expect: ExpectDto): string {
    const now = this.io.now ?? (() => Date.now() / 1000);
    return formatExpect(expect, this.options.format, now());
  }

  private say(text: string): void {
    this.io.stderr(`${MESSAGE_PREFIX}${text}\n`);
  }
}

function leadsTo({ dport, dportLast = dport, maskDport }: ExpectDto, wanted: number): boolean {
  return isOpenOr(maskDport, dport, wanted) || (wanted >= dport && wanted <= dportLast);
}

function isOpenOr(mask: number, port: number, wanted: number): boolean {
  return (port & mask) === (wanted & mask);
}
