/**
 * A whole gateway in memory for tests: rule text, interfaces and an engine over `MemoryDatapath`.
 * Everything that leaves it has its checksums tested with the slow twin.
 *
 *   const gateway = makeGateway({ rules: '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n' });
 *   const left = gateway.inject('lan', buildUdp({ src: '192.168.1.10', … }));
 *   assert.equal(left.outcome, Outcome.Forward);
 *   assert.equal(left.seen?.src, '203.0.113.1');
 */
import assert from 'node:assert/strict';
import { Clock } from '../../src/base/index.ts';
import { Direction, Tuple } from '../../src/conntrack/index.ts';
import { MemoryDatapath, type Passed, type SentPacket } from '../../src/datapath/memory/index.ts';
import {
  defaultEngineSettings,
  Engine,
  type EngineSettings,
  Outcome,
  RouteKind,
} from '../../src/engine/index.ts';
import type { FtpRefusal } from '../../src/helpers/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  type Family,
  loadRuleFiles,
  type TableName,
  tableCode,
} from '../../src/rules/index.ts';
import { formatAddress, parseIpv4, parseIpv6 } from '../../src/wire/index.ts';
import { type SeenPacket, seen } from './seen.ts';

export interface GatewayOptions {
  /** IPv4 rules in the format of iptables-save; default: no tables at all, everything passes. */
  readonly rules?: string;
  /** The same for ip6tables. */
  readonly rules6?: string;
  /** Sets that the rules ask, in the format of `ipset save`. */
  readonly sets?: string;
  /** `ADDRESS/LENGTH` of each interface, one or several, of both families. */
  readonly interfaces?: Readonly<Record<string, string | readonly string[]>>;
  readonly settings?: Partial<EngineSettings>;
  readonly seed?: number;
  /** Interface the default routes lead out of (default `wan`); '' for no default route. */
  readonly defaultOut?: string;
}

/** Something the engine told its listener. */
export interface GatewayEvent {
  readonly kind:
    | 'new'
    | 'update'
    | 'destroy'
    | 'expect-new'
    | 'expect-destroy'
    | 'refused'
    | 'logged';
  /** The connection's original tuple, the expectation, the reason, or the line. */
  readonly text: string;
}

/** What became of an injected frame, and what the gateway said of itself meanwhile. */
export interface Left extends Passed {
  /** The frame that left or was delivered, taken apart; null where it was dropped. */
  readonly seen: SeenPacket | null;
  /** Answers of the gateway itself, in order. */
  readonly answers: readonly (SentPacket & { readonly seen: SeenPacket })[];
  /** Name of the drop reason, '' where it was not dropped. */
  readonly reason: string;
}

export const LAN_AND_WAN = {
  lan: ['192.168.1.1/24', 'fd00:1::1/64'],
  wan: ['203.0.113.1/24', '2001:db8:1::1/64'],
} as const;

/** Unix time of the gateway's second 0. */
export const START_SEC = 1_000_000;

export class TestGateway {
  readonly clock = new Clock(START_SEC);
  readonly datapath = new MemoryDatapath();
  readonly events: GatewayEvent[] = [];
  readonly refusals: FtpRefusal[] = [];
  readonly engine: Engine;

  constructor(options: GatewayOptions) {
    const { datapath, clock } = this;
    this.addRoutes(options.interfaces ?? LAN_AND_WAN, options.defaultOut ?? 'wan');
    const defaults = defaultEngineSettings();
    const conntrack = { ...defaults.conntrack, maximum: 4096 };
    this.engine = new Engine({
      clock,
      interfaces: datapath.interfaces,
      routes: datapath.routes,
      output: datapath.output,
      rules: this.compile(options.rules ?? '', options.rules6 ?? '', options.sets ?? ''),
      settings: { ...defaults, conntrack, ...options.settings },
      seed: options.seed ?? 20_261_121,
    });
    this.listen();
    // A forgotten byte shows as 0xa5.
    datapath.packet.bytes.fill(0xa5);
    datapath.attach(this.engine);
  }

  /** Loads other rules, between two packets. */
  reload(rules: string, rules6 = ''): void {
    this.engine.setRules(this.compile(rules, rules6));
  }

  /** A frame that comes in on an interface. */
  inject(interfaceName: string, frame: Uint8Array): Left {
    return this.left(() => this.datapath.inject(interfaceName, frame));
  }

  /** A frame of this host on its way out of an interface. */
  output(interfaceName: string, frame: Uint8Array): Left {
    return this.left(() => this.datapath.injectOutput(interfaceName, frame));
  }

  /** Sets the time, in seconds since the start, and sweeps what has expired. */
  now(sec: number, usec = 0): void {
    this.clock.set(sec, usec);
    this.engine.sweep(Number.MAX_SAFE_INTEGER);
  }

  /** Connections in the table, unconfirmed ones included. */
  get connections(): number {
    return this.engine.tracking.conntrack.table.count;
  }

  get expectations(): number {
    return this.engine.tracking.conntrack.expectations.count;
  }

  eventTexts(kind: GatewayEvent['kind']): string[] {
    return this.events.filter((event) => event.kind === kind).map(({ text }) => text);
  }

