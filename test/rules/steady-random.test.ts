/**
 * Flows that are forwarded without the rules, on the word of a trail, compared with a walk rule by rule
 * for each packet: verdicts, marks, what else happens to any packet, and all counters at the end.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InterfaceTable, Prng } from '../../src/base/index.ts';
import { CtStateBit, Status } from '../../src/conntrack/index.ts';
import { formatWords } from '../../src/rules/address.ts';
import {
  type Chain,
  type CompiledRules,
  compileRuleSet,
  Hook,
  type Rule,
  type RuleSet,
  RuleTrail,
  type TableCode,
  TableId,
  Verdict,
} from '../../src/rules/index.ts';
import { decodeFrame, LinkType, Packet } from '../../src/wire/index.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp } from '../support/packets.ts';
import { links, loadAny, randomFrame } from './classify-random.ts';
import { loadBoth } from './sets-support.ts';
import { one, pick, randomText, sets } from './steady-rules.ts';
import { contextOf, FakeConnection } from './support.ts';

const SEED = 0x57ead1;
const SETS = 50;
const PACKETS = 200;
const FLOWS = 6;

interface Ends {
  readonly protocol: number;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
}

/** One direction of a connection, on both sides of the comparison. */
interface Flow {
  readonly ends: Ends;
  readonly inIf: number;
  readonly outIf: number;
  readonly direction: 0 | 1;
  readonly partner: () => Flow;
  readonly isNew: boolean;
  readonly slow: FakeConnection;
  readonly quick: FakeConnection;
  /** The path where the flow is forwarded without rules, else -1, and the mark of its packets. */
  path: number;
  mark: number;
}

function randomEnds(family: 4 | 6, random: Prng): Ends {
  for (;;) {
    const packet = loadAny(randomFrame(family, random));
    const { protocol, src0, src1, src2, src3, dst0, dst1, dst2, dst3 } = packet;
    const isQuery = packet.icmpType === 8 || packet.icmpType === 128;
    const isWhole = packet.fragmentOffset === 0 && packet.payloadOffset > packet.l4Offset;
    if (!isWhole || !([6, 17].includes(protocol) || ([1, 58].includes(protocol) && isQuery)))
      continue;
    const text = (words: number[]) => formatWords(family === 6 ? words : words.slice(0, 1));
    return {
      protocol,
      src: text([src0, src1, src2, src3]),
      dst: text([dst0, dst1, dst2, dst3]),
      sport: packet.srcPortOrIcmpId,
      dport: packet.dstPortOrIcmpTypeCode,
    };
  }
}

function newConnection(): FakeConnection {
  const connection = new FakeConnection();
  connection.exists = true;
  connection.status = Status.Assured | Status.SeenReply | Status.Confirmed;
  return connection;
}

function randomFlows(family: 4 | 6, ids: readonly number[], random: Prng): Flow[] {
  return Array.from({ length: FLOWS }, (_, n) => {
    const there = randomEnds(family, random);
    const [slow, quick] = [newConnection(), newConnection()];
    slow.id = quick.id = n + 1;
    const [inIf, outIf] = [pick(random, ids), pick(random, ids)];
    const isNew = one(random, 6);
    const { protocol, src, dst, sport, dport } = there;
    const answers = { protocol, src: dst, dst: src, sport: dport, dport: sport };
    const isQuery = protocol === 1 || protocol === 58;
    const pair: Flow[] = [];
    const make = (ends: Ends, direction: 0 | 1): Flow => ({
      ends,
      inIf: direction === 0 ? inIf : outIf,
      outIf: direction === 0 ? outIf : inIf,
      direction,
      partner: () => pair[1 - direction]!,
      isNew,
      slow,
      quick,
      path: -1,
      mark: 0,
    });
    pair.push(make(there, 0), make(isQuery ? { ...answers, sport, dport: 0 } : answers, 1));
    return pair;
  }).flat();
}

