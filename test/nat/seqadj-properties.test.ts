import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/index.ts';
import { replacePayload, SeqAdjust } from '../../src/nat/index.ts';
import { be32, join, toBytes } from '../support/bytes.ts';
import { buildTcp, dirtyPacket, loadPacket } from '../support/packets.ts';
import { assertChecksums } from '../support/seen.ts';
import { type Edit, StreamModel } from './seqadj-model.ts';

const ends = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };
const cursor = dirtyPacket();

/** One direction: its stream, how far it was sent, and what arrived. */
class Side {
  readonly model: StreamModel;
  readonly arrived: (number | undefined)[] = [];
  private readonly known = new Set<Edit>();
  /** Sender's position up to which something was sent, in order. */
  sentTo = 0;

  constructor(model: StreamModel) {
    this.model = model;
  }

  /** Bytes the receiver has without a gap. */
  get contiguous(): number {
    const hole = this.arrived.indexOf(undefined);
    return hole < 0 ? this.arrived.length : hole;
  }

  isNew(edit: Edit): boolean {
    if (this.known.has(edit)) return false;
    this.known.add(edit);
    return true;
  }

  arrive(seq: number, bytes: Uint8Array): void {
    const from = (seq - this.model.iss) | 0;
    bytes.forEach((byte, i) => {
      while (this.arrived.length < from + i) this.arrived.push(undefined);
      const there = this.arrived[from + i];
      assert.ok(there === undefined || there === byte, 'a retransmission says the same again');
      this.arrived[from + i] = byte;
    });
  }
}

/** Sends [from, to) of a side through the adjustment, with an acknowledgement and a SACK block. */
function send(
  adjust: SeqAdjust,
  sides: readonly [Side, Side],
  direction: 0 | 1,
  from: number,
  to: number,
  random: Prng,
): void {
  const own = sides[direction];
  const other = sides[direction === 0 ? 1 : 0];
  const { model } = own;
  const ack = random.below(other.contiguous + 1);
  const sack = [0, 1].map(() => random.below(other.arrived.length + 1)).sort((a, b) => a - b);
  const edges = sack.map((position) => be32((other.model.iss + position) >>> 0));
  const options = join(new Uint8Array(random.below(4)).fill(1), Uint8Array.of(5, 10), ...edges);
  const frame = buildTcp({
    ...ends,
    seq: model.number(from),
    ack: other.model.number(ack),
    options,
    payload: model.sent.slice(from, to),
  });
  const packet = loadPacket(frame, 'ethernet', cursor);
  const inside = model.edits.filter((edit) => edit.start >= from && edit.start < to);
  for (const edit of inside) {
    if (own.isNew(edit)) {
      adjust.record(direction, model.number(edit.start) | 0, edit.oldLen, edit.text.length);
    }
  }
  for (const { start, oldLen, text } of inside.reverse()) {
    const at = packet.payloadOffset + start - from;
    assert.ok(replacePayload(packet, at, oldLen, toBytes(text), text.length));
  }
  assert.ok(adjust.apply(packet, direction));
  assertChecksums(packet);
  const seen = loadPacket(packet.copyFrame());
  assert.equal(seen.ack >>> 0, other.model.number(other.model.toSender(ack)));
  const sackAt = seen.l4Offset + 20 + options.indexOf(5) + 2;
  sack.forEach((position, i) => {
    const expected = other.model.number(other.model.toSender(position));
    assert.equal(seen.view.getUint32(sackAt + 4 * i), expected, 'SACK edge');
  });
  own.arrive(seen.seq, seen.bytes.slice(seen.payloadOffset, seen.payloadOffset + seen.payloadLen));
}

/** New data mostly in order, sometimes a retransmission cut differently. */
function step(adjust: SeqAdjust, sides: readonly [Side, Side], random: Prng): void {
  const direction = random.below(2) as 0 | 1;
  const side = sides[direction];
  const { model } = side;
  const isAgain = side.sentTo > 0 && random.below(3) === 0;
  const from = isAgain ? model.boundary(random.below(side.sentTo)) : side.sentTo;
  const to = model.boundary(Math.min(model.sent.length, from + random.below(40)));
  send(adjust, sides, direction, from, to, random);
  side.sentTo = Math.max(side.sentTo, to);
}

const stream = fc
  .record({
    gaps: fc.array(
      fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 30 })),
      {
        maxLength: 12,
      },
    ),
    tail: fc.nat(30),
    iss: fc.oneof(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.integer({ min: 0xffff_ff80, max: 0xffff_ffff }),
    ),
  })
  .map(({ gaps, tail, iss }) => {
    const edits: Edit[] = [];
    let at = 0;
    for (const [gap, oldLen, newLen] of gaps) {
      const text = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'.slice(0, newLen);
      edits.push({ start: at + gap, oldLen, text });
      at += gap + oldLen;
    }
    const sent = Array.from({ length: at + tail }, (_, i) => String.fromCharCode(97 + (i % 26)));
    return new StreamModel(sent.join(''), edits, iss);
  });

test('both ends read exact streams and understand each other’s acknowledgements', () => {
  fc.assert(
    fc.property(stream, stream, fc.integer(), (there, back, seed) => {
      const adjust = new SeqAdjust();
      const sides = [new Side(there), new Side(back)] as const;
      const random = new Prng(seed);
      for (let i = 0; i < 60; i++) step(adjust, sides, random);
      for (const direction of [0, 1] as const) {
        const side = sides[direction];
        while (side.sentTo < side.model.sent.length) {
          const to = side.model.boundary(Math.min(side.model.sent.length, side.sentTo + 25));
          send(adjust, sides, direction, side.sentTo, to, random);
          side.sentTo = to;
        }
        const text = String.fromCharCode(...side.arrived.map((byte) => byte ?? 0));
        assert.equal(text, side.model.received);
      }
    }),
    { seed: 959, numRuns: 150, includeErrorInReport: true },
  );
});

test('the model maps there and back', () => {
  fc.assert(
    fc.property(stream, (model) => {
      for (let at = 0; at <= model.sent.length; at++) {
        const position = model.boundary(at);
        assert.equal(model.toSender(model.toReceiver(position)), position);
      }
    }),
    { seed: 959, numRuns: 100 },
  );
});
