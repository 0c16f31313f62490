import { randomBytes } from 'node:crypto';
import type { InterfaceTable } from '../../base/index.ts';
import type { Engine, PacketOutput } from '../../engine/index.ts';
import { type CommandRunner, failureText, type HostChanges, needEthernet } from '../host/index.ts';
import type { LiveDatapath, OnExit } from '../live.ts';
import { type KernelRoutes, type LinkJson, macWords } from '../routes/index.ts';
import { initialise, SharedFlows } from './flows/index.ts';
import { LeftBehind } from './former-flows.ts';
import { Hooks } from './hooks.ts';
import type { KernelPart } from './kernel-part.ts';
import { gateCounterNames } from './layout.ts';
import { LoopbackWatch } from './loopback-watch.ts';
import {
  GatePorts,
  GateSender,
  newPuntStats,
  PuntLoop,
  PuntPath,
  type PuntStats,
  RingReader,
} from './punt/index.ts';
import { PacketSocket, Waiter } from './sys/index.ts';

export interface GateParts {
  readonly interfaces: InterfaceTable;
  /** Names of the interfaces to take over. */
  readonly managed: readonly string[];
  readonly onExit: OnExit | null;
  readonly runDir: string;
  readonly routes: KernelRoutes;
  readonly changes: HostChanges;
  readonly kernel: KernelPart;
  readonly run: CommandRunner;
  readonly log: (line: string) => void;
}

/** How often the clocks are set and flows collected from; a round over all of them takes no longer. */
const TICK_MS = 20;
const ROUND_MS = 400;
const FEWEST_COLLECTED = 256;
/** A default table is swept whole in a second, at well under a millisecond a turn. */
const SWEEP_ROWS = 8_192;

/**
 * The eBPF gate on a live host; see docs/gate.md. In two steps, as the engine needs the routes and the
 * output first: `prepareGate`, then `attach`.
 */
export class GateDatapath implements LiveDatapath {
  readonly name = 'gate';
  readonly holdsOutput = true;
  readonly interfaces: InterfaceTable;
  readonly routes: KernelRoutes;
  readonly output: PacketOutput;
  private readonly parts: GateParts;
  private readonly hooks: Hooks;
  private readonly ports = new GatePorts();
  private readonly stats: PuntStats = newPuntStats();
  private readonly counters = new Float64Array(gateCounterNames.length);
  private readonly managed: Map<string, number>;
  private readonly onProcessExit = (): void => this.undo();
  private sender: GateSender | null = null;
  private working: Working | null = null;
  private isOver = false;

  /** Use `prepareGate`. */
  constructor(parts: GateParts) {
    this.parts = parts;
    this.interfaces = parts.interfaces;
    this.routes = parts.routes;
    this.hooks = new Hooks(parts);
    // Nothing is sent before `attach`: the engine has seen no packet.
    this.output = { emit: (packet, towardsIf) => this.sender?.emit(packet, towardsIf) };
    this.managed = new Map(parts.managed.map((name) => [name, 0]));
  }

  get farewell(): string {
    if (this.parts.onExit !== 'closed') return 'stopped; the host is as it was';
    return 'stopped; closed: known flows go on, nothing new passes (start again, or use --on-exit open)';
  }

  attach(engine: Engine): void {
    const { changes, log, managed } = this.parts;
    process.on('exit', this.onProcessExit);
    try {
      const former = LeftBehind.find(this.parts.kernel.bpf, this.hooks.programIds(managed), log);
      const flowsLeft = former?.adopt(engine) ?? 0;
      this.working = this.setUp(engine);
      this.hooks.withPrograms(() => {
        for (const name of managed) this.takeOver(needEthernet(this.routes.links, name));
      });
      former?.finish(engine);
      changes.settle([...managed, ...this.hooks.devices]);
      if (flowsLeft > 0) log(`gate: ${flowsLeft} flows of the former process go on`);
    } catch (error) {
      this.undo();
      throw error;
    }
    this.working.begin();
  }

  kernelIndexOf(interfaceId: number): number {
    return this.ports.ifindexOf(interfaceId);
  }

  statistics(): Record<string, number> {
    const { working } = this;
    if (working === null) return { ...this.stats };
    this.parts.kernel.maps.readCounters(this.counters);
    const counted = gateCounterNames.map((name, i) => [`kernel.${name}`, this.counters[i]!]);
    return {
      flows4: working.flows.narrowFlows,
      flows6: working.flows.wideFlows,
      flowsRefused: working.flows.refused,
      flowRoom: working.flows.capacity,
      ...(Object.fromEntries(counted) as Record<string, number>),
      ...this.stats,
      sent: working.socket.sent,
      sendFailures: working.socket.failed,
    };
  }

  async stop(): Promise<void> {
    this.undo();
    // What a turn of the loop still holds of the shared memory is let go of with that turn.
    await new Promise((resolve) => setImmediate(resolve));
    this.working?.close();
    this.working = null;
    this.parts.kernel.close();
  }

