import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { InterfaceTable } from '../../base/index.ts';
import { RouteTable } from '../../engine/index.ts';
import { type Dump, essenceOf, fingerprintOf, without } from './dump.ts';
import { notFollowed, readRules } from './fill-rules.ts';
import { fillInterfaces, fillRoutes } from './fill-table.ts';
import {
  type GroupJson,
  type LinkJson,
  type NeighbourJson,
  parseIpJson,
  type RuleJson,
} from './ip-json.ts';
import { type Change, downLinkOf, IpMonitor, neighbourOf } from './monitor.ts';
import { NeighbourTable } from './neighbours.ts';

/** Runs `ip` with these arguments and resolves to what it prints. */
export type IpRunner = (argv: readonly string[]) => Promise<string>;

export interface KernelRoutesOptions {
  readonly interfaces: InterfaceTable;
  readonly log?: (line: string) => void;
  /** Names of devices that nothing is ever routed by: lookups know nothing of them. */
  readonly ownDevices?: readonly string[];
  /**
   * Called after `links` was read anew; `wentDown` names interfaces that have been down since the
   * last time, if only for a moment.
   */
  readonly onLinks?: (wentDown: ReadonlySet<string>) => void;
  /**
   * Called after routes, rules, addresses or MTUs were read anew and are others than before: packets
   * of known flows may now go elsewhere. Not called for the first reading.
   */
  readonly onRoutes?: () => void;
  /** For tests. */
  readonly runIp?: IpRunner;
}

/** Changes within this time are read together; a long table that takes long is read the less often. */
const SETTLE_MS = 50;
const LONG_READ_MS = 250;
const LONG_READ_SHARE = 10;
/** Characters, of about 10,000 routes: what is shorter takes long on a busy machine only. */
const LONG_TEXT = 1 << 20;
/** Events can get lost (a full netlink buffer): everything is read again this often. */
const REFRESH_MS = 30_000;
/** A million routes are about 120 MB of JSON. */
const MAX_OUTPUT = 256 * 1024 * 1024;

const runProgram = promisify(execFile);

async function runIpProgram(argv: readonly string[]): Promise<string> {
  return (await runProgram('ip', [...argv], { maxBuffer: MAX_OUTPUT, encoding: 'utf8' })).stdout;
}

/**
 * The kernel's routing tables and policy rules of this network namespace, followed as they change.
 * What is not followed of a rule is said once, in the log. Lookups are hot, and answer from what was
 * read last.
 */
export class KernelRoutes extends RouteTable {
  readonly neighbours = new NeighbourTable();
  links: readonly LinkJson[] = [];
  /** How often the tables were read. */
  reads = 0;
  private readonly options: KernelRoutesOptions;
  private readonly monitor: IpMonitor;
  private readonly due = new Set<Change>();
  private readonly wentDown = new Set<string>();
  private settle: NodeJS.Timeout | null = null;
  private readonly refresh: NodeJS.Timeout;
  private reading = false;
  private closed = false;
  private lastReadMs = 0;
  private lastLength = 0;
  /** Of what was read, and of what lookups answer from: the one costs less to find out. */
  private fingerprint = '';
  private essence = '';
  private readonly said = new Set<string>();

  private constructor(options: KernelRoutesOptions) {
    super();
    this.options = options;
    this.monitor = new IpMonitor(
      (change, line) => this.heard(change, line),
      (line) => this.say(line),
    );
    this.refresh = setInterval(() => this.changedAll(), REFRESH_MS);
    this.refresh.unref();
  }

  /** Reads everything once and begins to follow. Rejects where `ip` cannot be run. */
  static async open(options: KernelRoutesOptions): Promise<KernelRoutes> {
    const routes = new KernelRoutes(options);
    try {
      // The monitor first: a change during the first read must not go unseen.
      if (options.runIp === undefined) routes.monitor.start();
      await routes.readTables();
      await routes.readNeighbours();
      return routes;
    } catch (error) {
      routes.close();
      throw error;
    }
  }

  /** Ends the child process and the timers. May be called from an `exit` handler, and twice. */
  close(): void {
    this.closed = true;
    this.monitor.stop();
    clearInterval(this.refresh);
    if (this.settle !== null) clearTimeout(this.settle);
  }

  /** Something changed: it will be read anew shortly. */
  changed(change: Change): void {
    this.due.add(change);
    if (this.settle !== null || this.reading || this.closed) return;
    const isLong = this.lastLength > LONG_TEXT && this.lastReadMs > LONG_READ_MS;
    const wait = isLong ? this.lastReadMs * LONG_READ_SHARE : SETTLE_MS;
    this.settle = setTimeout(() => void this.readDue(), wait);
    this.settle.unref();
  }

