import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../src/base/index.ts';
import { ROW_WORDS } from '../../src/conntrack/fields.ts';
import {
  Conntrack,
  CtStateBit,
  Direction,
  defaultConntrackSettings,
  Field,
  Template,
  trackReasonNames,
} from '../../src/conntrack/index.ts';
import { join } from '../support/bytes.ts';
import { type ErrorOptions, errorAbout, errorTypes } from '../support/icmp-errors.ts';
import {
  authentication,
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  destinationOptions,
  dirtyPacket,
  fragmentHeader,
  hopByHop,
  loadPacket,
  routing,
} from '../support/packets.ts';

const ends = {
  4: { src: '10.0.1.2', dst: '192.0.2.2' },
  6: { src: '2001:db8:1::2', dst: '2001:db8:2::2' },
} as const;
const stranger = { 4: '198.51.100.7', 6: '2001:db8:9::9' } as const;

/** A tracker that says of each packet what it is, in words. */
class Bench {
  readonly clock = new Clock();
  readonly events: string[] = [];
  readonly conntrack: Conntrack;
  private readonly packet = dirtyPacket();

  constructor() {
    const settings = { ...defaultConntrackSettings(), maximum: 64 };
    this.conntrack = new Conntrack(this.clock, settings, 7);
    this.conntrack.listen({
      connectionNew: () => this.events.push('new'),
      connectionUpdate: () => this.events.push('update'),
      connectionDestroy: () => this.events.push('destroy'),
      tableFull: () => {},
      expectationNew: () => {},
      expectationDestroy: () => {},
    });
  }

  /** A packet from one end; confirms what it starts. */
  send(datagram: Uint8Array, template = new Template()): string {
    const { conntrack } = this;
    conntrack.track(loadPacket(datagram, 'raw', this.packet), template);
    if (conntrack.state === CtStateBit.New) conntrack.confirm(conntrack.row);
    if (conntrack.state === CtStateBit.Related) {
      return conntrack.direction === Direction.Original ? 'RELATED' : 'RELATED_REPLY';
    }
    if (conntrack.state === CtStateBit.Invalid) return trackReasonNames[conntrack.reason]!;
    return conntrack.state === CtStateBit.New ? 'NEW' : 'ESTABLISHED';
  }

  error(about: Uint8Array, options: ErrorOptions = {}, template = new Template()): string {
    return this.send(errorAbout(about, { ...options, link: 'raw' }), template);
  }
}

const raw = { link: 'raw' } as const;
const ports = { sport: 5000, dport: 53 };

/** One packet each way, for every kind of connection that an error may speak about. */
function kinds(family: 4 | 6): [name: string, forth: Uint8Array, back: Uint8Array][] {
  const { src, dst } = ends[family];
  const there = { src, dst, ...raw };
  const here = { src: dst, dst: src, ...raw };
  const answered = { sport: ports.dport, dport: ports.sport };
  const query = family === 4 ? buildIcmp : buildIcmpv6;
  const [ask, tell] = family === 4 ? [8, 0] : [128, 129];
  const bytes = new Uint8Array(32).fill(7);
  return [
    ['UDP', buildUdp({ ...there, ...ports }), buildUdp({ ...here, ...answered })],
    [
      'TCP',
      buildTcp({ ...there, ...ports, flags: 'S' }),
      buildTcp({ ...here, ...answered, flags: 'SA', ack: 1 }),
    ],
    ['echo', query({ ...there, type: ask, id16: 77 }), query({ ...here, type: tell, id16: 77 })],
    ['an unknown protocol', buildIp(there, 99, bytes), buildIp(here, 99, bytes)],
    ['GRE', buildIp(there, 47, new Uint8Array(32)), buildIp(here, 47, new Uint8Array(32))],
  ];
}

