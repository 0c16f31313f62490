/**
 * Random talks through the kernel's connection tracking and through an engine in memory, packet by
 * packet: what comes out on either side, and what the table says of the connection afterwards.
 */
import assert from 'node:assert/strict';
import { Prng } from '../../../src/base/index.ts';
import { trackReasonName, Outcome as Verdict } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { START_SEC, type TestGateway } from '../../support/gateway.ts';
import { macs, type Side } from '../oracle/words.ts';
import { engineEntry, makeEngine } from './engine.ts';
import { withErrors } from './errors.ts';
import type { KernelEntry, Outcome, Shot, TrackingKernel } from './kernel.ts';
import type { Ends, Scene } from './scenes.ts';
import { type Message, reversed, type Talk } from './talk.ts';

const devices = { lan: 'lan0', wan: 'wan0' } as const;
const sides = ['lan', 'wan'] as const satisfies readonly Side[];
/** Talks that go on at the same time. */
const TALKS_AT_ONCE = 6;
/** Frames sent to the kernel before its answers are compared. */
const BATCH = 256;

interface Running {
  readonly talk: Talk;
  readonly serial: number;
  readonly ends: Ends;
  readonly messages: Iterator<Message>;
}

/** A shot with what a complaint about it says. */
interface Planned {
  readonly shot: Shot | null;
  readonly serial: number;
  readonly about: string;
}

/** Share of the talks that may end in a port chosen by chance: such clashes are rare. */
const MOST_ABANDONED = 0.05;
/** In slow scenes there is a pause after so many packets of each talk. */
const pausesAfter = [2, 4, 8];
const pause: Planned = { shot: null, serial: -1, about: 'a pause' };

export type TalkMaker = (random: Prng, scene: Scene) => Talk;

export class TrackingTwin {
  /** Packets compared so far. */
  packets = 0;
  private readonly kernel: TrackingKernel;
  private readonly scene: Scene;
  private readonly gateway: TestGateway;
  /** Talks whose port both sides had to choose by chance: their further packets say nothing. */
  readonly abandoned = new Set<number>();

  constructor(kernel: TrackingKernel, scene: Scene) {
    this.kernel = kernel;
    this.scene = scene;
    this.gateway = makeEngine(scene);
  }

  /** Carries `count` talks through both. Talk number n has the seed `seed + n`. */
  async run(make: TalkMaker, seed: number, count: number): Promise<void> {
    const steps = this.steps(make, seed, count);
    let batch: Planned[] = [];
    for (const planned of steps) {
      batch.push(planned);
      if (batch.length < BATCH) continue;
      await this.compareBatch(batch);
      batch = [];
    }
    await this.compareBatch(batch);
    const { size } = this.abandoned;
    assert.ok(size <= count * MOST_ABANDONED, `${size} of ${count} talks were given up`);
  }

  /** Several talks at the same time, in the order in which the gateway meets their packets. */
  private *steps(make: TalkMaker, seed: number, count: number): Generator<Planned> {
    const random = new Prng(seed);
    const running: Running[] = [];
    const atOnce = this.scene.slow ? count : TALKS_AT_ONCE;
    let begun = 0;
    let planned = 0;
    while (begun < count || running.length > 0) {
      while (running.length < atOnce && begun < count)
        running.push(this.begin(make, seed, begun++));
      const at = random.below(running.length);
      const step = this.plan(running[at]!);
      if (step === null) running.splice(at, 1);
      else yield step;
      planned++;
      if (this.scene.slow && pausesAfter.some((talks) => planned === talks * count)) yield pause;
    }
  }

  private begin(make: TalkMaker, seed: number, serial: number): Running {
    const random = new Prng(Math.imul(seed + serial, 0x9e3779b1));
    for (let i = 0; i < 4; i++) random.next();
    const talk = make(random, this.scene);
    const ends = endsOf(this.scene, serial);
    return { talk, serial, ends, messages: withErrors(random, this.scene, ends, talk) };
  }

  private plan({ talk, serial, ends, messages }: Running): Planned | null {
    const message = messages.next();
    if (message.done) return null;
    const { from } = message.value;
    const side = sides[from]!;
    const seen = from === 0 ? ends : reversed(this.scene.atServer(ends));
    const frame = message.value.frame({
      ...seen,
      ...linkOf(side),
      tos: 0,
      id: this.packets & 0xffff,
    });
    const [a, b] = talk.tupleNumbers(ends.sport, ends.dport);
    const tuple = [this.scene.family, talk.protocol, ends.src, ends.dst, a, b] as const;
    const about = `talk ${serial} ${side} ${Buffer.from(frame.subarray(14)).toString('hex')}`;
    return { shot: { side, frame, tuple }, serial, about };
  }

