import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeqAdjust } from '../../src/nat/index.ts';
import { be32, join } from '../support/bytes.ts';
import { buildTcp, loadPacket, type TcpOptions } from '../support/packets.ts';
import { assertChecksums } from '../support/seen.ts';

const ends = { src: '192.168.1.10', dst: '198.51.100.9', sport: 40_000, dport: 21 };

/** The numbers of a segment after adjustment, unsigned. */
function adjusted(adjust: SeqAdjust, direction: 0 | 1, more: Partial<TcpOptions>) {
  const packet = loadPacket(buildTcp({ ...ends, ...more }));
  assert.ok(adjust.apply(packet, direction), 'options are sound');
  assertChecksums(packet);
  const read = loadPacket(packet.copyFrame());
  assert.deepEqual([packet.seq, packet.ack], [read.seq, read.ack], 'the cursor follows the bytes');
  return { seq: packet.seq >>> 0, ack: packet.ack >>> 0, packet };
}

const seqOf = (a: SeqAdjust, seq: number) => adjusted(a, 0, { seq }).seq;
const ackOf = (a: SeqAdjust, ack: number) => adjusted(a, 1, { ack }).ack;

describe('one change', () => {
  test('grown by 5: what comes later is shifted, what comes before is not', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    assert.deepEqual(
      [900, 1000, 1020, 1021, 5000].map((n) => seqOf(adjust, n)),
      [...[900, 1000, 1025, 1026, 5005]],
    );
    assert.deepEqual(
      [900, 1000, 1025, 1026, 5005].map((n) => ackOf(adjust, n)),
      [...[900, 1000, 1020, 1021, 5000]],
    );
  });

  test('shrunk by 6', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 14);
    assert.deepEqual(
      [1000, 1020, 2000].map((n) => seqOf(adjust, n)),
      [1000, 1014, 1994],
    );
    assert.deepEqual(
      [1000, 1014, 1994].map((n) => ackOf(adjust, n)),
      [1000, 1020, 2000],
    );
  });

  test('an acknowledgement within the replaced bytes acknowledges none of them', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    for (const ack of [1001, 1010, 1020, 1024]) assert.equal(ackOf(adjust, ack), 1000);
  });

  test('the other direction is not touched', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    assert.equal(adjusted(adjust, 1, { seq: 5000 }).seq, 5000);
    assert.equal(adjusted(adjust, 0, { ack: 5000 }).ack, 5000);
  });

  test('the same length shifts nothing, but is acknowledged as a whole', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 20);
    assert.deepEqual(
      [999, 1000, 1020].map((n) => seqOf(adjust, n)),
      [999, 1000, 1020],
    );
    assert.deepEqual(
      [999, 1000, 1010, 1020].map((n) => ackOf(adjust, n)),
      [999, 1000, 1000, 1020],
    );
  });

  test('a segment without ACK keeps its acknowledgement field', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    assert.equal(adjusted(adjust, 1, { ack: 5005, flags: 'R' }).ack, 5005);
  });
});

describe('several changes', () => {
  test('add up, and old segments keep their own shift (the kernel forgets the first)', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    adjust.record(0, 2000, 20, 17);
    adjust.record(0, 3000, 20, 30);
    assert.deepEqual(
      [1000, 1020, 2000, 2020, 3000, 3020].map((n) => seqOf(adjust, n)),
      [...[1000, 1025, 2005, 2022, 3002, 3032]],
    );
    assert.deepEqual(
      [1000, 1025, 2005, 2022, 3002, 3032].map((n) => ackOf(adjust, n)),
      [...[1000, 1020, 2000, 2020, 3000, 3020]],
    );
  });

  test('a retransmitted change counts once', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    adjust.record(0, 2000, 20, 25);
    adjust.record(0, 1000, 20, 25);
    adjust.record(0, 2000, 20, 25);
    assert.equal(seqOf(adjust, 3000), 3010);
  });

  test('one right behind the other', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 10, 12);
    adjust.record(0, 1010, 10, 7);
    assert.deepEqual(
      [1000, 1010, 1020].map((n) => seqOf(adjust, n)),
      [1000, 1012, 1019],
    );
    assert.deepEqual(
      [1012, 1019].map((n) => ackOf(adjust, n)),
      [1010, 1020],
    );
  });

  test('more than sixteen: the recent ones are exact, the sum stays right', () => {
    const adjust = new SeqAdjust();
    for (let i = 0; i < 40; i++) adjust.record(0, 1000 + 100 * i, 20, 23);
    assert.equal(seqOf(adjust, 10_000), 10_120);
    assert.equal(ackOf(adjust, 10_120), 10_000);
    for (let i = 24; i < 40; i++) {
      assert.equal(seqOf(adjust, 1000 + 100 * i), 1000 + 100 * i + 3 * i);
      assert.equal(ackOf(adjust, 1020 + 100 * i + 3 * (i + 1)), 1020 + 100 * i);
    }
  });

  test('both directions at once: seq by the own, ack by the other', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    adjust.record(1, 7000, 20, 11);
    const forth = adjusted(adjust, 0, { seq: 1020, ack: 7011 });
    assert.deepEqual([forth.seq, forth.ack], [1025, 7020]);
    const back = adjusted(adjust, 1, { seq: 7020, ack: 1025 });
    assert.deepEqual([back.seq, back.ack], [7011, 1020]);
  });
});