/** A packet of a flow, with all that may differ between two of them; or one that is not plain. */
function packetOf(family: 4 | 6, flow: Flow, isPlain: boolean, random: Prng): Packet {
  const { protocol, src, dst, sport, dport } = flow.ends;
  const common = {
    src,
    dst,
    tos: pick(random, [0, 8, 16, 0xb8, random.below(256)]),
    ttl: 2 + random.below(250),
    id: random.below(65_536),
    srcMac: `02:00:00:00:00:0${random.below(3)}`,
    dstMac: isPlain ? '02:00:00:00:00:09' : 'ff:ff:ff:ff:ff:ff',
    payload: pick(random, ['', 'abc', 'x'.repeat(random.below(120))]),
  };
  const query = { ...common, id16: sport, seq16: random.below(65_536) };
  const reply = flow.direction === 1;
  const frame =
    protocol === 6
      ? buildTcp({
          ...common,
          sport,
          dport,
          seq: random.below(2 ** 31),
          ack: random.below(2 ** 31),
          window: random.below(65_536),
          flags: isPlain
            ? pick(random, ['A', 'PA', 'AE', 'AC', 'PAEC'])
            : pick(random, ['FA', 'SA', 'R']),
          options: pick(random, [
            new Uint8Array(),
            Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
          ]),
        })
      : protocol === 17
        ? buildUdp({ ...common, sport, dport })
        : family === 4
          ? buildIcmp({ ...query, type: reply ? 0 : 8 })
          : buildIcmpv6({ ...query, type: reply ? 129 : 128 });
  const packet = new Packet(new ArrayBuffer(2048));
  packet.load(frame, LinkType.Ethernet);
  decodeFrame(packet);
  return packet;
}

const owners = (ruleSet: RuleSet, family: 4 | 6): (Rule | Chain)[] =>
  [TableId.Mangle, TableId.Filter].flatMap((code) =>
    [...ruleSet.table(family, code)!.chains.values()].flatMap((c) => [c, ...c.rules]),
  );

/** One rule set: `slow` walks every packet rule by rule, `quick` only those of flows not taken over. */
class Comparison {
  /** Walks of plain packets, those among them that were steady, and packets that went without rules. */
  walks = 0;
  steady = 0;
  without = 0;
  readonly text: string;
  private readonly family: 4 | 6;
  private readonly ruleSet: RuleSet;
  private readonly slow: CompiledRules;
  private readonly quick: CompiledRules;
  private readonly flows: Flow[];
  private readonly random: Prng;
  private readonly trail = new RuleTrail();
  private n = 0;

  constructor(family: 4 | 6, seed: number) {
    this.family = family;
    this.random = new Prng(seed);
    this.text = randomText(family, this.random);
    const { ruleSet, errors } = loadBoth(sets(family), this.text, { family });
    assert.ok(ruleSet, `${errors[0]?.format()}\n${this.text}`);
    this.ruleSet = ruleSet;
    const interfaces = new InterfaceTable();
    const ids = links.map((name) => interfaces.id(name));
    this.slow = compileRuleSet(ruleSet, interfaces, { seed, classify: 'never' });
    this.quick = compileRuleSet(ruleSet, interfaces, {
      seed,
      classify: one(this.random, 3) ? 'never' : 'always',
    });
    this.flows = randomFlows(family, ids, this.random);
  }

  /** Says where the two differ; null where they do not. */
  run(): string | null {
    for (; this.n < PACKETS; this.n++) {
      const fault = this.step(pick(this.random, this.flows));
      if (fault !== null) return `packet ${this.n}: ${fault}\n${this.text}`;
    }
    for (const owner of owners(this.ruleSet, this.family)) {
      const wanted = JSON.stringify(this.slow.countersOf(owner));
      const found = JSON.stringify(this.quick.countersOf(owner));
      const name = 'sourceLine' in owner ? owner.sourceLine : owner.name;
      if (found !== wanted) return `${name} counted ${found} instead of ${wanted}\n${this.text}`;
    }
    return null;
  }