  /** The name of an interface; '' for -1. */
  interfaceName(interfaceId: number): string {
    return this.options.interfaces.name(interfaceId);
  }

  private heard(change: Change, line: string): void {
    const down = change === 'link' ? downLinkOf(line) : undefined;
    if (down !== undefined) this.wentDown.add(down);
    // A neighbour is taken from the line: packets wait for it, and there may be many.
    const neighbour = change === 'neighbour' ? neighbourOf(line) : undefined;
    if (neighbour === undefined) this.changed(change);
    else this.neighbours.update(this.options.interfaces, neighbour);
  }

  private changedAll(): void {
    this.changed('route');
    this.changed('neighbour');
  }

  private async readDue(): Promise<void> {
    this.settle = null;
    this.reading = true;
    const neighboursOnly = this.due.size === 1 && this.due.has('neighbour');
    const withNeighbours = this.due.has('neighbour') || this.due.has('link');
    this.due.clear();
    const start = performance.now();
    try {
      if (!neighboursOnly) await this.readTables();
      if (withNeighbours) await this.readNeighbours();
    } catch (error) {
      // What was read last stays in force: better than no routes.
      this.say(`routes: cannot read the kernel's tables: ${String(error)}`);
    }
    this.lastReadMs = performance.now() - start;
    this.reading = false;
    for (const change of [...this.due]) this.changed(change);
  }

  private async readTables(): Promise<void> {
    const dump = await this.readDump();
    if (this.closed) return;
    this.lastLength = dump.texts[4].routes.length + dump.texts[6].routes.length;
    const before = this.essence;
    const fingerprint = fingerprintOf(dump);
    if (fingerprint !== this.fingerprint) this.fill(dump);
    this.fingerprint = fingerprint;
    this.links = dump.links;
    this.reads++;
    this.options.onLinks?.(this.wentDown);
    this.wentDown.clear();
    if (this.essence !== before && before !== '') this.options.onRoutes?.();
  }

  private async readDump(): Promise<Dump> {
    const runIp = this.options.runIp ?? runIpProgram;
    const [links, routes4, routes6, rules4, rules6] = await Promise.all([
      runIp(['-j', '-d', 'addr', 'show']),
      runIp(['-4', '-j', '-N', 'route', 'show', 'table', 'all']),
      runIp(['-6', '-j', '-N', 'route', 'show', 'table', 'all']),
      runIp(['-4', '-j', '-N', 'rule', 'show']),
      runIp(['-6', '-j', '-N', 'rule', 'show']),
    ]);
    // Rarely needed, and only by number comparable.
    const asksGroups = /"suppress_ifgroup"/.test(rules4 + rules6);
    const groups = asksGroups ? await runIp(['-j', '-N', 'link', 'show']) : '';
    return {
      links: parseIpJson<LinkJson>(links),
      groups: parseIpJson<GroupJson>(groups),
      texts: { 4: { routes: routes4, rules: rules4 }, 6: { routes: routes6, rules: rules6 } },
    };
  }

  private fill(dump: Dump): void {
    const { interfaces, ownDevices } = this.options;
    const { families, groups, links } = without(ownDevices ?? [], dump);
    const essence = essenceOf({ families, groups, links });
    if (essence === this.essence) return;
    this.clear();
    fillInterfaces(this, interfaces, links);
    for (const { group, ifname } of groups) this.setGroup(interfaces.id(ifname), Number(group));
    for (const { family, routes, rules } of families) {
      this.setRules(family, readRules(interfaces, family, rules));
      fillRoutes(this, interfaces, family, routes);
      this.sayNotFollowed(family, rules);
    }
    this.essence = essence;
  }

  private async readNeighbours(): Promise<void> {
    const runIp = this.options.runIp ?? runIpProgram;
    const text = await runIp(['-j', 'neigh', 'show']);
    this.neighbours.fill(this.options.interfaces, parseIpJson<NeighbourJson>(text));
  }

  /** Each rule once: rules are read again and again. */
  private sayNotFollowed(family: 4 | 6, rules: readonly RuleJson[]): void {
    for (const rule of rules) {
      const members = notFollowed(rule);
      const text = `ip -${family} rule of priority ${rule.priority} is not followed: ${members.join(', ')}`;
      if (members.length === 0 || this.said.has(text)) continue;
      this.said.add(text);
      this.say(`routes: ${text}`);
    }
  }

  private say(line: string): void {
    this.options.log?.(line);
  }
}
