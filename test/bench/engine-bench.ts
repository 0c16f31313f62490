/**
 * What the engine alone does, without a network: nanoseconds and bytes per packet of established
 * flows with source translation, and memory per connection. Prints figures, asserts nothing.
 *
 *     npm run bench -- engine
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Clock, tuneForPackets } from '../../src/base/index.ts';
import { MemoryDatapath } from '../../src/datapath/index.ts';
import { defaultEngineSettings, Engine, Outcome, RouteKind } from '../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../src/rules/index.ts';
import { HEADROOM_BYTES, LinkType, parseIpv4 } from '../../src/wire/index.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

tuneForPackets();

const rules = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o wan0 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i lan0 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const CLIENT_NET = 0x0a000000;

function makeGateway(maximum: number, checksums: 'verify' | 'ignore') {
  const datapath = new MemoryDatapath();
  const { interfaces, routes, output } = datapath;
  const lan = interfaces.id('lan0');
  const wan = interfaces.id('wan0');
  const forward = { family: 4, kind: RouteKind.Forward } as const;
  routes.addRoute({ ...forward, prefix: [CLIENT_NET], prefixLength: 8, outIf: lan });
  routes.addRoute({ ...forward, prefix: [0], prefixLength: 0, outIf: wan });
  const own = parseIpv4('203.0.113.1')!;
  routes.addLocal(4, [own]);
  routes.addInterfaceAddress(4, wan, [own], 24);
  const { ruleSet } = loadRuleFiles(['bench.rules'], () => rules);
  if (ruleSet === null) throw new Error('the rules of the benchmark do not load');
  const defaults = defaultEngineSettings();
  const settings = { ...defaults, checksums, conntrack: { ...defaults.conntrack, maximum } };
  const engine = new Engine({
    clock: new Clock(),
    interfaces,
    routes,
    output,
    rules: compileRuleSet(ruleSet, interfaces),
    settings,
    seed: 7,
  });
  datapath.attach(engine);
  return { engine, datapath, lan };
}

const address = (index: number) =>
  `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${(index & 255) | 0}`;

/** Establishes `flows` UDP flows and times packets over them in random order. */
function measureUdp(flows: number, packets: number, checksums: 'verify' | 'ignore'): void {
  const { engine, datapath, lan } = makeGateway(Math.max(flows * 2, 1024), checksums);
  const frames: Uint8Array[] = [];
  const distinct = Math.min(flows, 65_536);
  for (let i = 0; i < flows; i++) {
    const src = address(i + 256);
    // One port of one server holds no more than 64,512 translated flows.
    const dport = 5000 + (i >> 15);
    const frame = buildUdp({ src, dst: '198.51.100.7', sport: 40_000, dport, payload: 'x' });
    const passed = datapath.inject('lan0', frame);
    if (passed.outcome !== Outcome.Forward) throw new Error('a flow was not forwarded');
    const { packet } = datapath;
    const back = buildUdp({
      src: '198.51.100.7',
      dst: '203.0.113.1',
      sport: dport,
      dport: packet.srcPortOrIcmpId,
      payload: 'x',
    });
    datapath.inject('wan0', back);
    if (i < distinct) frames.push(frame);
  }
  report(`udp, ${flows} flows, 1-byte payload, checksums ${checksums}`, packets, () => {
    time(engine, datapath, frames, lan, packets);
  });
}

function measureTcp(payloadLen: number, packets: number, checksums: 'verify' | 'ignore'): void {
  const { engine, datapath, lan } = makeGateway(1024, checksums);
  const ends = { src: '10.0.0.5', dst: '198.51.100.7', sport: 40_000, dport: 80 };
  datapath.inject('lan0', buildTcp({ ...ends, seq: 1, flags: 'S' }));
  const back = { src: '198.51.100.7', dst: '203.0.113.1', sport: 80, dport: 40_000 };
  datapath.inject('wan0', buildTcp({ ...back, seq: 100, ack: 2, flags: 'SA' }));
  datapath.inject('lan0', buildTcp({ ...ends, seq: 2, ack: 101, flags: 'A' }));
  const payload = new Uint8Array(payloadLen);
  const frame = buildTcp({ ...ends, seq: 2, ack: 101, flags: 'A', payload });
  report(`tcp, 1 flow, SNAT, ${payloadLen}-byte payload, checksums ${checksums}`, packets, () => {
    time(engine, datapath, [frame], lan, packets);
  });
}

function time(
  engine: Engine,
  datapath: MemoryDatapath,
  frames: readonly Uint8Array[],
  inIf: number,
  packets: number,
): void {
  const { packet } = datapath;
  let at = 0;
  for (let i = 0; i < packets; i++) {
    const frame = frames[at]!;
    at = (at + 7919) % frames.length;
    // The copy stands for what any datapath does to get a frame into the cursor.
    packet.bytes.set(frame, HEADROOM_BYTES);
    packet.begin(frame.length, LinkType.Ethernet);
    if (engine.process(packet, inIf) !== Outcome.Forward) throw new Error('not forwarded');
  }
}

function report(name: string, packets: number, run: () => void): void {
  const figures: number[] = [];
  for (let round = 0; round < 6; round++) {
    const begin = process.hrtime.bigint();
    run();
    const nanos = Number(process.hrtime.bigint() - begin);
    if (round > 0) figures.push(nanos / packets);
  }
  figures.sort((a, b) => a - b);
  const [min, , median, , max] = figures as [number, number, number, number, number];
  const rate = Math.round(1e9 / median).toLocaleString('en');
  console.log(
    `${name}: ${median.toFixed(0)} ns/packet (${min.toFixed(0)}-${max.toFixed(0)}), ${rate} packets/s`,
  );
}

/** Resident memory after a full collection, in bytes. */
function residentBytes(): number {
  collectGarbage();
  return process.memoryUsage().rss;
}

function measureMemory(flows: number): void {
  const { datapath, engine } = makeGateway(flows, 'ignore');
  const empty = residentBytes();
  for (let i = 0; i < flows; i++) {
    const frame = buildUdp({
      src: address(i + 256),
      dst: '198.51.100.7',
      sport: 40_000,
      dport: 5000 + (i >> 15),
      payload: 'x',
    });
    datapath.inject('lan0', frame);
  }
  const { count } = engine.tracking.conntrack.table;
  const perFlow = Math.round((residentBytes() - empty) / count);
  console.log(`memory: ${count} connections, ${perFlow} bytes each (growth of the process)`);
}

measureTcp(0, 1_000_000, 'ignore');
measureTcp(1448, 1_000_000, 'ignore');
measureTcp(1448, 1_000_000, 'verify');
measureUdp(1, 1_000_000, 'verify');
measureUdp(1000, 1_000_000, 'verify');
measureUdp(100_000, 1_000_000, 'verify');
measureMemory(200_000);
