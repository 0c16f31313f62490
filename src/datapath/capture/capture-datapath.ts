import { InterfaceTable } from '../../base/index.ts';
import type { PacketOutput } from '../../engine/index.ts';
import {
  type CommandRunner,
  HostChanges,
  missEthtool,
  needEthernet,
  needPrograms,
  needRoot,
  runCommand,
  stateFileOf,
} from '../host/index.ts';
import type { LiveDatapath } from '../live.ts';
import { KernelRoutes, type LinkJson } from '../routes/index.ts';
import { isVirtual, ManagedLink } from './managed-link.ts';
import { type Addons, assertsOnLinkDown, loadAddons } from './native.ts';
import { type CaptureEngine, PacketPath } from './packet-path.ts';
import { Sender } from './sender.ts';
import { type CaptureStats, newStats } from './stats.ts';
import { Tap } from './tap.ts';

export interface CaptureOptions {
  /** Names of the interfaces to take over; all others are left to the kernel. */
  readonly interfaces: readonly string[];
  /** Takes one line at a time. Default: nobody. */
  readonly log?: (line: string) => void;
  /** Where the undo list is kept. Default: /run/pinhole. */
  readonly runDir?: string;
  /** Bytes of capture ring an interface. Default: 32 MiB. */
  readonly ringBytes?: number;
  /** Default: a new one. */
  readonly interfaceTable?: InterfaceTable;
  /**
   * Whether SIGINT, SIGTERM and SIGHUP undo the changes here. Where somebody else listens to them
   * as well, the process is left to end by that. Default: true.
   */
  readonly handleSignals?: boolean;
}

const DEFAULT_RUN_DIR = '/run/pinhole';
const DEFAULT_RING_BYTES = 32 * 1024 * 1024;
const TIMER_MS = 100;
/** A default table is swept whole in four seconds, at well under a millisecond a turn. */
const TIMER_ROWS = 8_192;
const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

interface Managed {
  readonly id: number;
  readonly host: ManagedLink;
  tap: Tap | null;
  /** What the open tap depends on: another device, address or MTU asks for a new one. */
  key: string;
  ifindex: number;
}

/**
 * Pinhole on a live host. In two steps, since the engine needs the routes and the output first:
 *
 *     const datapath = await prepareCapture({ interfaces: ['lan0', 'wan0'] });
 *     const engine = new Engine({ ...datapath, clock, rules, settings, seed });
 *     datapath.attach(engine);
 *     …
 *     await datapath.stop();
 */
export class CaptureDatapath implements LiveDatapath {
  readonly name = 'capture';
  readonly holdsOutput = false;
  readonly farewell = 'stopped; the host is as it was';
  readonly interfaces: InterfaceTable;
  readonly routes: KernelRoutes;
  readonly output: PacketOutput;
  readonly stats: CaptureStats;
  private readonly options: CaptureOptions;
  private readonly addons: Addons;
  private readonly sender: Sender;
  private readonly changes: HostChanges;
  private readonly managed: Managed[];
  private path: PacketPath | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly onExit = (): void => this.undo();
  private readonly onSignal = (signal: NodeJS.Signals): void => this.endBySignal(signal);

  /** Use `prepareCapture`. */
  constructor(parts: CaptureParts) {
    this.options = parts.options;
    this.interfaces = parts.interfaces;
    this.routes = parts.routes;
    this.addons = parts.addons;
    this.changes = parts.changes;
    this.stats = newStats();
    this.sender = new Sender(parts.addons, parts.routes, this.stats);
    this.output = this.sender;
    this.managed = parts.options.interfaces.map((name) => ({
      id: this.interfaces.id(name),
      host: new ManagedLink(name, parts.changes, parts.run, (line) => this.say(line)),
      tap: null,
      key: '',
      ifindex: 0,
    }));
  }

  /**
   * Takes the interfaces over: drop behind the tap, tap, offloads. Throws `DatapathUnavailable` and
   * leaves the host as it was where one of them refuses.
   */
  attach(engine: CaptureEngine): void {
    this.path = new PacketPath({
      engine,
      routes: this.routes,
      sender: this.sender,
      stats: this.stats,
      log: (line) => this.say(line),
      now: () => performance.now(),
    });
    this.path.tick();
    process.on('exit', this.onExit);
    if (this.options.handleSignals !== false) {
      for (const signal of Object.keys(signals)) process.on(signal, this.onSignal);
    }
    try {
      for (const managed of this.managed) this.takeOver(managed, this.linkOf(managed));
      this.changes.settle(this.options.interfaces);
    } catch (error) {
      this.undo();
      throw error;
    }
    this.timer = setInterval(() => {
      this.path?.tick();
      engine.sweep(TIMER_ROWS);
    }, TIMER_MS);
  }

  /** The kernel's number of an interface, by its id here; 0 where it is gone. */
  kernelIndexOf(interfaceId: number): number {
    const name = this.interfaces.name(interfaceId);
    return this.routes.links.find((link) => link.ifname === name)?.ifindex ?? 0;
  }

  statistics(): Record<string, number> {
    return { ...this.stats };
  }

