import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runConntrack } from '../../src/cli/conntrack/index.ts';
import {
  type ChangedEntryDto,
  type ConntrackDto,
  type ConntrackEventDto,
  ControlClient,
  type ControlRequest,
  type EncryptedEventDto,
  type ExpectDto,
  type ExpectEventDto,
  type HelperEventDto,
  type Reply,
  serveLines,
  type TupleDto,
} from '../../src/control/index.ts';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** A daemon that answers `conntrack` from two arrays, over a real unix socket. */
export class FakeGateway {
  entries: ConntrackDto[] = [];
  expectations: ExpectDto[] = [];
  /** Sent to whoever follows events; then the connection stays open. */
  events: ConntrackEventDto[] = [];
  expectEvents: (ExpectEventDto | HelperEventDto | EncryptedEventDto)[] = [];
  readonly requests: ControlRequest[] = [];
  private readonly dir = mkdtempSync(join(tmpdir(), 'pinhole-ct-'));
  readonly path = join(this.dir, 'control');
  private readonly server: Server = createServer();
  private readonly served = serveLines(this.server, (...call) => this.answer(...call));

  async start(): Promise<void> {
    this.server.listen(this.path);
    await once(this.server, 'listening');
  }

  stop(): void {
    this.served.close();
    this.server.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Runs `conntrack LINE`; interrupts it when `interruptAfter` lines were printed. */
  async run(line: string, interruptAfter = Number.POSITIVE_INFINITY): Promise<Outcome> {
    const outcome = { stdout: '', stderr: '' };
    const abort = new AbortController();
    const code = await runConntrack(line === '' ? [] : line.split(' '), {
      client: () => ControlClient.connect(this.path),
      stdout: (text) => {
        outcome.stdout += text;
        if (interruptAfter === Number.POSITIVE_INFINITY) return;
        if (outcome.stdout.split('\n').length > interruptAfter) abort.abort();
      },
      stderr: (text) => {
        outcome.stderr += text;
      },
      signal: abort.signal,
      now: () => 1795248670.39352,
      readFile: (path) => this.file(path),
    });
    return { code, ...outcome };
  }

  /** Files by their path. */
  readonly files: Record<string, string> = {};

  /** What `conntrack.create` and the other commands that make or change are answered with. */
  readonly refusals: Record<string, string> = {};
  updated: ChangedEntryDto[] = [];

  private file(path: string): string {
    const text = this.files[path];
    if (text !== undefined) return text;
    throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT', syscall: 'open' });
  }

  private async answer(request: ControlRequest, answer: Reply, signal: AbortSignal): Promise<void> {
    this.requests.push(request);
    const refusal = this.refusals[request.cmd];
    if (refusal !== undefined && request.cmd !== 'conntrack.update') {
      return answer.error(refusal, 'refused');
    }
    switch (request.cmd) {
      case 'conntrack.list':
        for (const entry of this.entries) await answer.item(entry);
        break;
      case 'conntrack.get': {
        const { orig, reply } = request.args as { orig?: TupleDto; reply?: TupleDto };
        const found = this.entries.find((entry) =>
          orig === undefined ? isTuple(entry.reply, reply) : isTuple(entry.orig, orig),
        );
        if (found === undefined) return answer.error('NOT_FOUND', 'no such entry');
        await answer.item(found);
        break;
      }
      case 'conntrack.update':
        for (const entry of this.updated) await answer.item(entry);
        break;
      case 'conntrack.delete': {
        const ids = new Set(request.args.ids as number[]);
        for (const gone of this.entries.filter(({ id }) => ids.has(id))) await answer.item(gone);
        this.entries = this.entries.filter(({ id }) => !ids.has(id));
        break;
      }
      case 'conntrack.flush':
        this.entries = [];
        break;
      case 'conntrack.count':
        return answer.done({ count: this.entries.length });
      case 'conntrack.stats':
        await answer.item({ ...noStats, cpu: 0, found: 7, expect_new: 3 });
        break;
      case 'expect.list':
        for (const expectation of this.expectations) await answer.item(expectation);
        break;
      case 'expect.count':
        return answer.done({ count: this.expectations.length });
      case 'expect.flush':
        this.expectations = [];
        break;
      case 'conntrack.events':
      case 'expect.events':
        for (const event of request.cmd === 'expect.events' ? this.expectEvents : this.events) {
          await answer.item(event);
        }
        if (!signal.aborted) await once(signal, 'abort');
        break;
      case 'conntrack.create':
      case 'expect.create':
        break;
      default:
        answer.error('UNKNOWN', request.cmd);
    }
    const late = this.refusals[request.cmd];
    if (late !== undefined) answer.error(late, 'refused');
    answer.done();
  }
}

function isTuple(tuple: TupleDto, wanted: TupleDto | undefined): boolean {
  return Object.entries(wanted ?? {}).every(([name, value]) => {
    return tuple[name as keyof TupleDto] === value;
  });
}

const noStats = {
  ...{ found: 0, invalid: 0, insert: 0, insert_failed: 0, drop: 0, early_drop: 0, error: 0 },
  ...{ search_restart: 0, clash_resolve: 0, chaintoolong: 0 },
  ...{ expect_new: 0, expect_create: 0, expect_delete: 0 },
};