describe('the sequence space wraps', () => {
  test('a change across the end', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 0xffff_fff8, 20, 25);
    assert.deepEqual(
      [0xffff_fff0, 0xffff_fff8, 12, 100].map((n) => seqOf(adjust, n)),
      [...[0xffff_fff0, 0xffff_fff8, 17, 105]],
    );
    assert.deepEqual(
      [0xffff_fff8, 3, 17, 105].map((n) => ackOf(adjust, n)),
      [...[0xffff_fff8, 0xffff_fff8, 12, 100]],
    );
  });

  test('a shift across the end', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 0xffff_ff00, 20, 30);
    assert.equal(seqOf(adjust, 0xffff_fffc), 6);
    assert.equal(ackOf(adjust, 6), 0xffff_fffc);
  });

  test('gigabytes later an old change is not mistaken for one to come', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    for (let at = 0; at < 2 ** 33; at += 2 ** 28) {
      const seq = (2000 + at) >>> 0;
      assert.equal(seqOf(adjust, seq), (seq + 5) >>> 0);
      assert.equal(ackOf(adjust, (seq + 5) >>> 0), seq);
    }
  });
});

describe('SACK', () => {
  const blocks = join(be32(1025), be32(2000), be32(3000), be32(4000));

  for (const padding of [0, 1, 2, 3]) {
    test(`edges ${padding} bytes behind the header`, () => {
      const adjust = new SeqAdjust();
      adjust.record(0, 1000, 20, 25);
      const nops = new Uint8Array(padding).fill(1);
      const options = join(nops, Uint8Array.of(5, 18), blocks);
      const { packet } = adjusted(adjust, 1, { ack: 1000, options });
      const at = packet.l4Offset + 22 + padding;
      const edges = [0, 4, 8, 12].map((i) => packet.view.getUint32(at + i));
      assert.deepEqual(edges, [1020, 1995, 2995, 3995]);
    });
  }

  test('an edge within replaced bytes moves to their beginning', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    const options = join(Uint8Array.of(1, 1, 5, 10), be32(1010), be32(1025));
    const { packet } = adjusted(adjust, 1, { ack: 1000, options });
    assert.equal(packet.view.getUint32(packet.l4Offset + 24), 1000);
    assert.equal(packet.view.getUint32(packet.l4Offset + 28), 1020);
  });

  test('behind timestamps', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    const stamps = Uint8Array.of(8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
    const options = join(stamps, Uint8Array.of(5, 10), be32(1025), be32(2005));
    const { packet } = adjusted(adjust, 1, { ack: 1000, options });
    assert.equal(packet.view.getUint32(packet.l4Offset + 36), 2000);
    assert.deepEqual(packet.bytes.slice(packet.l4Offset + 20, packet.l4Offset + 30), stamps);
  });

  test('a damaged option list is refused', () => {
    const adjust = new SeqAdjust();
    adjust.record(0, 1000, 20, 25);
    for (const damaged of [
      [5, 1, 0, 0],
      [5, 30, 0, 0],
      [8, 0, 5, 10],
    ]) {
      const options = Uint8Array.from(damaged);
      const packet = loadPacket(buildTcp({ ...ends, ack: 1000, options }));
      assert.equal(adjust.apply(packet, 1), false);
    }
  });
});

test('undoForArrival is taken back by apply', () => {
  const adjust = new SeqAdjust();
  adjust.record(0, 1000, 20, 25);
  const packet = loadPacket(buildTcp({ ...ends, ack: 1020 }));
  adjust.undoForArrival(packet, 1);
  assertChecksums(packet);
  assert.equal(packet.ack, 1025);
  assert.ok(adjust.apply(packet, 1));
  assert.equal(packet.ack, 1020);
});