  /** Packets that met a chain's rule `number` (from 1), or its policy (0). */
  count(table: TableName, chain: string, number: number, family: Family = 4): number {
    const { rules } = this.engine;
    const found = rules.ruleSet.table(family, tableCode(table)!)?.chains.get(chain);
    assert.ok(found, `chain ${table} ${chain}`);
    const place = number === 0 ? found : found.rules[number - 1];
    assert.ok(place, `rule ${number} of ${table} ${chain}`);
    return rules.countersOf(place).packets;
  }

  /** `SRC:PORT>DST:PORT` of a connection's direction. */
  tupleText(row: number, direction: 0 | 1 = Direction.Original): string {
    const tuple = new Tuple();
    this.engine.tracking.conntrack.table.readTuple(row, direction, tuple);
    const { family } = tuple;
    const src = formatAddress(family, tuple.s0, tuple.s1, tuple.s2, tuple.s3);
    const dst = formatAddress(family, tuple.d0, tuple.d1, tuple.d2, tuple.d3);
    return `${src}:${tuple.srcPort}>${dst}:${tuple.dstPort}`;
  }

  private left(pass: () => Passed): Left {
    const { datapath, engine } = this;
    datapath.sent.length = 0;
    const dropped = engine.counters.dropped;
    const passed = pass();
    const answers = datapath.sent.map((sent) => ({ ...sent, seen: seen(sent.datagram, 'raw') }));
    const isDropped = engine.counters.dropped > dropped;
    const hasFrame = passed.frame.length > 0 && passed.outcome !== Outcome.Ignore;
    return {
      ...passed,
      seen: hasFrame ? seen(passed.frame) : null,
      answers,
      reason: isDropped ? engine.flight.reasonName() : '',
    };
  }

  private compile(rules: string, rules6: string, sets = ''): CompiledRules {
    const texts: Record<string, string> = { ipset: sets, iptables: rules, ip6tables: rules6 };
    const names = Object.keys(texts).filter((name) => texts[name] !== '');
    const { ruleSet, errors } = loadRuleFiles(names, (name) => texts[name]!, {
      format: sets === '' ? 'save' : 'auto',
    });
    assert.ok(ruleSet, errors.map((error) => error.format()).join('\n'));
    return compileRuleSet(ruleSet, this.datapath.interfaces);
  }

  private addRoutes(
    interfaces: Readonly<Record<string, string | readonly string[]>>,
    defaultOut: string,
  ): void {
    for (const [name, addresses] of Object.entries(interfaces)) {
      const id = this.datapath.interfaces.id(name);
      for (const text of [addresses].flat()) this.addAddress(id, text);
    }
    if (defaultOut === '') return;
    const outIf = this.datapath.interfaces.id(defaultOut);
    for (const family of [4, 6] as const) {
      const prefix = family === 4 ? [0] : [0, 0, 0, 0];
      const via = family === 4 ? [parseIpv4('203.0.113.254')!] : parseIpv6('2001:db8:1::fe')!;
      const kind = RouteKind.Forward;
      this.datapath.routes.addRoute({ family, prefix, prefixLength: 0, kind, outIf, via });
    }
  }

  private addAddress(id: number, text: string): void {
    const { routes } = this.datapath;
    const [address = '', length = ''] = text.split('/');
    const family = address.includes(':') ? 6 : 4;
    const words = addressWords(address);
    const prefixLength = Number(length);
    routes.addLocal(family, words, id);
    routes.addInterfaceAddress(family, id, words, prefixLength);
    const kind = RouteKind.Forward;
    routes.addRoute({ family, prefix: words, prefixLength, kind, outIf: id });
    if (family === 4 && prefixLength < 31) {
      const prefix = [words[0]! | (2 ** (32 - prefixLength) - 1)];
      routes.addRoute({
        family,
        prefix,
        prefixLength: 32,
        kind: RouteKind.Broadcast,
        outIf: id,
        table: 'local',
      });
    }
  }

  private listen(): void {
    const tell = (kind: GatewayEvent['kind'], text: string) => this.events.push({ kind, text });
    this.engine.listener = {
      connectionNew: (row) => tell('new', this.tupleText(row)),
      connectionUpdate: (row) => tell('update', this.tupleText(row)),
      connectionDestroy: (row) => tell('destroy', this.tupleText(row)),
      expectationNew: (e) => tell('expect-new', expectationText(e)),
      expectationDestroy: (e) => tell('expect-destroy', expectationText(e)),
      controlEncrypted: () => {},
      announcementRefused: (refusal) => {
        this.refusals.push(refusal);
        tell('refused', refusal.reason);
      },
      logged: (line) => tell('logged', line),
    };
  }
}

export function makeGateway(options: GatewayOptions = {}): TestGateway {
  return new TestGateway(options);
}

/** Words of an address given as text. */
export function addressWords(text: string): number[] {
  const words = text.includes(':') ? parseIpv6(text) : [parseIpv4(text)];
  assert.ok(words !== null && words[0] !== null, text);
  return words as number[];
}

function expectationText(e: {
  family: number;
  src: readonly number[];
  dst: readonly number[];
  dport: number;
}): string {
  const text = (w: readonly number[]) => formatAddress(e.family, w[0]!, w[1]!, w[2]!, w[3]!);
  return `${text(e.src)}>${text(e.dst)}:${e.dport}`;
}