  private async compareBatch(batch: readonly Planned[]): Promise<void> {
    const outcomes = await this.kernel.shoot(batch.map(({ shot }) => shot));
    let at = 0;
    for (const planned of batch) {
      if (planned.shot === null) continue;
      const outcome = outcomes[at++]!;
      if (!this.abandoned.has(planned.serial)) this.compare(planned, planned.shot, outcome);
    }
  }

  private compare({ serial, about }: Planned, shot: Shot, kernel: Outcome): void {
    this.packets++;
    const { gateway } = this;
    const sinceStart = kernel.atSec - START_SEC;
    gateway.now(Math.floor(sinceStart), Math.floor((sinceStart % 1) * 1e6));
    const left = gateway.datapath.inject(devices[shot.side], shot.frame);
    const out: Record<Side, string[]> = { lan: [], wan: [] };
    if (left.outcome === Verdict.Forward) {
      out[left.interfaceName === 'lan0' ? 'lan' : 'wan'].push(hex(left.frame.subarray(14)));
    }
    const theirs = { lan: kernel.out.lan.map(datagram), wan: kernel.out.wan.map(datagram) };
    const where = () => `${this.scene.name}, ${about}\n${reasonOf(gateway)}`;
    if (bothChoseAnyPort(shot, out, theirs)) {
      this.abandoned.add(serial);
      return;
    }
    assert.deepEqual(out, theirs, where());
    const ours = engineEntry(gateway, shot.tuple);
    compareEntries(ours, kernel.entry, where);
  }
}

/** Seconds left may differ by the time between the packet and the question. */
function compareEntries(
  ours: KernelEntry | null,
  theirs: KernelEntry | null,
  where: () => string,
): void {
  if (ours !== null && theirs !== null && Math.abs(ours.timeout - theirs.timeout) <= 1) {
    assert.deepEqual(ours, { ...theirs, timeout: ours.timeout }, where());
  } else assert.deepEqual(ours, theirs, where());
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** Without the link header, in hex. */
const datagram = (frame: string) => frame.slice(28);

function linkOf(side: Side): { srcMac: string; dstMac: string } {
  return side === 'lan'
    ? { srcMac: macs.client, dstMac: macs.lan }
    : { srcMac: macs.server, dstMac: macs.wan };
}

/**
 * No two talks of a scene have the same client port, so that translation keeps it; nor the same server
 * port, so that a port which the kernel chose by chance for one is never in the way of another.
 */
function endsOf(scene: Scene, serial: number): Ends {
  const { clients, servers } = scene.hosts;
  return {
    src: clients[serial % clients.length]!,
    dst: servers[serial % servers.length]!,
    sport: 1024 + serial,
    dport: 8000 + serial,
  };
}

function reasonOf({ engine }: TestGateway): string {
  const { flight } = engine;
  return `drop reason '${flight.reasonName()}', tracking '${trackReasonName(flight.trackReason)}'`;
}

const withPorts: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.UdpLite, Proto.Sctp];

/** Of an Ethernet frame without IP options and extension headers. */
function protocolOf(frame: Uint8Array): number {
  return frame[14]! >> 4 === 4 ? frame[23]! : frame[20]!;
}

type Out = Readonly<Record<Side, readonly string[]>>;

/** True where both sides found the client's port taken, and each has put a random one in its place. */
function bothChoseAnyPort(shot: Shot, ours: Out, theirs: Out): boolean {
  const protocol = shot.tuple[1];
  const [a, b] = [ours.wan[0], theirs.wan[0]];
  if (shot.side !== 'lan' || a === undefined || b === undefined) return false;
  if (!withPorts.includes(protocol) || protocolOf(shot.frame) !== protocol) return false;
  const at = shot.tuple[0] === 4 ? 40 : 80;
  const port = (text: string) => Number.parseInt(text.slice(at, at + 4), 16);
  return port(a) !== port(b) && port(a) !== shot.tuple[4] && port(b) !== shot.tuple[4];
}
