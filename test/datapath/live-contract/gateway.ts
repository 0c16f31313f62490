/**
 * The gateway of the contract test, as a program for a network namespace of its own: reads one
 * `Scenario` as JSON, opens a live datapath on its ports, sends it the frames from the peers of
 * those ports, and prints a `ScenarioResult`.
 *
 * Behind every frame a marked datagram follows from every peer to the next one. When all of them
 * have arrived, so has everything that the frame had made the gateway send, and nothing else is to
 * come: no waiting for silence. A datapath may let strangers, which the datagrams are, go ahead of
 * known connections that came at the same time: hence a second round of them.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import type { Cap } from 'cap';
import { Clock } from '../../../src/base/index.ts';
import { loadAddons } from '../../../src/datapath/capture/native.ts';
import {
  type LiveDatapath,
  type LiveDatapathName,
  prepareCapture,
  prepareGate,
} from '../../../src/datapath/index.ts';
import {
  defaultEngineSettings,
  Engine,
  type EngineParts,
  Outcome,
  type OutcomeCode,
  RouteKind,
} from '../../../src/engine/index.ts';
import { compileRuleSet, loadRuleFiles } from '../../../src/rules/index.ts';
import { type Packet, Proto } from '../../../src/wire/index.ts';
import { until, untilTrue } from '../../live/until.ts';
import { macBytes } from '../../support/bytes.ts';
import { buildUdp } from '../../support/packets.ts';
import type { ContractOutcome } from '../contract.ts';

/** A managed interface, and the other end of its cable, which stands for the network behind it. */
export interface Port {
  readonly name: string;
  readonly mac: string;
  readonly peer: string;
  readonly peerMac: string;
  /** An address behind this port that no frame uses: the marked datagrams are from and to it. */
  readonly markHost: string;
}

export interface Scenario {
  readonly datapath: LiveDatapathName;
  readonly rules: string;
  readonly runDir: string;
  readonly ports: readonly Port[];
  /** Where a UDP socket of the gateway itself listens. */
  readonly listeners: readonly { readonly address: string; readonly port: number }[];
  readonly inputs: readonly {
    readonly port: string;
    readonly frame: string;
    readonly atSec: number;
  }[];
}

/** Bytes are base64 text. */
export interface ScenarioResult {
  readonly outcomes: readonly ContractOutcome[];
  readonly datagrams: readonly string[];
  /** Payloads that the listeners received. */
  readonly received: readonly string[];
  /** The datapath's own totals. */
  readonly counted: Readonly<Record<string, number>>;
}

const ETHERNET_HEADER = 14;
const MARK_PORT = 9;
const RING_BYTES = 4 * 1024 * 1024;
const MAXIMUM = 4096;

/** Stands still at the second that the scenario says, whatever the datapath reads elsewhere. */
class ScenarioClock extends Clock {
  atSec = 0;

  override setEpochMs(): void {
    super.setEpochMs((this.baseEpochSec + this.atSec) * 1000);
  }
}

/** The real engine; notes what it says of each frame, and lets the marked datagrams pass it by. */
class RecordingEngine extends Engine {
  readonly outcomes: number[] = [];
  readonly delivered: Buffer[] = [];
  private readonly ways: EngineParts['routes'];

  constructor(parts: EngineParts) {
    super(parts);
    this.ways = parts.routes;
  }

  override process(packet: Packet, inIf: number): OutcomeCode {
    if (isMark(packet)) return this.passMark(packet);
    const outcome = super.process(packet, inIf);
    this.outcomes.push(outcome);
    if (outcome === Outcome.Deliver) {
      this.delivered.push(Buffer.from(packet.bytes.slice(packet.l3Offset, packet.l3End)));
    }
    return outcome;
  }

  override observeOutput(packet: Packet, outIf: number): void {
    if (!isMark(packet)) super.observeOutput(packet, outIf);
  }

  private passMark(packet: Packet): OutcomeCode {
    const { ways } = this;
    if (ways.lookup(packet, -1, 0) !== RouteKind.Forward) throw new Error('a mark without a route');
    this.flight.outIf = ways.outIf;
    return Outcome.Forward;
  }
}

function isMark(packet: Packet): boolean {
  return packet.protocol === Proto.Udp && packet.dstPortOrIcmpTypeCode === MARK_PORT;
}

/** The peer of a port: sends into it, and keeps what comes out of it. */
class Peer {
  readonly port: Port;
  /** Number of the last marked datagram that came out. */
  lastMark = 0;
  private readonly cap: Cap;
  // The addon keeps no reference to it.
  private readonly buffer = Buffer.alloc(65_535);

  constructor(cap: Cap, port: Port, arrived: (datagram: Buffer) => void) {
    this.port = port;
    this.cap = cap;
    cap.open(port.peer, `inbound and ether src ${port.mac}`, RING_BYTES, this.buffer);
    cap.on('packet', (frameLength) => this.take(frameLength, arrived));
  }

  send(frame: Uint8Array): void {
    const own = Buffer.from(frame);
    own.set(macBytes(this.port.mac), 0);
    own.set(macBytes(this.port.peerMac), 6);
    this.cap.send(own, own.length);
  }

  close(): void {
    this.cap.close();
  }

  private take(frameLength: number, arrived: (datagram: Buffer) => void): void {
    const { buffer } = this;
    if (buffer.readUInt16BE(12) !== 0x0800) return;
    const length = buffer.readUInt16BE(ETHERNET_HEADER + 2);
    // A virtual cable pads nothing: what is behind the datagram was sent there.
    if (frameLength !== ETHERNET_HEADER + length) {
      throw new Error(`a datagram of ${length} bytes in a frame of ${frameLength}`);
    }
    const datagram = Buffer.from(buffer.subarray(ETHERNET_HEADER, ETHERNET_HEADER + length));
    const transport = (datagram[0]! & 15) * 4;
    const isMarked =
      datagram[9] === Proto.Udp && datagram.readUInt16BE(transport + 2) === MARK_PORT;
    if (isMarked) this.lastMark = datagram.readUInt16BE(transport);
    else arrived(datagram);
  }
}

