import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkType } from '../../src/wire/index.ts';
import { join } from '../support/bytes.ts';
import { buildTcp, buildUdp, loadPacket } from '../support/packets.ts';
import { assertChecksums } from '../support/seen.ts';
import { Bench, only, STATEFUL, type TimedFrame } from './support.ts';

const client = { src: '10.0.1.2', dst: '192.0.2.2', sport: 40_000, dport: 21 };
const server = { src: '192.0.2.2', dst: '10.0.1.2', sport: 21, dport: 40_000 };
const GREETING = '220 hello\r\n';
const PORT = 'PORT 10,0,1,2,200,10\r\n';
const behind = { seq: 101, ack: 901 + GREETING.length };

/** Handshake, greeting, a PORT, and the data connection's SYN. */
function dialogue(more: object = {}): Uint8Array[] {
  return [
    buildTcp({ ...client, flags: 'S', seq: 100, ...more }),
    buildTcp({ ...server, flags: 'SA', seq: 900, ack: 101, ...more }),
    buildTcp({ ...client, flags: 'A', seq: 101, ack: 901, ...more }),
    buildTcp({ ...server, flags: 'PA', seq: 901, ack: 101, payload: GREETING, ...more }),
    buildTcp({ ...client, flags: 'PA', ...behind, payload: PORT, ...more }),
    buildTcp({ ...server, sport: 20, dport: 51_210, flags: 'S', seq: 5, ...more }),
  ];
}

function cut(frame: Uint8Array, snapLen: number): TimedFrame {
  return { frame: frame.slice(0, snapLen), originalLength: frame.length };
}

test('packets cut by the snap length are tracked, and not written longer than they were', (t) => {
  const bench = new Bench(t);
  const rules = [bench.file('rules', STATEFUL)];
  const frames = dialogue();
  const next = { seq: behind.ack, ack: 101 + PORT.length };
  const data = buildTcp({ ...server, flags: 'PA', ...next, payload: 'x'.repeat(900) });
  const read = bench.capture('in.pcap', [...frames.slice(0, 5), cut(data, 60)]);
  for (const verifyChecksums of [false, true]) {
    const write = bench.path('out.pcap');
    const reports = bench.reports({ rules, read, write, verifyChecksums });
    const packets = only(reports, 'packet').map(({ ctstate, verdict }) => `${ctstate} ${verdict}`);
    assert.equal(packets.at(-1), 'ESTABLISHED ACCEPT');
    assert.equal(packets.length, 6);
    assert.equal(only(reports, 'expect').length, 1);
    const written = bench.frames('out.pcap').at(-1)!;
    assert.deepEqual([written.data.length, written.originalLength], [60, data.length]);
  }
});

test('a truncated announcement opens nothing, the next whole one does', (t) => {
  const bench = new Bench(t);
  const frames = dialogue();
  const next = (seq: number, payload: string) =>
    buildTcp({ ...client, flags: 'PA', ...behind, seq, payload });
  const after = 101 + PORT.length;
  const read = bench.capture('in.pcap', [
    ...frames.slice(0, 4),
    cut(frames[4]!, 66),
    next(after, 'NOOP\r\n'),
    next(after + 6, PORT),
  ]);
  const reports = bench.reports({ rules: [bench.file('rules', STATEFUL)], read });
  assert.deepEqual(
    only(reports, 'expect').map(({ n, dport }) => [n, dport]),
    [[7, 51_210]],
  );
});

test('what was left to a network card is completed, unless checksums are to be verified', (t) => {
  const bench = new Bench(t);
  const rules = [bench.file('rules', STATEFUL)];
  const frames = dialogue({ badChecksum: true, badIpChecksum: true });
  // TCP segmentation offload: the IP header says nothing of a length.
  frames[4]!.fill(0, 16, 18);
  const read = bench.capture('in.pcap', frames);
  const write = bench.path('out.pcap');
  const reports = bench.reports({ rules, read, write });
  assert.ok(only(reports, 'packet').every(({ verdict }) => verdict === 'ACCEPT'));
  assert.equal(only(reports, 'packet').at(-1)?.ctstate, 'RELATED');
  for (const { data } of bench.frames('out.pcap')) {
    assertChecksums(loadPacket(Uint8Array.from(data)));
  }
  const strict = bench.reports({ rules, read, verifyChecksums: true });
  assert.ok(only(strict, 'packet').every(({ verdict }) => verdict === 'DROP'));
});

