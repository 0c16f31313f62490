/**
 * One rule set in the kernel and in an engine in memory, the same packets through both, one at a
 * time: what comes out of them, their answers, and at the end every counter must be the same.
 */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Prng } from '../../../src/base/index.ts';
import { defaultFragmentSettings, Outcome, trackReasonName } from '../../../src/engine/index.ts';
import { printSave } from '../../../src/rules/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { hasFragmentHeader, joined, placeOf } from '../../engine/fragment-support.ts';
import { makeGateway, START_SEC, type TestGateway } from '../../support/gateway.ts';
import { glimpsed, type SeenPacket, seen } from '../../support/seen.ts';
import type { Ends, Flow, Step } from './dialogue.ts';
import { randomFlow } from './flows.ts';
import type { KernelOracle } from './kernel.ts';
import type { Theme } from './rule-text.ts';
import { otherSide, type Side, type Words } from './words.ts';

const interfaces = {
  lan0: ['192.168.77.1/24', 'fd77:1::1/64'],
  wan0: ['203.0.113.1/24', '2001:db8:77::1/64'],
};
const devices = { lan: 'lan0', wan: 'wan0' } as const;
/** A kernel that is slow today must not give up what is waiting: prepare.ts says the same there. */
const patient = { ...defaultFragmentSettings(), ipv4TimeoutSec: 3600, ipv6TimeoutSec: 3600 };
/** Dialogues that go on at the same time. */
const FLOWS_AT_ONCE = 5;

/** In place of what arrived: both sides have chosen for themselves, and their connections differ. */
const parted = Symbol('parted');

/** A packet that the gateway made: what a rule decides of it, not what each stack fills in. */
function answerText(packet: SeenPacket | null): string {
  if (packet === null) return 'cut off';
  const head = `${packet.src} > ${packet.dst} protocol ${packet.protocol}`;
  if (packet.protocol === Proto.Tcp) {
    const { sport, dport, tcpFlags, seq, ack } = packet;
    return `${head} ${sport} > ${dport} flags ${tcpFlags} seq ${seq} ack ${ack}`;
  }
  const inner = packet.datagram.subarray(packet.l3HeaderLen + 8);
  const about = inner.length > 0 ? quotedText(inner, packet.family) : '';
  return `${head} type ${packet.icmpType} code ${packet.icmpCode} ${about}`;
}