class Cables {
  readonly peers: readonly Peer[];
  private mark = 0;

  constructor(newCap: () => Cap, ports: readonly Port[], arrived: (datagram: Buffer) => void) {
    this.peers = ports.map((port) => new Peer(newCap(), port, arrived));
  }

  send(portName: string, frame: Uint8Array): void {
    const peer = this.peers.find(({ port }) => port.name === portName);
    if (peer === undefined) throw new Error(`no port ${portName}`);
    peer.send(frame);
  }

  /** Every handle loses the first frame after it was opened (see `tapFilter`): these here. */
  async warmUp(): Promise<void> {
    await until('the first marks through the gateway', () => {
      const arrived = this.mark > 0 && this.haveMarksArrived();
      if (!arrived) this.sendMarks();
      return arrived ? true : null;
    });
  }

  /** Resolves when everything sent before has gone its way. */
  async settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      this.sendMarks();
      await untilTrue('the marks behind a frame', () => this.haveMarksArrived());
    }
  }

  close(): void {
    for (const peer of this.peers) peer.close();
  }

  private sendMarks(): void {
    this.mark++;
    for (const [at, from] of this.peers.entries()) {
      const to = this.peers[(at + 1) % this.peers.length]!;
      const [src, dst] = [from.port.markHost, to.port.markHost];
      from.send(buildUdp({ src, dst, sport: this.mark, dport: MARK_PORT }));
    }
  }

  private haveMarksArrived(): boolean {
    return this.peers.every(({ lastMark }) => lastMark === this.mark);
  }
}

const names: Readonly<Record<number, ContractOutcome>> = {
  [Outcome.Drop]: 'drop',
  [Outcome.Forward]: 'forward',
  [Outcome.Deliver]: 'deliver',
};

function newEngine(datapath: LiveDatapath, clock: Clock, rules: string): RecordingEngine {
  const { ruleSet, errors } = loadRuleFiles(['rules'], () => rules, { format: 'save' });
  if (ruleSet === null) throw new Error(errors.map((error) => error.format()).join('\n'));
  const defaults = defaultEngineSettings();
  return new RecordingEngine({
    clock,
    interfaces: datapath.interfaces,
    routes: datapath.routes,
    output: datapath.output,
    rules: compileRuleSet(ruleSet, datapath.interfaces),
    settings: { ...defaults, conntrack: { ...defaults.conntrack, maximum: MAXIMUM } },
    seed: 20_261_121,
  });
}

/** Binds the listeners; what they receive goes into `received`. */
async function listen(at: Scenario['listeners'], received: string[]): Promise<void> {
  for (const { address, port } of at) {
    const socket = createSocket('udp4');
    socket.on('message', (data) => received.push(data.toString('base64')));
    await new Promise<void>((resolve) => socket.bind(port, address, resolve));
  }
}

function open({ datapath, ports, runDir }: Scenario): Promise<LiveDatapath> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const interfaces = ports.map(({ name }) => name);
  return datapath === 'gate'
    ? prepareGate({ interfaces, runDir, log, onExit: null, connections: MAXIMUM })
    : prepareCapture({ interfaces, runDir, log, handleSignals: false });
}

async function play(scenario: Scenario): Promise<ScenarioResult> {
  const { ports } = scenario;
  const datapath = await open(scenario);
  const clock = new ScenarioClock(1_000_000);
  const engine = newEngine(datapath, clock, scenario.rules);
  const received: string[] = [];
  await listen(scenario.listeners, received);
  datapath.attach(engine);
  const datagrams: Buffer[] = [];
  const { newCap } = await loadAddons();
  const cables = new Cables(newCap, ports, (datagram) => datagrams.push(datagram));
  const outcomes: ContractOutcome[] = [];
  let expected = 0;
  let counted: Readonly<Record<string, number>> = {};
  try {
    await cables.warmUp();
    for (const { port, frame, atSec } of scenario.inputs) {
      clock.atSec = atSec;
      cables.send(port, Buffer.from(frame, 'base64'));
      const before = datagrams.length;
      await cables.settle();
      outcomes.push(onlyOutcome(engine.outcomes.splice(0), datagrams.length - before));
      const delivered = engine.delivered.splice(0);
      expected += delivered.filter((datagram) => datagram[9] === Proto.Udp).length;
      datagrams.push(...delivered);
    }
    await untilTrue('what was delivered at a socket', () => received.length >= expected);
  } finally {
    cables.close();
    counted = datapath.statistics();
    await datapath.stop();
  }
  const texts = datagrams.map((datagram) => datagram.toString('base64'));
  return { outcomes, datagrams: texts, received, counted };
}

/** What the engine was not asked about and came out all the same, the datapath has forwarded. */
function onlyOutcome(outcomes: readonly number[], arrived: number): ContractOutcome {
  if (outcomes.length === 0 && arrived === 1) return 'forward';
  const name = names[outcomes[0] ?? -1];
  if (outcomes.length !== 1 || name === undefined) {
    throw new Error(`outcomes of one frame: [${outcomes.join(', ')}]`);
  }
  return name;
}

const result = await play(JSON.parse(readFileSync(0, 'utf8')) as Scenario);
process.stdout.write(JSON.stringify(result), () => process.exit(0));