for (const family of [4, 6] as const) {
  const { src, dst } = ends[family];
  const headerLen = family === 4 ? 20 : 40;
  const udp = (o = {}) => buildUdp({ src, dst, ...ports, ...raw, payload: 'question', ...o });
  const begun = () => {
    const bench = new Bench();
    assert.equal(bench.send(udp()), 'NEW');
    return bench;
  };

  describe(`ICMP errors about connections, IPv${family}`, () => {
    for (const [name, forth, back] of kinds(family)) {
      test(`${name}: about either direction, from whomever`, () => {
        const bench = new Bench();
        assert.equal(bench.send(forth), 'NEW');
        assert.equal(bench.error(forth), 'RELATED_REPLY', 'about the first packet');
        assert.equal(bench.send(back), 'ESTABLISHED');
        assert.equal(bench.error(forth, { src: stranger[family] }), 'RELATED_REPLY');
        assert.equal(bench.error(back), 'RELATED');
        assert.equal(bench.error(back, { src: stranger[family] }), 'RELATED');
      });
    }

    test('every error type; other types are none', () => {
      const bench = begun();
      for (const [type, code] of errorTypes[family]) {
        assert.equal(bench.error(udp(), { type, code }), 'RELATED_REPLY', `type ${type}`);
      }
      const others = family === 4 ? [1, 2, 6, 7, 9, 10] : [138, 141, 150, 200];
      for (const type of others) {
        assert.equal(bench.error(udp(), { type, code: 0 }), 'invalid-icmp-no-query', `${type}`);
      }
    });

    test('nothing is counted, refreshed or told', () => {
      const bench = begun();
      const { table } = bench.conntrack;
      const row = bench.conntrack.row;
      const state = () => [
        ...table.rows.slice(row * ROW_WORDS, (row + 1) * ROW_WORDS),
        table.packets(row, 0),
        table.packets(row, 1),
      ];
      const before = state();
      bench.clock.set(20, 0);
      bench.error(udp());
      assert.equal(bench.conntrack.row, row);
      assert.deepEqual(state(), before);
      assert.deepEqual(bench.events, ['new']);
      assert.equal(table.count, 1);
      assert.notEqual(table.get(row, Field.Id), 0);
    });

    test('about no connection, or one whose time is over', () => {
      const unmatched = 'invalid-icmp-error-unmatched';
      const bench = begun();
      assert.equal(bench.error(udp({ sport: 5001 })), unmatched);
      assert.equal(bench.error(udp({ dport: 54 })), unmatched);
      assert.equal(bench.error(udp({ src: stranger[family] })), unmatched);
      assert.equal(bench.error(buildTcp({ src, dst, ...ports, ...raw })), unmatched);
      assert.equal(bench.conntrack.stats.error, 4);
      bench.clock.set(2000, 0);
      assert.equal(bench.error(udp()), unmatched);
      assert.equal(bench.conntrack.table.count, 0);
    });

    test('to somebody else than the sender of what is quoted', () => {
      const misdirected = 'invalid-icmp-error-misdirected';
      const bench = begun();
      assert.equal(bench.error(udp(), { dst: stranger[family] }), misdirected);
      assert.equal(bench.error(udp(), { dst, src: stranger[family] }), misdirected);
      assert.equal(bench.error(udp()), 'RELATED_REPLY');
    });

    test('quotes of every length: the ports tell the connection', () => {
      const bench = begun();
      const datagram = udp();
      for (let quotedLen = 0; quotedLen <= datagram.length; quotedLen++) {
        const expected =
          quotedLen < headerLen + 4 ? 'invalid-icmp-error-unreadable' : 'RELATED_REPLY';
        assert.equal(bench.error(datagram, { quotedLen }), expected, `${quotedLen} bytes`);
      }
    });

    test('of an ICMP query eight bytes, of an unknown protocol none', () => {
      const bench = new Bench();
      const all = kinds(family);
      const echo = all.find(([name]) => name === 'echo')![1];
      const unknown = all.find(([name]) => name === 'an unknown protocol')![1];
      bench.send(echo);
      bench.send(unknown);
      const cut = (datagram: Uint8Array, len: number) =>
        bench.error(datagram, { quotedLen: headerLen + len });
      assert.equal(cut(echo, 7), 'invalid-icmp-error-unreadable');
      assert.equal(cut(echo, 8), 'RELATED_REPLY');
      assert.equal(cut(unknown, 0), 'RELATED_REPLY');
    });

    test('an error about an error', () => {
      const bench = begun();
      const inner = errorAbout(udp(), raw);
      assert.equal(bench.error(inner), 'invalid-icmp-error-unreadable');
    });

    test('only in the zone of the connection', () => {
      const zone = new Template();
      zone.originalZone = 5;
      zone.replyZone = 5;
      const bench = new Bench();
      bench.send(udp(), zone);
      assert.equal(bench.error(udp()), 'invalid-icmp-error-unmatched');
      assert.equal(bench.error(udp(), {}, zone), 'RELATED_REPLY');
    });
  });
}

