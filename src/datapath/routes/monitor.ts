import { type ChildProcess, spawn } from 'node:child_process';
import type { NeighbourJson } from './ip-json.ts';

/** What a line of `ip monitor` speaks about. */
export type Change = 'link' | 'address' | 'route' | 'rule' | 'neighbour';

const labels: Readonly<Record<string, Change>> = {
  LINK: 'link',
  ADDR: 'address',
  ROUTE: 'route',
  RULE: 'rule',
  NEXTHOP: 'route',
  NEIGH: 'neighbour',
};

/** Waits this long before it starts a child again that has ended by itself. */
const RESTART_MS = 1000;
/** A line longer than this is no line of `ip monitor`. */
const MAX_LINE = 65_536;

/** `[NEIGH]10.0.0.2 dev eth0 lladdr 02:… REACHABLE`: what a line is about; undefined for the rest. */
export function changeOf(line: string): Change | undefined {
  const label = /^\[([A-Z]+)\]/.exec(line)?.[1];
  return label === undefined ? undefined : labels[label];
}

/** `[LINK]2: eth0@if3: <BROADCAST,MULTICAST> mtu …`: the interface's name where it is not up. */
export function downLinkOf(line: string): string | undefined {
  const [, name, flags] = /^\[LINK\](?:Deleted )?\d+: ([^:@ ]+)[^<]*<([^>]*)>/.exec(line) ?? [];
  if (name === undefined || flags === undefined) return undefined;
  return flags.split(',').includes('UP') ? undefined : name;
}

/**
 * `[NEIGH]10.0.0.2 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE`, or with `Deleted ` in front: as
 * `ip -j neigh` would show it. A deleted one has no state.
 */
export function neighbourOf(line: string): NeighbourJson | undefined {
  const pattern = /^\[NEIGH\](Deleted )?(\S+) dev (\S+)(?: lladdr (\S+))?(.*)$/;
  const [, deleted, dst, dev, lladdr, rest] = pattern.exec(line) ?? [];
  if (dst === undefined || dev === undefined) return undefined;
  const state = deleted === undefined ? (rest ?? '').trim().split(/\s+/) : [];
  return { dst, dev, state, ...(lladdr === undefined ? {} : { lladdr }) };
}

/**
 * One `ip monitor` child, started again whenever it ends, since changes that happened in between
 * are lost each start reports a change of everything. The child does not outlive `stop`, nor this
 * process: it ends when its output has no reader, and `stop` is also called at exit.
 */
export class IpMonitor {
  private child: ChildProcess | null = null;
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;
  private rest = '';
  private readonly onChange: (change: Change, line: string) => void;
  private readonly log: (line: string) => void;

  constructor(onChange: (change: Change, line: string) => void, log: (line: string) => void) {
    this.onChange = onChange;
    this.log = log;
  }

  start(): void {
    const objects = ['link', 'address', 'route', 'rule', 'nexthop', 'neigh'];
    const argv = ['-o', 'monitor', 'label', ...objects];
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.child = child;
    this.rest = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => this.take(text));
    child.once('error', () => this.ended(child));
    child.once('exit', () => this.ended(child));
  }

  stop(): void {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.child?.kill('SIGKILL');
    this.child = null;
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = (lines.pop() ?? '').slice(-MAX_LINE);
    for (const line of lines) {
      const change = changeOf(line);
      if (change !== undefined) this.onChange(change, line);
    }
  }

  private ended(child: ChildProcess): void {
    if (this.stopped || this.child !== child) return;
    this.child = null;
    this.log('routes: ip monitor ended by itself; started again');
    this.timer = setTimeout(() => {
      this.start();
      this.onChange('route', '');
      this.onChange('neighbour', '');
    }, RESTART_MS);
    this.timer.unref();
  }
}
