/**
 * One rule set in the kernel and in an engine in memory, the same packets through both, one at a
 * time: what comes out of them, their answers, and at the end every counter must be the same.
 */
import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { Prng } from '../../../src/base/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { printSave } from '../../../src/rules/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { makeGateway, START_SEC, type TestGateway } from '../../support/gateway.ts';
import { type SeenPacket, seen } from '../../support/seen.ts';
import type { Flow, Step } from './dialogue.ts';
import { randomFlow } from './flows.ts';
import type { Arrivals, KernelOracle } from './kernel.ts';
import type { Theme } from './rule-text.ts';
import { otherSide, type Words } from './words.ts';

const interfaces = {
  lan0: ['192.168.77.1/24', 'fd77:1::1/64'],
  wan0: ['203.0.113.1/24', '2001:db8:77::1/64'],
};
const devices = { lan: 'lan0', wan: 'wan0' } as const;
/** Dialogues that go on at the same time. */
const FLOWS_AT_ONCE = 5;

/** A packet that the gateway made: what a rule decides of it, not what each stack fills in. */
function answerText(packet: SeenPacket): string {
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

/** A rule set in the words of one family, with the sets that it asks. */
export interface Loaded {
  readonly theme: Theme;
  readonly words: Words;
  readonly rules: string;
  readonly sets: string;
}

export class Twin {
  private readonly gateway: TestGateway;
  private readonly oracle: KernelOracle;
  private readonly loaded: Loaded;
  private readonly essence: (packet: SeenPacket) => string;
  private packets = 0;
  /** The gateway has said something itself. */
  private hasAnswered = false;

  /** The kernel must have accepted everything already. */
  constructor(oracle: KernelOracle, loaded: Loaded) {
    this.oracle = oracle;
    this.loaded = loaded;
    this.essence = loaded.theme.essence ?? (({ datagram }) => hex(datagram));
    const { rules, sets, words } = loaded;
    this.gateway = makeGateway({
      ...(words.family === 4 ? { rules } : { rules6: rules }),
      sets,
      interfaces,
      defaultOut: '',
      settings: { answersPerSecond: 1_000_000 },
    });
  }

  /**
   * Sends `count` packets of random dialogues through both. The counters are compared at the end, or
   * with `always` after each packet, which is slow and names the packet where they part.
   */
  async run(seed: number, count: number, always = false): Promise<void> {
    const { theme, words } = this.loaded;
    const { taste, pauseMs = 0 } = theme;
    const random = new Prng(seed);
    const flows: Flow[] = [];
    let serial = 0;
    while (this.packets < count) {
      while (flows.length < FLOWS_AT_ONCE) {
        flows.push(randomFlow({ random, taste, words }, serial++));
      }
      const at = random.below(flows.length);
      const flow = flows[at]!;
      const step = flow.next();
      if (step === null) flows.splice(at, 1);
      else flow.arrived(await this.pass(step));
      if (pauseMs > 0) await setTimeout(pauseMs);
      if (always && step !== null) await this.compareCounters(`after ${this.about(step)}`);
    }
    await this.compareCounters('at the end');
  }

  private async pass(step: Step): Promise<SeenPacket | null> {
    this.packets++;
    const kernel = await this.oracle.exchange(step.side, step.frame);
    const { passed, answers } = this.engineSays(step);
    const [arrived, kernelAnswers] = kernelSays(step, kernel);
    if (kernelAnswers.length > 0) this.hasAnswered = true;
    assert.equal(
      passed === null ? 'dropped' : this.essence(passed),
      arrived === null ? 'dropped' : this.essence(arrived),
      this.about(step),
    );
    assert.deepEqual(answers, kernelAnswers.map(answerText), this.about(step));
    return arrived;
  }

  private about(step: Step): string {
    const { src, sport, dst, dport, protocol, tcpFlags, seq, ack, datagram } = seen(step.frame);
    const { flight } = this.gateway.engine;
    return (
      `packet ${this.packets} from ${step.side}: ${src}:${sport} > ${dst}:${dport} ` +
      `protocol ${protocol} flags ${tcpFlags} seq ${seq} ack ${ack} ${hex(datagram)}\n` +
      `the engine: state ${flight.ctState}, reason ${flight.reasonName()}\n${this.text}`
    );
  }

  private get text(): string {
    return `${this.loaded.rules}${this.loaded.sets}`;
  }

  private engineSays(step: Step): { passed: SeenPacket | null; answers: string[] } {
    this.gateway.now(Math.floor(Date.now() / 1000) - START_SEC);
    const left = this.gateway.inject(devices[step.side], step.frame);
    return {
      passed: left.outcome === Outcome.Forward ? left.seen : null,
      answers: left.answers.map((answer) => answerText(answer.seen)),
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

/** The frame that got through, and what the gateway answered. */
function kernelSays(step: Step, arrivals: Arrivals): [SeenPacket | null, SeenPacket[]] {
  const through = arrivals[otherSide[step.side]].map((frame) => seen(frame));
  const back = arrivals[step.side].map((frame) => seen(frame));
  return [through[0] ?? null, [...through.slice(1), ...back]];
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