test('a bad transport checksum is INVALID where checksums are verified', (t) => {
  const bench = new Bench(t);
  const read = bench.capture('in.pcap', dialogue({ badChecksum: true }));
  const rules = [bench.file('rules', STATEFUL)];
  const reports = bench.reports({ rules, read, verifyChecksums: true });
  assert.deepEqual(
    only(reports, 'packet').map(({ ctstate, verdict }) => `${ctstate} ${verdict}`),
    Array.from({ length: 6 }, () => 'INVALID DROP'),
  );
});

test('VLAN tags, IP without a link header, and BSD loopback', (t) => {
  const bench = new Bench(t);
  const rules = [bench.file('rules', STATEFUL)];
  const raw = dialogue({ link: 'raw' });
  const family = Uint8Array.of(2, 0, 0, 0);
  const captures = [
    bench.capture('vlan.pcap', dialogue({ vlan: [7, 9] })),
    bench.capture('raw.pcap', raw, LinkType.RawIp),
    bench.capture(
      'null.pcap',
      raw.map((datagram) => join(family, datagram)),
      LinkType.Null,
    ),
  ];
  for (const read of captures) {
    const write = bench.path('out.pcap');
    const reports = bench.reports({ rules, read, write });
    assert.equal(only(reports, 'packet').at(-1)?.ctstate, 'RELATED', read);
    assert.equal(bench.frames('out.pcap').length, 6);
  }
});

test('the clock follows the file, also where its stamps go back or are absurd', (t) => {
  const bench = new Bench(t);
  const rules = [bench.file('rules', STATEFUL)];
  const frames = dialogue();
  const [syn, synAck, ack, greeting] = frames as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const [port, data] = frames.slice(4) as [Uint8Array, Uint8Array];
  const read = bench.capture('late.pcap', [
    { frame: syn, atSec: 0.25 },
    { frame: synAck, atSec: 0.5 },
    { frame: ack, atSec: 0.125 },
    { frame: greeting, atSec: 0.125 },
    { frame: port, atSec: 10 },
    { frame: data, atSec: 309 },
    { frame: port, atSec: 310 },
  ]);
  const reports = bench.reports({ rules, read });
  const packets = only(reports, 'packet');
  assert.deepEqual(
    packets.map(({ time }) => time),
    [0, 0.25, -0.125, -0.125, 9.75, 308.75, 309.75],
  );
  assert.equal(packets[5]!.ctstate, 'RELATED');

  const tooLate = bench.capture('tooLate.pcap', [
    syn,
    synAck,
    ack,
    greeting,
    port,
    { frame: data, atSec: 300.5 },
  ]);
  const expired = bench.reports({ rules, read: tooLate });
  assert.equal(only(expired, 'packet')[5]!.ctstate, 'NEW');
  assert.deepEqual(
    only(expired, 'expect').map(({ event, n }) => [event, n]),
    [
      ['NEW', 5],
      ['DESTROY', 6],
    ],
  );

  const farFuture = bench.capture(
    'future.pcap',
    dialogue().map((frame) => ({ frame, atSec: 2_500_000_000 })),
  );
  assert.equal(only(bench.reports({ rules, read: farFuture }), 'packet')[5]!.ctstate, 'RELATED');
});

test('what is not IP passes unfiltered and is counted', (t) => {
  const bench = new Bench(t);
  const arp = buildUdp({ src: '10.0.1.2', dst: '10.0.1.3', sport: 1, dport: 1 });
  arp.set([8, 6], 12);
  const reports = bench.reports({
    rules: [bench.file('rules', STATEFUL)],
    read: bench.capture('in.pcap', [arp]),
  });
  const [packet, summary] = reports;
  assert.deepEqual(
    [packet!.verdict, packet!.reason, packet!.ctstate, packet!.rule],
    ['ACCEPT', 'not-filtered', 'UNTRACKED', null],
  );
  assert.deepEqual([summary!.packets, summary!.accepted, summary!.dropped], [1, 1, 0]);
});
