import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Tuple } from '../../src/conntrack/index.ts';
import { isWide, TUPLE_WORDS, WIDE_WORDS } from '../../src/conntrack/tuple.ts';
import { Proto } from '../../src/wire/index.ts';
import { buildIcmp, buildIcmpv6, buildIp, buildTcp, loadPacket } from '../support/packets.ts';

const v4 = { src: '10.0.1.2', dst: '192.0.2.2' };
const v6 = { src: '2001:db8:1::2', dst: '2001:db8:2:3:4:5:6:7' };

function tupleOf(frame: Uint8Array): Tuple {
  const tuple = new Tuple();
  tuple.fromPacket(loadPacket(frame));
  return tuple;
}

function inverseOf(tuple: Tuple): Tuple {
  const inverse = new Tuple();
  inverse.invertFrom(tuple);
  return inverse;
}

const DIRTY = 0xa5a5a5a5 | 0;

/** A tuple as a row of a table would hold it, over words that were used before. */
class Stored {
  readonly words = new Int32Array(TUPLE_WORDS + 2).fill(DIRTY);
  readonly wide = new Int32Array(WIDE_WORDS + 2).fill(DIRTY);

  constructor(tuple: Tuple) {
    tuple.write(this.words, 1);
    tuple.writeRest(this.wide, 1);
  }

  read(): Tuple {
    const tuple = new Tuple();
    tuple.copyFrom(tcp6);
    tuple.read(this.words, 1);
    if (isWide(tuple.meta)) tuple.readRest(this.wide, 1);
    return tuple;
  }

  equals(tuple: Tuple): boolean {
    return tuple.equalsAt(this.words, 1) && tuple.restEqualsAt(this.wide, 1);
  }
}

const tcp4 = tupleOf(buildTcp({ ...v4, sport: 50940, dport: 21 }));
const tcp6 = tupleOf(buildTcp({ ...v6, sport: 50940, dport: 21 }));

describe('a tuple from a packet', () => {
  test('TCP over IPv4', () => {
    assert.deepEqual([tcp4.family, tcp4.protocol], [4, Proto.Tcp]);
    assert.deepEqual([tcp4.srcPort, tcp4.dstPort], [50940, 21]);
    assert.deepEqual([tcp4.s0, tcp4.d0], [0x0a000102, 0xc0000202 | 0], 'signed words');
    assert.deepEqual([tcp4.s1, tcp4.s2, tcp4.s3, tcp4.d1, tcp4.d2, tcp4.d3], [0, 0, 0, 0, 0, 0]);
  });

  test('TCP over IPv6', () => {
    assert.deepEqual([tcp6.family, tcp6.protocol], [6, Proto.Tcp]);
    assert.deepEqual([tcp6.s0, tcp6.s1, tcp6.s2, tcp6.s3], [0x20010db8, 0x00010000, 0, 2]);
    assert.deepEqual(
      [tcp6.d0, tcp6.d1, tcp6.d2, tcp6.d3],
      [0x20010db8, 0x00020003, 0x00040005, 0x00060007],
    );
  });

  test('an IPv4 packet after an IPv6 one leaves nothing of it', () => {
    const tuple = new Tuple();
    tuple.fromPacket(loadPacket(buildTcp({ ...v6, sport: 1, dport: 2 })));
    tuple.fromPacket(loadPacket(buildTcp({ ...v4, sport: 50940, dport: 21 })));
    assert.deepEqual(tuple, tcp4);
  });

  test('ICMP: the id is the source port, type and code the destination port', () => {
    const echo = tupleOf(buildIcmp({ ...v4, type: 8, id16: 0xfffe }));
    assert.deepEqual([echo.srcPort, echo.dstPort], [0xfffe, 8 << 8]);
    const echo6 = tupleOf(buildIcmpv6({ ...v6, id16: 7 }));
    assert.deepEqual([echo6.srcPort, echo6.dstPort], [7, 128 << 8]);
  });

  test('a protocol without ports has zeros in their place', () => {
    const ospf = tupleOf(buildIp(v4, 89, Uint8Array.of(255, 255, 255, 255)));
    assert.deepEqual([ospf.protocol, ospf.ports], [89, 0]);
  });

  test('ports at their bounds', () => {
    for (const [sport, dport] of [
      [0, 65535],
      [65535, 0],
      [32768, 32768],
    ] as const) {
      const tuple = new Tuple();
      tuple.setPorts(sport, dport);
      assert.deepEqual([tuple.srcPort, tuple.dstPort], [sport, dport]);
    }
  });
});

