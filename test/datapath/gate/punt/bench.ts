/** A slow path over fakes, with an engine that does as it is told. */
import { Clock, InterfaceTable } from '../../../../src/base/index.ts';
import {
  GatePorts,
  GateSender,
  newPuntStats,
  PuntPath,
  RingReader,
} from '../../../../src/datapath/gate/punt/index.ts';
import { macWords, NeighbourTable } from '../../../../src/datapath/routes/index.ts';
import { IpFragmenter, Outcome, RouteKind, RouteTable } from '../../../../src/engine/index.ts';
import { type Packet, parseIpv4, parseIpv6 } from '../../../../src/wire/index.ts';
import { MemoryBatch, MemoryHops, RingTwin, type SentFrame } from './fakes.ts';

export const PAIR = 77;
export const LAN = { id: 0, ifindex: 12, mac: '02:00:00:00:00:01' } as const;
export const WAN = { id: 1, ifindex: 1_000_003, mac: '02:00:00:00:00:02' } as const;
export const ROUTER_MAC = '0e:aa:bb:cc:dd:ee';

/** A routing table whose neighbours are set by hand. */
export class TestRoutes extends RouteTable {
  readonly neighbours = new NeighbourTable();
}

export class PuntBench {
  readonly stats = newPuntStats();
  readonly interfaces = new InterfaceTable();
  readonly routes = new TestRoutes();
  readonly ports = new GatePorts();
  readonly hops = new MemoryHops();
  readonly batch: MemoryBatch;
  readonly ring = new RingTwin(65_536);
  readonly reader = new RingReader(this.ring);
  readonly log: string[] = [];
  /** What the engine was asked, as `in lan`, `out wan 1000`. */
  readonly asked: string[] = [];
  nowMs = 0;
  outcome: number = Outcome.Forward;
  whenProcessed: (packet: Packet) => void = () => undefined;
  readonly flight = { rerouted: false };
  readonly context = { mark: 0 };
  readonly sender: GateSender;
  readonly path: PuntPath;

  constructor(batch = new MemoryBatch()) {
    this.batch = batch;
    this.addInterfaces();
    const { stats, routes, ports, hops } = this;
    this.sender = new GateSender({ batch, routes, ports, hops, stats, pairIfindex: PAIR });
    // The neighbour table shows a neighbour to the kernel first, and answers from then on.
    this.sender.nowSec = 1;
    const bench = this;
    const engine = {
      clock: new Clock(),
      flight: this.flight,
      assembly: { fragmenter: new IpFragmenter() },
      get outIf(): number {
        return bench.routes.outIf;
      },
      process: (packet: Packet, inIf: number) => {
        if (!bench.batch.forgetful) bench.asked.push(`in ${inIf}`);
        return bench.decide(packet, inIf);
      },
      context: this.context,
      processOutput: (packet: Packet, outIf: number, uid: number, mark: number) => {
        if (!bench.batch.forgetful) bench.asked.push(`out ${outIf} ${uid}`);
        this.context.mark = mark;
        return bench.decide(packet, -1);
      },
      sweep: () => undefined,
    };
    const log = (line: string) => this.log.push(line);
    const now = () => this.nowMs;
    this.path = new PuntPath({ engine, routes, ports, sender: this.sender, stats, log, now });
  }

  /** Punts a frame, takes it through the slow path, and says what was sent. */
  pass(frame: Uint8Array, ifindex: number, flags = 0, uid = -1, mark = 0): SentFrame[] {
    this.batch.sent.length = 0;
    this.ring.punt(frame, ifindex, flags, uid, mark);
    this.takeAll();
    return [...this.batch.sent];
  }

  takeAll(): void {
    const { reader } = this;
    for (let at = reader.next(); at >= 0; at = reader.next()) this.path.take(reader.words, at);
    reader.release();
    this.batch.flush();
  }

  /** Makes a neighbour known as the kernel would tell it, already confirmed. */
  addNeighbour(name: string, dst: string, lladdr: string): void {
    const neighbour = { dst, dev: name, lladdr, state: ['REACHABLE'] };
    this.routes.neighbours.update(this.interfaces, neighbour);
    const words = dst.includes(':') ? parseIpv6(dst)! : [parseIpv4(dst)!, 0, 0, 0];
    const id = this.interfaces.id(name);
    this.routes.neighbours.find(id, words[0]!, words[1]!, words[2]!, words[3]!, 1);
  }

  private decide(packet: Packet, inIf: number): number {
    this.whenProcessed(packet);
    if (this.outcome === Outcome.Forward) this.routes.lookup(packet, inIf, 0);
    return this.outcome;
  }

  private addInterfaces(): void {
    const { interfaces, ports, routes } = this;
    for (const [name, { id, ifindex, mac }] of Object.entries({ lan: LAN, wan: WAN })) {
      if (interfaces.id(name) !== id) throw new Error(name);
      const { high, low } = macWords(mac)!;
      ports.set(id, { ifindex, macHigh: high, macLow: low, managed: true });
    }
    const other = interfaces.id('other');
    ports.set(other, { ifindex: 30, macHigh: 0x0200, macLow: 3, managed: false });
    const kind = RouteKind.Forward;
    const add = (text: string, prefixLength: number, outIf: number, via?: string): void => {
      const family = text.includes(':') ? 6 : 4;
      const words = (of: string): number[] => (family === 6 ? parseIpv6(of)! : [parseIpv4(of)!]);
      const gateway = via === undefined ? {} : { via: words(via) };
      routes.addRoute({ family, prefix: words(text), prefixLength, kind, outIf, ...gateway });
    };
    add('10.0.0.0', 24, LAN.id);
    add('10.9.0.0', 24, other);
    add('0.0.0.0', 0, WAN.id, '192.0.2.254');
    add('fd00:1::', 64, LAN.id);
    add('::', 0, WAN.id, '2001:db8::fe');
    routes.addLocal(4, [parseIpv4('10.0.0.1')!]);
    routes.addLocal(4, [parseIpv4('192.0.2.1')!]);
    routes.addLocal(4, [parseIpv4('127.0.0.1')!]);
    routes.addLocal(6, parseIpv6('fd00:1::1')!);
    routes.addLocal(6, parseIpv6('::1')!);
  }
}
