/** The datapath contract through the slow path: rings, loop and sender, without a kernel. */
import assert from 'node:assert/strict';
import { Clock, InterfaceTable } from '../../../../src/base/index.ts';
import { PuntFlag } from '../../../../src/datapath/gate/layout.ts';
import {
  GatePorts,
  GateSender,
  newPuntStats,
  type PuntEngine,
  PuntLoop,
  PuntPath,
  RingReader,
} from '../../../../src/datapath/gate/punt/index.ts';
import { defaultEngineSettings, Engine, Outcome, RouteKind } from '../../../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../../../src/rules/index.ts';
import { type Packet, parseIpv4 } from '../../../../src/wire/index.ts';
import { seen } from '../../../support/seen.ts';
import {
  type ContractInput,
  type ContractOutcome,
  type ContractSetup,
  datapathContract,
} from '../../contract.ts';
import { PAIR, TestRoutes } from './bench.ts';
import { MemoryBatch, MemoryHops, RingTwin } from './fakes.ts';

const START_SEC = 1_000_000;
const names: Readonly<Record<number, ContractOutcome>> = {
  [Outcome.Drop]: 'drop',
  [Outcome.Forward]: 'forward',
  [Outcome.Deliver]: 'deliver',
};

/** A gateway of which everything but the kernel's part is real. */
class PuntGateway {
  readonly batch = new MemoryBatch();
  readonly stats = newPuntStats();
  readonly outcomes: ContractOutcome[] = [];
  private readonly interfaces = new InterfaceTable();
  private readonly routes = new TestRoutes();
  private readonly ports = new GatePorts();
  private readonly known = new RingTwin(65_536);
  private readonly other = new RingTwin(65_536);
  private turn: () => void = () => undefined;
  private nowMs = START_SEC * 1000;

  constructor({ rules, interfaces }: ContractSetup) {
    for (const [name, address] of Object.entries(interfaces)) this.addInterface(name, address);
    const { batch, routes, ports, stats } = this;
    const hops = new MemoryHops();
    const sender = new GateSender({ batch, routes, ports, hops, stats, pairIfindex: PAIR });
    const engine = this.recording(this.newEngine(rules, sender));
    const log = (line: string): void => assert.fail(line);
    const now = (): number => 0;
    new PuntLoop({
      engine,
      path: new PuntPath({ engine, routes, ports, sender, stats, log, now }),
      sender,
      known: new RingReader(this.known),
      other: new RingReader(this.other),
      batch,
      watcher: {
        watch: (turn) => {
          this.turn = turn;
          return { close: () => undefined };
        },
      },
      stats,
      log,
      epochMs: () => this.nowMs,
      steadyMs: now,
    }).start();
  }

  pass({ interfaceName, frame, atSec = 0 }: ContractInput, number: number): void {
    this.nowMs = (START_SEC + atSec) * 1000;
    // By both rings and both ways in: the engine is to see no difference.
    const ring = number % 2 === 0 ? this.known : this.other;
    const flags = number % 3 === 0 ? PuntFlag.Segment : 0;
    ring.punt(frame, ifindexOf(this.interfaces.id(interfaceName)), flags);
    this.turn();
  }

  private newEngine(rules: string, output: GateSender): Engine {
    const { ruleSet, errors } = loadRuleFiles(['rules'], () => rules, { format: 'save' });
    assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
    const defaults = defaultEngineSettings();
    return new Engine({
      clock: new Clock(START_SEC),
      interfaces: this.interfaces,
      routes: this.routes,
      output,
      rules: compileRuleSet(ruleSet, this.interfaces),
      settings: { ...defaults, conntrack: { ...defaults.conntrack, maximum: 4096 } },
      seed: 20_261_121,
    });
  }

  /** Time moves in one leap here, so all that has expired goes before the packet, not a bit at a time. */
  private recording(engine: Engine): PuntEngine {
    return {
      clock: engine.clock,
      flight: engine.flight,
      assembly: engine.assembly,
      get outIf(): number {
        return engine.outIf;
      },
      process: (packet: Packet, inIf: number) => {
        engine.sweep(Number.MAX_SAFE_INTEGER);
        const outcome = engine.process(packet, inIf);
        this.outcomes.push(names[outcome]!);
        return outcome;
      },
      context: engine.context,
      processOutput: (packet, outIf, uid, mark) => engine.processOutput(packet, outIf, uid, mark),
      sweep: (budget) => engine.sweep(budget),
    };
  }

  private addInterface(name: string, text: string): void {
    const { interfaces, ports, routes } = this;
    const id = interfaces.id(name);
    ports.set(id, { ifindex: ifindexOf(id), macHigh: 0x0200, macLow: id + 1, managed: true });
    const [address = '', length = ''] = text.split('/');
    const words = [parseIpv4(address)!];
    routes.addLocal(4, words, id);
    routes.addInterfaceAddress(4, id, words, Number(length));
    const way = { prefix: words, prefixLength: Number(length), outIf: id } as const;
    routes.addRoute({ family: 4, kind: RouteKind.Forward, ...way });
  }
}

function ifindexOf(id: number): number {
  return 100 + id;
}

datapathContract('gate, slow path over fakes', (setup, inputs) => {
  const gateway = new PuntGateway(setup);
  for (const [number, input] of inputs.entries()) gateway.pass(input, number);
  assert.equal(gateway.stats.faults, 0);
  const datagrams = gateway.batch.sent.map(({ frame }) => seen(frame).datagram);
  return { outcomes: gateway.outcomes, datagrams };
});
