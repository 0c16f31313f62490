/**
 * The command against a gateway without a network: command line, control protocol, handler and
 * tables are the real ones.
 */
import { duplexPair } from 'node:stream';
import { runConntrack } from '../../src/cli/conntrack/index.ts';
import {
  type ConntrackDto,
  ControlClient,
  EventHub,
  gatewayHandler,
  type RequestHandler,
  RuleChanges,
  serveStream,
} from '../../src/control/index.ts';
import { type GatewayOptions, makeGateway, type TestGateway } from '../support/gateway.ts';
import type { Outcome } from './conntrack-gateway.ts';

/** A `-E` that goes on while other commands run. */
export interface Following {
  /** Interrupts it, and gives what it printed. */
  stop(): Promise<Outcome>;
}

export class EngineGateway {
  /** Text of the file of label names; null for none. */
  labels: string | null = null;
  /** What the next command reads from its standard input. */
  stdin = '';
  readonly gateway: TestGateway;
  private readonly handler: RequestHandler;

  constructor(options: GatewayOptions = {}) {
    this.gateway = makeGateway(options);
    this.handler = this.makeHandler();
  }

  async run(argv: readonly string[]): Promise<Outcome> {
    return this.start(argv, new AbortController().signal).done;
  }

  /** Starts `conntrack ARGV` and waits until it is connected. */
  async follow(argv: readonly string[]): Promise<Following> {
    const interrupt = new AbortController();
    const { done } = this.start(argv, interrupt.signal);
    await turns();
    return {
      stop: async () => {
        await turns();
        interrupt.abort();
        return done;
      },
    };
  }

  /** New connections show their counters and times. */
  showAll(): void {
    const { settings } = this.gateway.engine.tracking.conntrack;
    settings.accounting = true;
    settings.timestamps = true;
  }

  /** A control connection of FTP from 127.0.0.1:40000 to port 21, watched by the helper. */
  async beginFtp(): Promise<void> {
    const tuple = { src: '127.0.0.1', dst: '127.0.0.1' };
    const client = this.connect();
    await client.request('conntrack.create', {
      entry: {
        ...{ family: 4, proto: 6, timeout: 432_000, state: 'ESTABLISHED', helper: 'ftp' },
        // IPS_SEEN_REPLY and IPS_ASSURED
        status: 2 | 4,
        orig: { ...tuple, sport: 40_000, dport: 21 },
        reply: { ...tuple, sport: 21, dport: 40_000 },
      },
    }).done;
    client.close();
  }

  /** The entries as the control protocol tells them. */
  async entries(): Promise<ConntrackDto[]> {
    const client = this.connect();
    const found: ConntrackDto[] = [];
    for await (const entry of client.request('conntrack.list', {})) found.push(entry);
    client.close();
    return found;
  }

  private start(argv: readonly string[], signal: AbortSignal): { done: Promise<Outcome> } {
    const outcome: Outcome = { code: -1, stdout: '', stderr: '' };
    const stdin = this.stdin;
    this.stdin = '';
    const done = runConntrack(argv, {
      client: () => Promise.resolve(this.connect()),
      stdout: (text) => {
        outcome.stdout += text;
      },
      stderr: (text) => {
        outcome.stderr += text;
      },
      readFile: (path) => this.read(path, stdin),
      signal,
    }).then((code) => ({ ...outcome, code }));
    return { done };
  }

  private read(path: string, stdin: string): string {
    if (path === '-') return stdin;
    if (path.endsWith('connlabel.conf') && this.labels !== null) return this.labels;
    throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT', syscall: 'open' });
  }

  private pass(): void {
    const { clock } = this.gateway;
    const usec = clock.usec + 4000;
    clock.set(clock.sec + Math.floor(usec / 1e6), usec % 1e6);
  }

  private connect(): ControlClient {
    const [ours, theirs] = duplexPair();
    serveStream(theirs, this.handler, {});
    return new ControlClient(ours);
  }

  private makeHandler(): RequestHandler {
    const { engine } = this.gateway;
    // As in a namespace of Linux that is new.
    engine.tracking.conntrack.settings.accounting = false;
    const events = new EventHub(engine, {
      refused: () => {},
      encrypted: () => {},
      ruleLog: () => {},
    });
    engine.listener = events;
    return gatewayHandler({
      ...{ engine, events },
      changes: new RuleChanges({ engine, useRules: () => {} }, () => () => {}),
      loadOptions: {},
      // A jiffy goes by with every request, so that times are no longer whole seconds.
      refreshClock: () => this.pass(),
      reload: () => [],
      status: () => ({}),
    });
  }
}

/** Lets everything that is under way without a timer come to its end. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