  /** Gives the interfaces back to the kernel. */
  async stop(): Promise<void> {
    this.undo();
    // The handles of the addons are closed by the event loop, not at once.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The same at once: for an `exit` handler. May be called again. */
  undo(): void {
    process.off('exit', this.onExit);
    for (const signal of Object.keys(signals)) process.off(signal, this.onSignal);
    if (this.timer !== null) clearInterval(this.timer);
    this.routes.close();
    for (const managed of this.managed) this.closeTap(managed);
    this.sender.close();
    this.changes.undoAll();
  }

  /** Links or addresses were read anew; `wentDown` names those that were down for a moment or are. */
  followLinks(wentDown: ReadonlySet<string>): void {
    if (this.path === null) return;
    for (const managed of this.managed) {
      try {
        this.follow(managed, wentDown.has(managed.host.name));
      } catch (error) {
        this.say(`capture: ${managed.host.name}: ${String(error)}`);
      }
    }
  }

  private follow(managed: Managed, wentDown: boolean): void {
    const link = this.routes.links.find((known) => known.ifname === managed.host.name);
    const isUp = link?.flags.includes('UP') === true;
    if (managed.tap !== null && (!isUp || wentDown || managed.key !== keyOf(link))) {
      this.closeTap(managed);
      this.stats.reopened++;
      this.say(`capture: ${managed.host.name} went down or changed: tap closed`);
    }
    if (link === undefined || !isUp) return;
    if (managed.tap !== null) managed.host.followAddresses(link);
    else this.takeOver(managed, link);
  }

  /** The drop first: until the tap is open nothing passes, rather than everything. */
  private takeOver(managed: Managed, link: LinkJson): void {
    // A device that is new, perhaps under an old name, has none of our changes.
    if (managed.ifindex !== link.ifindex) {
      managed.host.dropBehindTap(link);
      managed.host.switchOffloadsOff(isVirtual(link));
      managed.ifindex = link.ifindex;
    }
    this.openTap(managed, link);
  }

  private openTap(managed: Managed, link: LinkJson): void {
    const path = this.path!;
    const { id, host } = managed;
    const ringBytes = this.options.ringBytes ?? DEFAULT_RING_BYTES;
    const tap = new Tap(this.addons.newCap(), host.name, link.address ?? '', ringBytes, path);
    tap.listen((length, truncated) => path.take(tap, id, length, truncated));
    tap.prime(this.addons.newCap(), host.name);
    managed.tap = tap;
    managed.key = keyOf(link);
    this.sender.setPort(id, tap);
  }

  private closeTap(managed: Managed): void {
    this.sender.setPort(managed.id, null);
    managed.tap?.close();
    managed.tap = null;
  }

  private linkOf(managed: Managed): LinkJson {
    return needEthernet(this.routes.links, managed.host.name);
  }

  private endBySignal(signal: NodeJS.Signals): void {
    const alone = process.listenerCount(signal) === 1;
    this.undo();
    if (alone) process.exit(128 + signals[signal as keyof typeof signals]);
  }

  private say(line: string): void {
    this.options.log?.(line);
  }
}

interface CaptureParts {
  readonly options: CaptureOptions;
  readonly interfaces: InterfaceTable;
  readonly routes: KernelRoutes;
  readonly addons: Addons;
  readonly changes: HostChanges;
  readonly run: CommandRunner;
}

/**
 * Prepares the live datapath in the network namespace of this process: reads what a killed
 * predecessor left, loads the addons, reads the routes. Nothing on the host is changed yet. Rejects
 * with `DatapathUnavailable`, which says what mends it.
 */
export async function prepareCapture(options: CaptureOptions): Promise<CaptureDatapath> {
  const log = options.log ?? (() => undefined);
  needRoot(process.geteuid?.());
  needPrograms(runCommand, ['ip', 'tc']);
  missEthtool(runCommand, log);
  const stateFile = stateFileOf(options.runDir ?? DEFAULT_RUN_DIR);
  const changes = new HostChanges({ stateFile, log, datapath: 'capture' });
  changes.adoptStale();
  const addons = await loadAddons();
  if (assertsOnLinkDown()) {
    log(
      'capture: this build of cap ends the process when a managed interface is taken down; ' +
        'build it with CXXFLAGS=-DNDEBUG npm rebuild cap',
    );
  }
  const interfaces = options.interfaceTable ?? new InterfaceTable();
  // The routes report links from now on, the datapath exists a moment later.
  let datapath: CaptureDatapath | null = null;
  const routes = await KernelRoutes.open({
    interfaces,
    log,
    onLinks: (wentDown) => datapath?.followLinks(wentDown),
  });
  try {
    for (const name of options.interfaces) needEthernet(routes.links, name);
    datapath = new CaptureDatapath({
      options,
      interfaces,
      routes,
      addons,
      changes,
      run: runCommand,
    });
    return datapath;
  } catch (error) {
    routes.close();
    throw error;
  }
}

function keyOf(link: LinkJson | undefined): string {
  return link === undefined ? '' : `${link.ifindex} ${link.address} ${link.mtu}`;
}