  /** Gives the host back at once, for an `exit` handler; or leaves it as `--on-exit closed` says. */
  private undo(): void {
    if (this.isOver) return;
    this.isOver = true;
    process.off('exit', this.onProcessExit);
    this.working?.end();
    this.routes.close();
    if (this.parts.onExit !== 'closed' || this.working === null) this.parts.changes.undoAll();
  }

  /** Links or addresses were read anew. */
  followLinks(): void {
    if (this.working === null || this.isOver) return;
    this.tellPorts();
    const isNew = (link: LinkJson): boolean => {
      const ifindex = this.managed.get(link.ifname);
      return ifindex !== undefined && ifindex !== link.ifindex;
    };
    for (const link of this.routes.links.filter(isNew)) {
      try {
        this.hooks.withPrograms(() => this.takeOver(link));
        this.parts.log(`gate: ${link.ifname} is there again`);
      } catch (error) {
        this.parts.log(`gate: ${link.ifname}: ${failureText(error)}`);
      }
    }
  }

  /** Routes, addresses or MTUs are others: flows are decided anew. */
  followRoutes(): void {
    this.working?.engine.reconsiderFlows();
  }

  private takeOver(link: LinkJson): void {
    this.hooks.attachTo(link);
    this.managed.set(link.ifname, link.ifindex);
    this.tellPorts();
  }

  /** What the slow path knows of interfaces: all of them, as packets may leave by any. */
  private tellPorts(): void {
    const { interfaces, managed, ports, routes } = this;
    const there = new Set<number>();
    for (const link of routes.links) {
      const mac = macWords(link.address ?? '');
      const id = interfaces.id(link.ifname);
      there.add(id);
      ports.set(id, {
        ifindex: link.ifindex,
        macHigh: mac?.high ?? 0,
        macLow: mac?.low ?? 0,
        managed: managed.get(link.ifname) === link.ifindex,
      });
    }
    for (const name of managed.keys()) {
      const id = interfaces.id(name);
      if (!there.has(id)) ports.set(id, null);
    }
  }

  private setUp(engine: Engine): Working {
    const { kernel, log } = this.parts;
    const { ports, routes, stats } = this;
    const { maps, memory } = kernel;
    const pair = this.hooks.makePair();
    this.hooks.letOwnComeHome();
    const mark = randomBytes(4).readInt32LE() | 1;
    initialise(memory, {
      seed: randomBytes(4).readInt32LE(),
      mark,
      puntIfindex: pair.punt0,
      units: maps.sizes.units,
    });
    this.tellPorts();
    const socket = new PacketSocket(kernel.bpf.libc, { mark });
    const { capacity: rows } = engine.tracking.conntrack.table;
    const flows = new SharedFlows({
      memory,
      rows,
      ledger: engine.ledger,
      ifindexOf: (id) => ports.ifindexOf(id),
      isManaged: (id) => ports.isManaged(id),
    });
    const sender = new GateSender({
      batch: socket,
      routes,
      ports,
      hops: flows.hops,
      stats,
      pairIfindex: pair.punt1,
    });
    this.sender = sender;
    const now = (): number => performance.now();
    const path = new PuntPath({ engine, routes, ports, sender, stats, log, now });
    const waiter = new Waiter(kernel.bpf.libc, [maps.fds.known_ring, maps.fds.other_ring]);
    const loop = new PuntLoop({
      engine,
      path,
      sender,
      known: new RingReader(maps.knownRing),
      other: new RingReader(maps.otherRing),
      batch: socket,
      watcher: waiter,
      stats,
      log,
    });
    engine.setFlowGate(flows);
    engine.setHomeWatch(new LoopbackWatch(kernel.bpf, maps));
    return new Working(engine, flows, loop, socket, waiter);
  }
}

/** What is at work between `attach` and `stop`. */
class Working {
  readonly engine: Engine;
  readonly flows: SharedFlows;
  readonly socket: PacketSocket;
  private readonly loop: PuntLoop;
  private readonly waiter: Waiter;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    engine: Engine,
    flows: SharedFlows,
    loop: PuntLoop,
    socket: PacketSocket,
    waiter: Waiter,
  ) {
    this.engine = engine;
    this.flows = flows;
    this.loop = loop;
    this.socket = socket;
    this.waiter = waiter;
  }

  begin(): void {
    this.loop.start();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  end(): void {
    clearInterval(this.timer);
    this.loop.stop();
  }

  /** The shared memory must not be touched from now on. */
  close(): void {
    this.waiter.close();
    this.socket.close();
  }

  private tick(): void {
    const { engine, flows, loop } = this;
    loop.tick();
    flows.setNow(engine.clock.ms);
    const share = Math.ceil((flows.collectSteps * TICK_MS) / ROUND_MS);
    flows.collectSome(Math.max(share, FEWEST_COLLECTED));
    engine.sweep(SWEEP_ROWS);
  }
}
