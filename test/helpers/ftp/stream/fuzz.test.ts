import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../../../../src/base/index.ts';
import { KEPT_LIMIT } from '../../../../src/helpers/ftp/stream/kept-output.ts';
import {
  type LineJudge,
  LineVerdict,
  type LineVerdictCode,
  type StreamLine,
} from '../../../../src/helpers/ftp/stream/line.ts';
import { Relay, RelayOutcome } from '../../../../src/helpers/ftp/stream/relay.ts';
import { L4Checksum, type Packet, verifyL4Checksum } from '../../../../src/wire/index.ts';
import { assertInsideFrame } from '../../../support/packet-fields.ts';
import { buildTcp, dirtyPacket, loadPacket } from '../../../support/packets.ts';
import { allocatedBytesPerCall } from '../support.ts';
import { Bench } from './segments.ts';

const MAX_LINE = 700;
const LONGEST_REPLACEMENT = 300;

/** Decides by chance, and sees that what it is shown keeps to the contract. */
class ChanceJudge implements LineJudge {
  readonly maxLine = MAX_LINE;
  relay: Relay | null = null;
  lines = 0;
  private readonly random: Prng;

  constructor(random: Prng) {
    this.random = random;
  }

  mustHold(line: StreamLine): boolean {
    this.check(line);
    return this.random.below(2) === 0;
  }

  judge(line: StreamLine): LineVerdictCode {
    this.check(line);
    this.lines++;
    if (this.random.below(60) === 0) this.relay!.readsLines = false;
    const chance = this.random.below(200);
    if (chance === 0) return LineVerdict.Reset;
    if (chance > 60) return LineVerdict.Pass;
    const length = this.random.below(3) === 0 ? 0 : this.random.below(LONGEST_REPLACEMENT);
    line.replacement = new Uint8Array(length).fill(0x72);
    return LineVerdict.Replace;
  }

  encrypted(_bytes: Uint8Array, start: number, end: number): number {
    assert.ok(start < end);
    if (this.random.below(3) !== 0) return -1;
    this.relay!.readsLines = true;
    return start + this.random.below(end - start);
  }

  private check({ bytes, start, end, passed, isWhole, isTooLong }: StreamLine): void {
    assert.ok(start < end && end <= bytes.length && end - start <= MAX_LINE);
    assert.ok(passed <= end - start);
    assert.ok(!(isWhole && isTooLong));
    assert.equal(bytes.slice(start, end).indexOf(0x0a), isWhole ? end - start - 1 : -1);
  }
}

const ends = { src: 'fd00::2', dst: '2001:db8::9', sport: 40_000, dport: 21 };
const flagSets = ['A', 'A', 'A', 'A', 'PA', 'A', 'FA', 'UA', 'S', 'RA', 'SF', 'SA', 'UFA'];

function randomPayload(random: Prng): Uint8Array {
  const most = [1, 4, 30, 200, 600, random.below(9) === 0 ? 9000 : 900][random.below(6)]!;
  const payload = new Uint8Array(random.below(most + 1));
  for (let i = 0; i < payload.length; i++) {
    payload[i] = random.below(25) === 0 ? 0x0a : random.below(4) === 0 ? 0xff : 0x61;
  }
  return payload;
}

/** Some hundred steps of one relay, all of them possible, few of them sensible. */
function play(seed: number, packet: Packet): number {
  const random = new Prng(seed);
  const judge = new ChanceJudge(random);
  const relay = new Relay(judge, (_seq, oldLen, newLen) => assert.ok(oldLen > 0 && newLen >= 0));
  judge.relay = relay;
  let at = random.next() | 0;
  if (random.below(3) > 0) relay.startAt(at);
  for (let step = 0; step < 300; step++) {
    const spread = [0, 0, 0, 0, 0, 3, 3, 600, 20_000, 0x7fff_ffff][random.below(10)]!;
    const seq = (at + random.below(spread + 1) - (spread >> 1)) | 0;
    const payload = random.below(4) === 0 ? new Uint8Array(0) : randomPayload(random);
    const flags = flagSets[random.below(flagSets.length)]!;
    const options = { ...ends, seq, ack: step, flags, payload, urgent: random.below(40) };
    loadPacket(buildTcp(options), 'ethernet', packet);
    if (random.below(30) === 0) relay.observe(packet);
    else check(relay, packet);
    if (spread < 100) at = (seq + payload.length) | 0;
    // Now and then another connection, so that not all end in a reset or far away.
    if (random.below(25) === 0) relay.startAt(at);
    if (random.below(3) === 0) {
      const back = [1, 1, 50, 3000, random.below(9) === 0 ? 0x7fff_ffff : 9][random.below(5)]!;
      const ack = (at - random.below(back)) | 0;
      relay.acknowledged(ack, 1, 1);
      relay.lift(ack);
    }
    const most = KEPT_LIMIT + MAX_LINE + LONGEST_REPLACEMENT;
    assert.ok(relay.keptBytes <= most, `${relay.keptBytes} bytes, seed ${seed}`);
  }
  return judge.lines;
}

function check(relay: Relay, packet: Packet): void {
  const length = packet.payloadLen;
  const outcome = relay.take(packet);
  assertInsideFrame(packet);
  assert.equal(verifyL4Checksum(packet), L4Checksum.Good);
  assert.ok(packet.payloadLen <= Math.max(length, 536, KEPT_LIMIT));
  if (outcome === RelayOutcome.Hold) assert.equal(packet.payloadLen, 0);
}

test('any packets: nothing thrown, checksums good, memory bounded', () => {
  const packet = dirtyPacket();
  let lines = 0;
  for (let seed = 1; seed <= 100; seed++) lines += play(seed, packet);
  assert.ok(lines > 3000, `${lines} lines`);
});

test('whole lines that pass, in order, allocate little', () => {
  const bench = new Bench({
    maxLine: 4096,
    mustHold: () => true,
    judge: () => 0,
    encrypted: () => -1,
  });
  const { relay } = bench;
  const packet = bench.load(0, 'NOOP\r\n');
  let seq = packet.seq;
  const perSegment = allocatedBytesPerCall(() => {
    packet.seq = seq;
    seq = (seq + 6) | 0;
    relay.take(packet);
    relay.acknowledged(seq, 1, 0);
  });
  assert.ok(perSegment < 250, `${perSegment} bytes`);
  assert.equal(relay.keptBytes, 0);
});
