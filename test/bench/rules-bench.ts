/**
 * What rules cost: nanoseconds per packet against the number of rules that do not match before the
 * one that does, beside a walk rule by rule; time and memory of the index; time to load files.
 * Prints figures, asserts nothing. Each shape runs in a process of its own.
 *
 *     npm run bench -- rules
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InterfaceTable, Prng, tuneForPackets } from '../../src/base/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  Hook,
  loadRuleFiles,
  type RuleContext,
  type RuleSet,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import { decodeFrame, LinkType, Packet } from '../../src/wire/index.ts';
import { contextOf } from '../rules/support.ts';
import { buildTcp } from '../support/packets.ts';
import { host4, host6, ruleFile, type Shape, shapes } from './rule-shapes.ts';

tuneForPackets();

const COUNTS = [10, 100, 1000, 10_000, 50_000];
const PACKETS = 512;

function load(text: string, family: 4 | 6): RuleSet {
  const { ruleSet, errors } = loadRuleFiles(['bench.rules'], () => text, { family });
  if (ruleSet === null) throw new Error(errors[0]!.format());
  return ruleSet;
}

const ms = (begin: number) => Math.round(performance.now() - begin);

/** Packets that only the last rule matches. */
function lastRulePackets(shape: Shape, rules: CompiledRules, lan: number, random: Prng) {
  const host = shape.family === 4 ? host4 : host6;
  const contexts: RuleContext[] = [];
  for (let tries = 0; contexts.length < PACKETS && tries < PACKETS * 50; tries++) {
    const frame = buildTcp({
      src: host(random),
      dst: host(random),
      sport: 1024 + random.below(60_000),
      dport: random.below(32_768) * 2,
    });
    const packet = new Packet(new ArrayBuffer(2048));
    packet.bytes.set(frame, 128);
    packet.begin(frame.length, LinkType.Ethernet);
    decodeFrame(packet);
    const ctx = contextOf(packet, { inIf: lan });
    if (rules.walk(shape.family, TableId.Filter, Hook.Forward, ctx) !== Verdict.Accept) continue;
    contexts.push(ctx);
  }
  return contexts;
}

/** Nanoseconds of processor time per walk: the best of several rounds of about 40 ms. */
function measure(rules: CompiledRules, family: number, contexts: RuleContext[]): number {
  const figures: number[] = [];
  let walks = PACKETS;
  for (let round = 0; round < 7; round++) {
    const begin = process.cpuUsage().user;
    for (let n = 0; n < walks; n++) {
      rules.walk(family, TableId.Filter, Hook.Forward, contexts[n % contexts.length]!);
    }
    const took = (process.cpuUsage().user - begin) / 1000;
    if (round > 1) figures.push((took * 1e6) / walks);
    walks = Math.min(500_000, Math.max(16, Math.trunc((walks * 40) / Math.max(took, 0.01))));
  }
  // The least: other work on the machine only ever adds.
  return Math.min(...figures);
}

function benchShape(shape: Shape): void {
  console.log(`${shape.name}`);
  let first = 0;
  for (const count of COUNTS) {
    const random = new Prng(count);
    const ruleSet = load(ruleFile(shape, count, random), shape.family);
    const interfaces = new InterfaceTable();
    const lan = interfaces.id('lan0');
    const begin = performance.now();
    const linear = compileRuleSet(ruleSet, interfaces, { classify: 'never' });
    const linearMs = ms(begin);
    const again = performance.now();
    const compiled = compileRuleSet(ruleSet, interfaces);
    const indexMs = Math.max(0, ms(again) - linearMs);
    const contexts = lastRulePackets(shape, compiled, lan, random);
    const cost = measure(compiled, shape.family, contexts);
    const slow = measure(linear, shape.family, contexts);
    if (first === 0) first = cost;
    const columns = [
      String(count).padStart(8),
      `${cost.toFixed(0)} ns`.padStart(9),
      `${(cost / first).toFixed(2)}x`.padStart(7),
      `linear ${slow.toFixed(0)} ns`.padStart(20),
      `index ${indexMs} ms`.padStart(15),
      `${Math.round(compiled.indexBytes / 1024)} KiB`.padStart(11),
    ];
    console.log(columns.join(''));
  }
}

function benchLoading(): void {
  const shape = shapes.find(({ name }) => name === 'mixed')!;
  for (const count of [6000, 50_000]) {
    const text = ruleFile(shape, count, new Prng(count));
    const begin = performance.now();
    const busy = process.cpuUsage().user;
    const ruleSet = load(text, shape.family);
    const read = ms(begin);
    compileRuleSet(ruleSet, new InterfaceTable());
    const processor = Math.round((process.cpuUsage().user - busy) / 1000);
    console.log(
      `load of ${count} rules: ${read} ms to read and check, ${ms(begin)} ms in all (${processor} ms of processor time)`,
    );
  }
}

const wanted = process.argv[2];
if (wanted === undefined) {
  console.log(
    'rules that do not match, cost per packet, against 10 rules; build and size of the index',
  );
  const self = fileURLToPath(import.meta.url);
  for (const { name } of shapes) execFileSync(process.execPath, [self, name], { stdio: 'inherit' });
  execFileSync(process.execPath, [self, 'loading'], { stdio: 'inherit' });
} else if (wanted === 'loading') benchLoading();
else benchShape(shapes.find(({ name }) => name === wanted)!);
