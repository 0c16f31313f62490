/**
 * The gateway of `live.test.ts`, run inside its namespace: the gate's program at real interfaces, the
 * slow path and the real engine behind it, and no flow ever taken over.
 *
 *     node live-gateway.js DIRECTORY < rules
 *
 * Prints "ready"; on a line `end` it prints its counters as JSON and leaves.
 */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Clock, InterfaceTable } from '../../../../src/base/index.ts';
import { HopTable } from '../../../../src/datapath/gate/flows/hops.ts';
import { ConfigWord } from '../../../../src/datapath/gate/layout.ts';
import {
  GatePorts,
  GateSender,
  newPuntStats,
  PuntLoop,
  PuntPath,
  RingReader,
} from '../../../../src/datapath/gate/punt/index.ts';
import {
  addClsact,
  attachProgram,
  type Hook,
  loadLibc,
  PacketSocket,
  Pins,
  PUNT0,
  PUNT1,
  puntPair,
  puntPairSettings,
  Waiter,
} from '../../../../src/datapath/gate/sys/index.ts';
import { KernelRoutes, macWords } from '../../../../src/datapath/routes/index.ts';
import { defaultEngineSettings, Engine } from '../../../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../../../src/rules/index.ts';
import { MARK, Machine } from '../program/machine.ts';

const managed = ['p-c', 'p-s'];
const RING_BYTES = 1 << 22;

function run(command: readonly string[]): string {
  return execFileSync(command[0]!, command.slice(1), { encoding: 'utf8' });
}

function attach(machine: Machine, directory: string): void {
  const pins = new Pins(machine.bpf, directory);
  pins.mount();
  for (const [name, fd] of Object.entries(machine.programs)) pins.pin(name, fd);
  const at = (device: string, hook: Hook, program: string): void => {
    run(attachProgram(device, hook, pins.path(program)).run);
  };
  for (const device of [...managed, PUNT0, PUNT1]) run(addClsact(device).run);
  at(PUNT0, 'ingress', 'reentry');
  at(PUNT1, 'ingress', 'segments');
  for (const device of managed) {
    at(device, 'ingress', 'entry_ingress');
    at(device, 'egress', 'entry_egress');
  }
}

function detach(machine: Machine, directory: string): void {
  for (const device of managed) run(addClsact(device).undo);
  run(puntPair().undo);
  new Pins(machine.bpf, directory).remove();
}

function newEngine(
  rules: string,
  interfaces: InterfaceTable,
  routes: KernelRoutes,
  output: GateSender,
): Engine {
  const { ruleSet, errors } = loadRuleFiles(['rules'], () => rules, { format: 'save' });
  if (ruleSet === null) throw new Error(errors.map((error) => error.format()).join('\n'));
  return new Engine({
    clock: new Clock(Math.floor(Date.now() / 1000) - 1),
    interfaces,
    routes,
    output,
    rules: compileRuleSet(ruleSet, interfaces),
    settings: defaultEngineSettings(),
    seed: 20_261_121,
  });
}

const [directory, rules] = process.argv.slice(2) as [string, string];
const machine = await Machine.open(RING_BYTES);
if (typeof machine === 'string') throw new Error(machine);
run(puntPair().run);
puntPairSettings(true).forEach(run);
const libc = await loadLibc();
const interfaces = new InterfaceTable();
const routes = await KernelRoutes.open({ interfaces });
const ports = new GatePorts();
for (const { ifname, ifindex, address } of routes.links) {
  const mac = macWords(address ?? '') ?? { high: 0, low: 0 };
  const port = { ifindex, macHigh: mac.high, macLow: mac.low };
  ports.set(interfaces.id(ifname), { ...port, managed: managed.includes(ifname) });
}
const ifindexOf = (name: string): number => ports.ifindexOf(interfaces.id(name));
machine.set(ConfigWord.PuntIfindex, ifindexOf(PUNT0));
const stats = newPuntStats();
const batch = new PacketSocket(libc, { mark: MARK });
const hops = new HopTable(machine.maps.hops.words);
const pairIfindex = ifindexOf(PUNT1);
const sender = new GateSender({ batch, routes, ports, hops, stats, pairIfindex });
const engine = newEngine(rules, interfaces, routes, sender);
const engineSize = () => ({ connections: engine.tracking.conntrack.table.count });
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const now = (): number => performance.now();
const { knownRing, otherRing, fds } = machine.maps;
const waiter = new Waiter(libc, [fds.known_ring, fds.other_ring]);
const loop = new PuntLoop({
  engine,
  path: new PuntPath({ engine, routes, ports, sender, stats, log, now }),
  sender,
  known: new RingReader(knownRing),
  other: new RingReader(otherRing),
  batch,
  watcher: waiter,
  stats,
  log,
});
attach(machine, directory);
loop.start();
const echo = createServer((peer) => peer.on('error', () => undefined).pipe(peer));
echo.listen(9001, '10.78.1.1');
// The longest time in which no timer ran, since it was last asked.
let longestGapMs = 0;
let lastTimerMs = performance.now();
setInterval(() => {
  longestGapMs = Math.max(longestGapMs, performance.now() - lastTimerMs);
  lastTimerMs = performance.now();
}, 5);
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  const { sent, failed } = batch;
  const told = { ...stats, sent, failed, drops: engine.dropCounts(), program: machine.counters() };
  const { user, system } = process.cpuUsage();
  const { connections } = engineSize();
  const cost = { cpuMs: (user + system) / 1000, userMs: user / 1000, longestGapMs, connections };
  process.stdout.write(`${JSON.stringify({ ...told, ...cost })}\n`);
  longestGapMs = 0;
  if (line === 'end') break;
}
loop.stop();
detach(machine, directory);
process.exit(0);