describe('ICMP errors, IPv4 headers in the quote', () => {
  const { src, dst } = ends[4];
  const udp = (o = {}) => buildUdp({ src, dst, ...ports, ...raw, ...o });

  test('a first fragment tells the connection, a later one does not', () => {
    const bench = new Bench();
    bench.send(udp());
    const first = udp();
    first[6] = 0x20;
    assert.equal(bench.error(first), 'RELATED_REPLY');
    const later = udp();
    later[7] = 3;
    assert.equal(bench.error(later), 'invalid-icmp-error-unreadable');
  });

  test('options are stepped over; a header of a wrong length is unreadable', () => {
    const bench = new Bench();
    bench.send(udp());
    assert.equal(bench.error(udp({ ipOptions: Uint8Array.of(1, 1, 1, 0) })), 'RELATED_REPLY');
    for (const firstByte of [0x40, 0x44, 0x4f]) {
      const bad = udp();
      bad[0] = firstByte;
      assert.equal(bench.error(bad), 'invalid-icmp-error-unreadable', firstByte.toString(16));
    }
  });

  test('a redirect is an error like others', () => {
    const bench = new Bench();
    bench.send(udp());
    assert.equal(bench.error(udp(), { type: 5, code: 1, rest: 0x0a000101 }), 'RELATED_REPLY');
  });

  test('PPTP: the call id of a quoted GRE header', () => {
    const gre = (callId: number, protocol = 0x880b) => {
      const header = Uint8Array.of(0x20, 1, protocol >> 8, protocol & 255, 0, 0, 0, callId);
      return buildIp({ src, dst, ...raw }, 47, join(header, new Uint8Array(8)));
    };
    const bench = new Bench();
    bench.send(gre(9));
    assert.equal(bench.error(gre(9)), 'RELATED_REPLY');
    assert.equal(bench.error(gre(8)), 'invalid-icmp-error-unmatched');
    assert.equal(bench.error(gre(9, 0x0800)), 'invalid-icmp-error-unreadable');
  });
});

describe('ICMPv6 errors, extension headers in the quote', () => {
  const { src, dst } = ends[6];
  const udp = (o = {}) => buildUdp({ src, dst, ...ports, ...raw, ...o });
  const begun = () => {
    const bench = new Bench();
    bench.send(udp());
    return bench;
  };

  test('are stepped over, a first fragment header too', () => {
    const bench = begun();
    const first = fragmentHeader({ offsetBytes: 0, more: true, id: 1 });
    const chains = [
      [hopByHop()],
      [destinationOptions(), routing()],
      [authentication()],
      [hopByHop(), first],
    ];
    for (const extensions of chains) {
      assert.equal(bench.error(udp({ extensions })), 'RELATED_REPLY');
    }
  });

  test('a later fragment, no next header, a chain that is cut off', () => {
    const unreadable = 'invalid-icmp-error-unreadable';
    const bench = begun();
    const later = fragmentHeader({ offsetBytes: 8, more: false, id: 1 });
    assert.equal(bench.error(udp({ extensions: [later] })), unreadable);
    const nothing = udp();
    nothing[6] = 59;
    assert.equal(bench.error(nothing), unreadable);
    const chain = udp({ extensions: [hopByHop(), routing()] });
    for (const quotedLen of [40, 41, 47, 48, 49, 60, 72, 75]) {
      assert.equal(bench.error(chain, { quotedLen }), unreadable, `${quotedLen} bytes`);
    }
    assert.equal(bench.error(chain, { quotedLen: 76 }), 'RELATED_REPLY');
  });
});
