/**
 * A gateway without a network, and the commands that change its rules: what is typed goes through
 * the command line's own code, the control protocol and the daemon's handler.
 */
import { duplexPair } from 'node:stream';
import { type ApplyIo, type ApplyRequest, runApply, runSettle } from '../../src/cli/apply/index.ts';
import {
  type IptablesIo,
  runIptables,
  runIptablesRestore,
  runIptablesSave,
} from '../../src/cli/iptables/index.ts';
import {
  ControlClient,
  EventHub,
  gatewayHandler,
  RuleChanges,
  type Schedule,
  serveStream,
} from '../../src/control/index.ts';
import type { CompiledRules, LoadOptions } from '../../src/rules/index.ts';
import { type GatewayOptions, makeGateway, type TestGateway } from '../support/gateway.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const systemError = (code: string, text: string) => Object.assign(new Error(text), { code });

export class RuleGateway {
  readonly gateway: TestGateway;
  readonly changes: RuleChanges;
  /** Files that commands may read, and those they wrote. */
  readonly files = new Map<string, string>();
  /** What the daemon logs of changes. */
  readonly log: string[] = [];
  /** Calls the timers of trials that were not called off. */
  readonly timers: { readonly run: () => void; readonly seconds: number }[] = [];
  loadOptions: LoadOptions = {};

  constructor(options: GatewayOptions = {}) {
    this.gateway = makeGateway(options);
    const { engine } = this.gateway;
    const schedule: Schedule = (run, seconds) => {
      const timer = { run, seconds };
      this.timers.push(timer);
      return () => this.timers.splice(this.timers.indexOf(timer), 1);
    };
    const useRules = (compiled: CompiledRules, why: string) => {
      engine.setRules(compiled);
      this.log.push(why);
    };
    this.changes = new RuleChanges({ engine, useRules }, schedule);
  }

  /** A connection to the daemon, without a socket. */
  connect(): ControlClient {
    const { engine } = this.gateway;
    const [ours, theirs] = duplexPair();
    const handler = gatewayHandler({
      engine,
      events: new EventHub(engine, { refused: () => {}, encrypted: () => {}, ruleLog: () => {} }),
      changes: this.changes,
      loadOptions: this.loadOptions,
      refreshClock: () => {},
      reload: () => [],
      status: () => ({}),
    });
    serveStream(theirs, handler, {});
    return new ControlClient(ours);
  }

  /** `iptables-restore -n FILE`, with its standard input. */
  async run(program: string, argv: readonly string[], stdin = ''): Promise<Ran> {
    const printed = { stdout: '', stderr: '' };
    const io: IptablesIo = {
      client: () => Promise.resolve(this.connect()),
      stdout: (text) => {
        printed.stdout += text;
      },
      stderr: (text) => {
        printed.stderr += text;
      },
      readFile: (path) => (path === '-' ? stdin : this.read(path)),
      writeFile: (path, text) => {
        if (path.startsWith('/no/')) throw systemError('ENOENT', 'no such file');
        this.files.set(path, text);
      },
      now: () => new Date(1_795_248_670_000),
    };
    const family = program.startsWith('ip6') ? 6 : 4;
    const named = { name: program, family } as const;
    const code = await runnerOf(program)(named, argv, io);
    return { code, ...printed };
  }

  /** `pinhole apply`; `lines` are what is typed at its question. */
  async apply(request: Partial<ApplyRequest>, lines: readonly string[] = []): Promise<Ran> {
    const typed = [...lines];
    const flags = { counters: false, strict: false, dryRun: false, diff: false };
    const base = { files: [], ...flags, confirmSec: null };
    return this.withApplyIo(
      (io) => runApply({ ...base, ...request }, io),
      () => Promise.resolve(typed.shift() ?? null),
    );
  }

  settle(end: 'confirm' | 'revert'): Promise<Ran> {
    return this.withApplyIo((io) => runSettle(end, io));
  }

  /** The rules in force, without dates. */
  async saved(...options: string[]): Promise<string> {
    const { stdout } = await this.run('iptables-save', options);
    return stdout.replace(/^#.*\n/gm, '');
  }

  private async withApplyIo(
    run: (io: ApplyIo) => Promise<number>,
    readLine: ApplyIo['readLine'] = () => Promise.resolve(null),
  ): Promise<Ran> {
    const printed = { stdout: '', stderr: '' };
    const code = await run({
      client: () => Promise.resolve(this.connect()),
      stdout: (text) => {
        printed.stdout += text;
      },
      stderr: (text) => {
        printed.stderr += text;
      },
      readFile: (path) => this.read(path),
      readLine,
    });
    return { code, ...printed };
  }

  private read(path: string): string {
    const text = this.files.get(path);
    if (text === undefined) throw systemError('ENOENT', 'no such file');
    return text;
  }
}

function runnerOf(program: string) {
  if (program.endsWith('-restore')) return runIptablesRestore;
  return program.endsWith('-save') ? runIptablesSave : runIptables;
}