describe('the answering tuple', () => {
  for (const [name, tuple] of [
    ['IPv4', tcp4],
    ['IPv6', tcp6],
  ] as const) {
    test(`TCP over ${name}: ends and ports swapped, twice is the same again`, () => {
      const inverse = inverseOf(tuple);
      assert.deepEqual([inverse.srcPort, inverse.dstPort], [21, 50940]);
      assert.deepEqual(
        [inverse.s0, inverse.s1, inverse.s2, inverse.s3],
        [tuple.d0, tuple.d1, tuple.d2, tuple.d3],
      );
      assert.deepEqual(
        [inverse.d0, inverse.d1, inverse.d2, inverse.d3],
        [tuple.s0, tuple.s1, tuple.s2, tuple.s3],
      );
      assert.equal(inverse.meta, tuple.meta);
      assert.deepEqual(inverseOf(inverse), tuple);
    });
  }

  test('inverting a tuple into itself', () => {
    const tuple = new Tuple();
    tuple.copyFrom(tcp6);
    tuple.invertFrom(tuple);
    assert.deepEqual(tuple, inverseOf(tcp6));
  });

  // Query and answer types: RFC 792, RFC 950, RFC 4443.
  const queries: readonly (readonly [string, number, number])[] = [
    ['echo', 8, 0],
    ['timestamp', 13, 14],
    ['information', 15, 16],
    ['address mask', 17, 18],
  ];
  for (const [name, query, answer] of queries) {
    test(`ICMP ${name}: the same id, the answering type, both ways`, () => {
      const asked = tupleOf(buildIcmp({ ...v4, type: query, id16: 0x8001 }));
      const answered = tupleOf(buildIcmp({ src: v4.dst, dst: v4.src, type: answer, id16: 0x8001 }));
      assert.deepEqual(inverseOf(asked), answered);
      assert.deepEqual(inverseOf(answered), asked);
    });
  }

  test('ICMP: the code stays (nf_conntrack_proto_icmp.c)', () => {
    const asked = tupleOf(buildIcmp({ ...v4, type: 8, code: 3, id16: 1 }));
    assert.equal(inverseOf(asked).dstPort, 3);
  });

  test('ICMPv6 echo', () => {
    const asked = tupleOf(buildIcmpv6({ ...v6, type: 128, id16: 0xffff }));
    const answered = tupleOf(buildIcmpv6({ src: v6.dst, dst: v6.src, type: 129, id16: 0xffff }));
    assert.deepEqual(inverseOf(asked), answered);
    assert.deepEqual(inverseOf(answered), asked);
  });
});

describe('a tuple in a row', () => {
  test('written and read back, the neighbouring words untouched', () => {
    for (const tuple of [tcp4, tcp6]) {
      const stored = new Stored(tuple);
      const { words, wide } = stored;
      assert.deepEqual([words[0], words[TUPLE_WORDS + 1]], [DIRTY, DIRTY]);
      assert.deepEqual([wide[0], wide[WIDE_WORDS + 1]], [DIRTY, DIRTY]);
      assert.deepEqual(stored.read(), tuple);
      assert.ok(stored.equals(tuple));
    }
  });

  test('reads zeros for the rest of addresses, be it an IPv6 one', () => {
    const tuple = new Tuple();
    tuple.copyFrom(tcp6);
    tuple.read(new Stored(tcp6).words, 1);
    const { s1, s2, s3, d1, d2, d3 } = tuple;
    assert.deepEqual([s1, s2, s3, d1, d2, d3], [0, 0, 0, 0, 0, 0]);
  });

  test('differs in any one field: not equal', () => {
    const fields = ['meta', 'ports', 's0', 's1', 's2', 's3', 'd0', 'd1', 'd2', 'd3'] as const;
    const stored = new Stored(tcp6);
    for (const field of fields) {
      const other = new Tuple();
      other.copyFrom(tcp6);
      // The family of `meta` stays IPv6: the protocol is what changes.
      other[field] ^= 1;
      assert.equal(stored.equals(other), false, field);
    }
    for (const field of ['meta', 'ports', 's0', 'd0'] as const) {
      const other = new Tuple();
      other.copyFrom(tcp4);
      other[field] ^= 1;
      assert.equal(new Stored(tcp4).equals(other), false, `IPv4 ${field}`);
    }
  });

  test('IPv4 and IPv6 do not collide, though all words but the family are the same', () => {
    const as6 = new Tuple();
    as6.copyFrom(tcp4);
    as6.meta = (6 << 8) | Proto.Tcp;
    assert.equal(new Stored(tcp4).equals(as6), false);
    assert.equal(new Stored(as6).equals(tcp4), false);
    assert.notEqual(as6.hash(1), tcp4.hash(1));
  });

  test('compares the ends of two tuples', () => {
    const other = new Tuple();
    other.copyFrom(tcp6);
    assert.ok(tcp6.sameAddresses(other));
    other.s3 ^= 1;
    assert.deepEqual(
      [tcp6.sameSource(other), tcp6.sameDestination(other), tcp6.sameAddresses(other)],
      [false, true, false],
    );
    other.copyFrom(tcp6);
    other.d3 ^= 1;
    assert.deepEqual(
      [tcp6.sameSource(other), tcp6.sameDestination(other), tcp6.sameAddresses(other)],
      [true, false, false],
    );
  });
});

describe('the hash of a tuple', () => {
  test('differs by seed, is the same for the same seed', () => {
    for (const tuple of [tcp4, tcp6]) {
      const seen = new Set<number>();
      for (let seed = 0; seed < 100; seed++) seen.add(tuple.hash(seed));
      assert.equal(seen.size, 100);
      assert.equal(tuple.hash(42), tuple.hash(42));
    }
  });

  test('every field counts, and the directions differ', () => {
    const fields = ['meta', 'ports', 's0', 's1', 's2', 's3', 'd0', 'd1', 'd2', 'd3'] as const;
    for (const field of fields) {
      const other = new Tuple();
      other.copyFrom(tcp6);
      other[field] ^= 1;
      assert.notEqual(other.hash(7), tcp6.hash(7), field);
    }
    assert.notEqual(inverseOf(tcp6).hash(7), tcp6.hash(7));
    assert.notEqual(inverseOf(tcp4).hash(7), tcp4.hash(7));
  });

  test('clients with neighbouring ports spread over the slots', () => {
    const tuple = new Tuple();
    tuple.copyFrom(tcp4);
    const load = new Array<number>(64).fill(0);
    for (let port = 0; port < 6400; port++) {
      tuple.setPorts(1024 + port, 21);
      load[tuple.hash(9) & 63]! += 1;
    }
    // 100 expected a slot; a fair hash stays within five standard deviations.
    assert.ok(Math.max(...load) < 150 && Math.min(...load) > 50, load.join(' '));
  });
});
