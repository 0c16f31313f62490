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
import { across, type Flow, randomFlow, type Step } from './flows.ts';
import type { Arrivals, KernelOracle } from './kernel.ts';
import type { Theme } from './rule-sets.ts';

const interfaces = { lan0: '192.168.77.1/24', wan0: '203.0.113.1/24' };
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
  // Of the packet it speaks of, addresses and the first eight bytes behind its header.
  const quoted = Buffer.from(packet.payload);
  const inner = packet.datagram.subarray(packet.l3HeaderLen + 8);
  const transport = Buffer.from(inner.subarray((inner[0]! & 15) * 4)).subarray(0, 8);
  const about = `${Buffer.from(inner.subarray(12, 20)).toString('hex')} ${transport.toString('hex')}`;
  return `${head} type ${packet.icmpType} code ${packet.icmpCode} ${quoted.length > 0 ? about : ''}`;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export class Twin {
  private readonly gateway: TestGateway;
  private readonly oracle: KernelOracle;
  private readonly rules: string;
  private packets = 0;

  /** Both sides must have accepted `rules` already. */
  constructor(oracle: KernelOracle, rules: string) {
    this.oracle = oracle;
    this.rules = rules;
    this.gateway = makeGateway({
      rules,
      interfaces,
      defaultOut: '',
      settings: { answersPerSecond: 1_000_000 },
    });
  }

  /**
   * Sends `count` packets of random dialogues through both. The counters are compared at the end, or
   * with `always` after each packet, which is slow and names the packet where they part.
   */
  async run(seed: number, count: number, theme: Theme, always = false): Promise<void> {
    const { taste, pauseMs = 0 } = theme;
    const random = new Prng(seed);
    const flows: Flow[] = [];
    let serial = 0;
    while (this.packets < count) {
      while (flows.length < FLOWS_AT_ONCE) {
        flows.push(randomFlow(random, taste, serial++));
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
    assert.equal(
      passed === null ? 'dropped' : hex(passed.datagram),
      arrived === null ? 'dropped' : hex(arrived.datagram),
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
      `the engine: state ${flight.ctState}, reason ${flight.reasonName()}\n${this.rules}`
    );
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
    const { rules } = this.gateway.engine;
    const ours = printSave(rules, { family: 4, counters: true, now: new Date(0) });
    const answersItself = this.rules.includes('-j REJECT');
    const theirs = comparable(await this.oracle.save(), answersItself);
    const named = new Set(tablesOf(ours));
    const theirsNamed = theirs.filter(([table]) => named.has(table));
    assert.deepEqual(comparable(ours, answersItself), theirsNamed, `${when}\n${this.rules}`);
  }
}

/** The frame that got through, and what the gateway answered. */
function kernelSays(step: Step, arrivals: Arrivals): [SeenPacket | null, SeenPacket[]] {
  const through = arrivals[across(step.side)].map((frame) => seen(frame));
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