  private step(flow: Flow): string | null {
    const { random } = this;
    const isPlain = !flow.isNew && !one(random, 10);
    const first = packetOf(this.family, flow, isPlain, random);
    const second = new Packet(new ArrayBuffer(2048));
    second.load(first.bytes.slice(first.frameOffset, first.l3End), LinkType.Ethernet);
    decodeFrame(second);
    const before = bytesOf(second);
    const lengthBytes = second.l3End - second.l3Offset;
    const wanted = this.walk(this.slow, flow, flow.slow, first, null);
    if (isPlain && flow.path >= 0) {
      this.without++;
      this.quick.countPath(flow.path, 1, lengthBytes);
      const found = `${Verdict.Accept}; mark ${flow.mark}; ; ${before}; ${stateOf(flow.quick)}`;
      return found === wanted ? null : `without rules ${found} instead of ${wanted}`;
    }
    const marked = stateOf(flow.quick);
    const { trail } = this;
    trail.begin();
    const found = this.walk(this.quick, flow, flow.quick, second, trail);
    // What changes a connection takes both its directions back.
    if (stateOf(flow.quick) !== marked) flow.path = flow.partner().path = -1;
    if (found !== wanted) return `${found} instead of ${wanted}`;
    if (!isPlain) return null;
    this.walks++;
    if (!trail.steady || !found.startsWith(`${Verdict.Accept};`)) return null;
    this.steady++;
    flow.path = this.quick.pathOf(trail);
    flow.mark = Number(/mark (-?\d+)/.exec(found)![1]);
    return null;
  }

  private walk(
    rules: CompiledRules,
    { inIf, outIf, direction, isNew }: Flow,
    connection: FakeConnection,
    packet: Packet,
    trail: RuleTrail | null,
  ): string {
    connection.direction = direction;
    connection.expiresIn = (this.n * 7) % 100;
    connection.packetCounts[0] = this.n;
    const ctState = isNew ? CtStateBit.New : CtStateBit.Established;
    const ctx = contextOf(packet, { inIf, outIf, ctState, connection, trail });
    ctx.clock.set(1000 + (this.n >> 3), (this.n & 7) * 125_000);
    const tables: TableCode[] = [TableId.Mangle, TableId.Filter];
    const verdict = tables.every(
      (table) => rules.walk(this.family, table, Hook.Forward, ctx) === Verdict.Accept,
    )
      ? Verdict.Accept
      : Verdict.Drop;
    const calls = ctx.actions.calls.join(' ');
    return `${verdict}; mark ${ctx.mark}; ${calls}; ${bytesOf(packet)}; ${stateOf(connection)}`;
  }
}

const bytesOf = (packet: Packet) =>
  Buffer.from(packet.bytes.slice(packet.frameOffset, packet.l3End)).toString('hex');
const stateOf = ({ mark, labels }: FakeConnection) => `${mark} ${[...labels].join()}`;

describe('a flow that goes without the rules fares as with them', () => {
  for (const family of [4, 6] as const) {
    test(`IPv${family}: ${SETS} rule sets of ${PACKETS} packets`, () => {
      let [walks, steady, without] = [0, 0, 0];
      for (let n = 0; n < SETS; n++) {
        const comparison = new Comparison(family, SEED + n * 2 + family);
        const fault = comparison.run();
        assert.equal(fault, null, `seed ${SEED + n * 2 + family}: ${fault}`);
        walks += comparison.walks;
        steady += comparison.steady;
        without += comparison.without;
      }
      // Both answers are given often, or the comparison would say nothing.
      const share = without / (without + walks);
      assert.ok(share > 0.2 && share < 0.8, `${without} without rules, ${walks} walks`);
      assert.ok(steady > SETS, `${steady} times taken over`);
    });
  }
});