/** Of a quoted packet, the addresses and the first eight bytes behind its header. */
function quotedText(inner: Uint8Array, family: number): string {
  const [addresses, length, header] =
    family === 4 ? ([12, 8, (inner[0]! & 15) * 4] as const) : ([8, 32, 40] as const);
  const transport = hex(inner.subarray(header, header + 8));
  return `${hex(inner.subarray(addresses, addresses + length))} ${transport}`;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** What became of a frame in the engine. */
interface EngineSaid {
  readonly passed: readonly Uint8Array[];
  /** The side that `passed` went to. */
  readonly to: Side;
  readonly answers: Readonly<Record<Side, readonly string[]>>;
  /** It was for the gateway itself. */
  readonly delivered: boolean;
}

const sideOf = (interfaceName: string): Side => (interfaceName === 'lan0' ? 'lan' : 'wan');

/** A rule set in the words of one family, with the sets that it asks. */
export interface Loaded {
  readonly theme: Theme;
  readonly words: Words;
  readonly rules: string;
  readonly sets: string;
  /** The kernel tracks connections and joins fragments, even if no rule of the theme asks for it. */
  readonly tracked: boolean;
}

export class Twin {
  private readonly gateway: TestGateway;
  private readonly oracle: KernelOracle;
  private readonly loaded: Loaded;
  private readonly essence: (frame: Uint8Array) => string;
  private packets = 0;
  /** The gateway has said something itself. */
  private hasAnswered = false;

  /** The kernel must have accepted everything already. */
  constructor(oracle: KernelOracle, loaded: Loaded) {
    this.oracle = oracle;
    this.loaded = loaded;
    const { essence } = loaded.theme;
    this.essence = essence === undefined ? datagramOf : (frame) => essenceOf(frame, essence);
    const { rules, sets, words } = loaded;
    this.gateway = makeGateway({
      ...(words.family === 4 ? { rules } : { rules6: rules }),
      sets,
      interfaces,
      defaultOut: '',
      // No helper that no rule gives: the kernel has none of those any more.
      settings: { answersPerSecond: 1_000_000, ftpPorts: [], fragments: patient },
    });
  }

  /**
   * Sends `count` packets of random dialogues through both. The counters are compared at the end, or
   * with `always` after each packet, which is slow and names the packet where they part.
   */
  async run(seed: number, count: number, always = false): Promise<void> {
    const { theme, words, tracked } = this.loaded;
    const { pauseMs = 0 } = theme;
    const taste = { ...theme.taste, fragments: tracked && theme.taste.fragments !== false };
    const random = new Prng(seed);
    const flows: Flow[] = [];
    const used: Ends[] = [];
    let serial = 0;
    while (this.packets < count) {
      while (flows.length < FLOWS_AT_ONCE) {
        flows.push(randomFlow({ random, taste, words, used }, serial++));
      }
      const at = random.below(flows.length);
      const flow = flows[at]!;
      const step = flow.next();
      if (step === null) {
        flows.splice(at, 1);
        continue;
      }
      const passed = await this.pass(step);
      if (passed === parted) {
        await this.forget();
        flows.length = 0;
      } else flow.arrived(passed);
      if (pauseMs > 0) await setTimeout(pauseMs);
      if (always) await this.compareCounters(`after ${this.about(step)}`);
    }
    await this.compareCounters('at the end');
  }

  /** Both sides begin anew: the same rules and counters, no connections. */
  private async forget(): Promise<void> {
    await this.oracle.forget();
    this.gateway.engine.tracking.conntrack.flush();
  }

  /** Sends a step, piece by piece; what arrived of it in the end. */
  private async pass(step: Step): Promise<SeenPacket | typeof parted | null> {
    let arrived: readonly Uint8Array[] = [];
    for (const frame of step.pieces ?? [step.frame]) {
      const through = await this.exchange({ side: step.side, frame }, step.frame);
      if (through === parted) return parted;
      if (through.length > 0) arrived = through;
    }
    if (arrived.length === 0) return null;
    return glimpsed(arrived.length === 1 ? arrived[0]! : joined(arrived));
  }

  /** `whole` is what the frame is a piece of, or the frame itself. */
  private async exchange(
    step: Step,
    whole: Uint8Array,
  ): Promise<readonly Uint8Array[] | typeof parted> {
    this.packets++;
    const arrivals = await this.oracle.exchange(step.side, step.frame);
    const { passed, answers, to, delivered } = this.engineSays(step);
    if (delivered) this.listenTo(step.side, arrivals[step.side]);
    if (bothChoseAnyPort(whole, passed, arrivals[to])) return parted;
    // What the gateway says of itself comes behind what it forwards to the same side.
    const texts = (side: Side, frames: readonly Uint8Array[]) =>
      (delivered && side === step.side ? [] : frames).map((frame, i) =>
        side === to && i < passed.length ? this.essence(frame) : answerText(glimpsed(frame)),
      );
    const theirs = { lan: texts('lan', arrivals.lan), wan: texts('wan', arrivals.wan) };
    const ours = { ...answers, [to]: [...passed.map(this.essence), ...answers[to]] };
    if (!isDeepStrictEqual(ours, theirs)) assert.deepEqual(ours, theirs, this.about(step));
    if (answers.lan.length + answers.wan.length > 0) this.hasAnswered = true;
    return to === step.side ? [] : arrivals[to];
  }

  /** What the kernel's own sockets, or the lack of them, answer: the engine sees it go, as in a capture. */
  private listenTo(side: Side, frames: readonly Uint8Array[]): void {
    if (frames.length > 0) this.hasAnswered = true;
    for (const frame of frames) this.gateway.datapath.injectOutput(devices[side], frame);
  }

  private about({ side, frame }: Step): string {
    const { flight } = this.gateway.engine;
    const packet = glimpsed(frame);
    const ends =
      packet === null
        ? 'cut off'
        : `${packet.src}:${packet.sport} > ${packet.dst}:${packet.dport} ` +
          `protocol ${packet.protocol} flags ${packet.tcpFlags} seq ${packet.seq} ack ${packet.ack}`;
    return (
      `packet ${this.packets} from ${side}: ${ends} ${datagramOf(frame)}\n` +
      `the engine: state ${flight.ctState}, reason ${flight.reasonName()}, ` +
      `tracking ${trackReasonName(flight.trackReason)}\n${this.text}`
    );
  }

  private get text(): string {
    return `${this.loaded.rules}${this.loaded.sets}`;
  }

  private engineSays(step: Step): EngineSaid {
    this.gateway.now(Math.floor(Date.now() / 1000) - START_SEC);
    const { datapath } = this.gateway;
    datapath.sent.length = 0;
    const left = datapath.inject(devices[step.side], step.frame);
    const answers: Record<Side, string[]> = { lan: [], wan: [] };
    for (const { interfaceName, datagram } of datapath.sent) {
      answers[sideOf(interfaceName)].push(answerText(seen(datagram, 'raw')));
    }
    const isForwarded = left.outcome === Outcome.Forward;
    return {
      passed: isForwarded ? left.frames : [],
      to: isForwarded ? sideOf(left.interfaceName) : otherSide[step.side],
      answers,
      delivered: left.outcome === Outcome.Deliver,
    };
  }

  /** The whole text of iptables-save -c on both sides. */
  private async compareCounters(when: string): Promise<void> {
    const { family } = this.loaded.words;
    const { rules } = this.gateway.engine;
    const ours = printSave(rules, { family, counters: true, now: new Date(0) });
    const theirs = comparable(await this.oracle.save(family), this.hasAnswered);
    const named = new Set(tablesOf(ours));
    const theirsNamed = theirs.filter(([table]) => named.has(table));
    assert.deepEqual(comparable(ours, this.hasAnswered), theirsNamed, `${when}\n${this.text}`);
  }
}

/** Of a packet that is translated and has ports or an ICMP identifier. */
const withPorts: readonly number[] = [Proto.Tcp, Proto.Udp, Proto.Sctp, Proto.Icmp, Proto.Icmpv6];

/**
 * True where both sides found the source port of a new connection taken, and each has put a random
 * one in its place: whatever touches that connection cannot be compared any more.
 */
function bothChoseAnyPort(
  sent: Uint8Array,
  ours: readonly Uint8Array[],
  theirs: readonly Uint8Array[],
): boolean {
  if (ours.length === 0 || theirs.length === 0) return false;
  const [before, a, b] = [sent, joined(ours), joined(theirs)].map((frame) => glimpsed(frame));
  if (!before || !a || !b) return false;
  if (!withPorts.includes(a.protocol) || a.protocol !== b.protocol || a.src !== b.src) return false;
  const isChosen = (sport: number) => sport !== before.sport;
  return isChosen(a.sport) && isChosen(b.sport) && a.sport !== b.sport;
}

/** What counts of a packet; all of it where nobody can tell ports. */
function essenceOf(frame: Uint8Array, essence: (packet: SeenPacket) => string): string {
  const packet = glimpsed(frame);
  return packet === null ? datagramOf(frame) : essence(packet);
}

/** In hex without the link header. The identification of IPv6 fragments is for each stack to choose. */
function datagramOf(frame: Uint8Array): string {
  const isCut = frame[14]! >> 4 === 6 && hasFragmentHeader(frame);
  if (!isCut) return hex(frame.subarray(14));
  const bytes = Uint8Array.from(frame.subarray(14));
  const { headerLen } = placeOf(frame);
  return hex(bytes.fill(0, headerLen - 4, headerLen));
}

const tablesOf = (text: string) => text.split('\n').filter((line) => line.startsWith('*'));

/**
 * Table by table and sorted, for the kernel prints tables in the order of their making. OUTPUT is
 * left out, and POSTROUTING where the gateway answers: the kernel sends its own packets through them.
 */
function comparable(text: string, answersItself: boolean): [string, string[]][] {
  const tables = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      lines = [];
      tables.set(line, lines);
    } else if (!line.startsWith('#') && line !== '' && line !== 'COMMIT') lines.push(line);
  }
  const isOwn = (line: string) =>
    /^:OUTPUT |-A OUTPUT /.test(line) ||
    (answersItself && /^:POSTROUTING |-A POSTROUTING /.test(line));
  return [...tables]
    .map(([table, all]): [string, string[]] => [table, all.filter((line) => !isOwn(line))])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
