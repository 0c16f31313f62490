import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Clock } from '../../../src/base/index.ts';
import { type CaptureEngine, PacketPath } from '../../../src/datapath/capture/packet-path.ts';
import { newStats } from '../../../src/datapath/capture/stats.ts';
import { IpFragmenter, Outcome, RouteKind, RouteTable } from '../../../src/engine/index.ts';
import {
  L4Checksum,
  type Packet,
  parseIpv4,
  parseIpv6,
  verifyL4Checksum,
} from '../../../src/wire/index.ts';
import { bytesPerRound } from '../../support/allocation.ts';
import { macBytes } from '../../support/bytes.ts';
import { buildTcp, buildUdp, loadPacket } from '../../support/packets.ts';

const OWN = '02:00:00:00:00:02';
const tap = { macHigh: 0x0200, macLow: 2 };
const tcp = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21 };

class Bench {
  readonly stats = newStats();
  readonly routes = new RouteTable();
  readonly log: string[] = [];
  readonly sent: string[] = [];
  readonly lengths: number[] = [];
  nowMs = 0;
  outcome: number = Outcome.Forward;
  whenProcessed: (packet: Packet) => void = () => undefined;
  observed = 0;
  sweeps = 0;
  ours = false;
  readonly path: PacketPath;

  constructor() {
    this.routes.addRoute({
      family: 4,
      prefix: [0],
      prefixLength: 0,
      kind: RouteKind.Forward,
      outIf: 1,
    });
    this.routes.addLocal(4, [parseIpv4('10.0.0.1')!]);
    this.routes.addLocal(4, [parseIpv4('127.0.0.1')!]);
    this.routes.addLocal(6, parseIpv6('::1')!);
    const engine: CaptureEngine = {
      clock: new Clock(),
      outIf: 1,
      assembly: { fragmenter: new IpFragmenter() },
      process: (packet) => {
        this.whenProcessed(packet);
        if (this.outcome === Outcome.Forward) this.routes.lookup(packet, 1, 0);
        return this.outcome;
      },
      observeOutput: () => {
        this.observed++;
      },
      sweep: () => {
        this.sweeps++;
      },
    };
    const sender = {
      nowSec: 0,
      isOwn: () => this.ours,
      forward: (packet: Packet, outIf: number) => {
        this.sent.push(`forward ${outIf}`);
        this.lengths.push(packet.l3End - packet.l3Offset);
      },
      deliver: () => this.sent.push('deliver'),
    };
    this.path = new PacketPath({
      engine,
      routes: this.routes,
      sender,
      stats: this.stats,
      log: (line) => this.log.push(line),
      now: () => this.nowMs,
    });
  }

  /** As `cap` does it: bytes into the buffer, then the event. */
  take(frame: Uint8Array): void {
    this.path.buffer.set(frame);
    this.path.take(tap, 0, frame.length, false);
  }
}

describe('PacketPath', () => {
  test('forwards, delivers, drops, ignores as the engine says', () => {
    const bench = new Bench();
    bench.take(buildTcp(tcp));
    bench.outcome = Outcome.Drop;
    bench.take(buildTcp(tcp));
    bench.outcome = Outcome.Ignore;
    bench.take(buildTcp(tcp));
    bench.outcome = Outcome.Deliver;
    bench.take(buildTcp({ ...tcp, dst: '10.0.0.1' }));
    assert.deepEqual(bench.sent, ['forward 1', 'deliver']);
    assert.equal(bench.stats.received, 4);
  });

  test('what this host sent is observed, unless it was sent here', () => {
    const bench = new Bench();
    bench.take(buildTcp({ ...tcp, srcMac: OWN }));
    assert.deepEqual([bench.observed, bench.stats.observed, bench.stats.received], [1, 1, 0]);
    bench.ours = true;
    bench.take(buildTcp({ ...tcp, srcMac: OWN }));
    assert.equal(bench.observed, 1);
    assert.deepEqual(bench.sent, []);
  });

  test('tagged frames belong to another interface', () => {
    const bench = new Bench();
    bench.take(buildTcp({ ...tcp, vlan: 5 }));
    bench.take(buildTcp({ ...tcp, vlan: 5, srcMac: OWN }));
    assert.deepEqual([bench.sent, bench.observed], [[], 0]);
  });

  test('a tag of VLAN 0 says a priority: received as without it', () => {
    const bench = new Bench();
    const seen: Uint8Array[] = [];
    bench.whenProcessed = (packet) => {
      seen.push(packet.bytes.slice(packet.frameOffset, packet.frameEnd));
    };
    const plain = buildTcp({ ...tcp, payload: 'hello' });
    for (const vlan of [0, 0xe000]) {
      const frame = buildTcp({ ...tcp, payload: 'hello', vlan });
      bench.take(frame);
      frame.set([0x88, 0xa8], 12);
      bench.take(frame);
    }
    assert.deepEqual(seen, [plain, plain, plain, plain]);
    assert.deepEqual(new Set(bench.lengths), new Set([plain.length - 14]));
    bench.take(plain);
    assert.deepEqual(seen.at(-1), plain);
  });

  test('what is within a tag of VLAN 0 may be of a VLAN, or cut off', () => {
    const bench = new Bench();
    bench.take(buildTcp({ ...tcp, vlan: [0, 5] }));
    bench.take(buildTcp({ ...tcp, vlan: 0, srcMac: OWN }));
    assert.deepEqual([bench.sent, bench.observed], [[], 0]);
    const frame = buildTcp({ ...tcp, vlan: 0 });
    bench.outcome = Outcome.Drop;
    for (let length = 0; length < frame.length; length++) bench.take(frame.slice(0, length));
    assert.equal(bench.stats.faults, 0);
  });

  test('nobody outside speaks for this host, and nobody reaches its loopback', () => {
    const bench = new Bench();
    bench.outcome = Outcome.Deliver;
    for (const src of ['10.0.0.1', '127.0.0.1', '224.0.0.1', '255.255.255.255', '0.0.0.1']) {
      bench.take(buildTcp({ ...tcp, src }));
    }
    bench.take(buildTcp({ ...tcp, src: '::1', dst: 'fd00::1' }));
    assert.equal(bench.stats.martians, 6);
    for (const dst of ['127.0.0.1', '127.9.9.9']) bench.take(buildTcp({ ...tcp, dst }));
    bench.take(buildTcp({ ...tcp, src: 'fd00::2', dst: '::1' }));
    bench.take(buildTcp({ ...tcp, dst: '192.0.2.1' }));
    assert.equal(bench.stats.martians, 10);
    assert.deepEqual(bench.sent, []);
  });

  test('completes a checksum that holds the pseudo-header sum only, before the engine sees it', () => {
    const bench = new Bench();
    const frame = buildUdp({ ...tcp, payload: 'left to a card' });
    const packet = loadPacket(frame);
    // Pseudo header of RFC 768 by hand: addresses, protocol 17, length.
    const words = [0x0a00, 0x0002, 0xc000, 0x0201, 17, packet.l3End - packet.l4Offset];
    let sum = words.reduce((total, word) => total + word, 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    new DataView(frame.buffer).setUint16(14 + 20 + 6, sum);
    let found: number = L4Checksum.None;
    bench.whenProcessed = (seen) => {
      found = verifyL4Checksum(seen);
    };
    bench.take(frame);
    assert.equal(found, L4Checksum.Good);
    assert.equal(bench.stats.completedChecksums, 1);
  });

  test('a TCP super-frame is cut for the way out, by the size its receiver announced', () => {
    const bench = new Bench();
    const back = { src: tcp.dst, dst: tcp.src, sport: tcp.dport, dport: tcp.sport };
    bench.take(buildTcp({ ...back, flags: 'SA', options: Uint8Array.of(2, 4, 0x03, 0xe8) }));
    bench.take(buildTcp({ ...tcp, payload: new Uint8Array(4000) }));
    assert.deepEqual(bench.lengths.slice(1), [1040, 1040, 1040, 1040]);
    bench.lengths.length = 0;
    bench.take(buildTcp({ ...tcp, dport: 22, payload: new Uint8Array(4000) }));
    assert.deepEqual(bench.lengths, [1500, 1500, 1120]);
    assert.deepEqual([bench.stats.superFrames, bench.stats.segments], [2, 7]);
  });

  test('a UDP super-frame cannot be cut, and is counted', () => {
    const bench = new Bench();
    bench.take(buildUdp({ ...tcp, payload: new Uint8Array(4000) }));
    assert.deepEqual([bench.sent, bench.stats.unsegmentable], [[], 1]);
  });

  test('a super-frame that fits the way out leaves as it is', () => {
    const bench = new Bench();
    bench.routes.setMtu(1, 9000);
    bench.take(buildUdp({ ...tcp, payload: new Uint8Array(4000) }));
    assert.deepEqual(bench.lengths, [4028]);
  });

  test('a fault costs the packet, is counted, and is logged at most every ten seconds', () => {
    const bench = new Bench();
    bench.whenProcessed = () => {
      throw new Error('bad packet');
    };
    for (const ms of [0, 1, 9_999, 10_000]) {
      bench.nowMs = ms;
      bench.take(buildTcp(tcp));
    }
    assert.equal(bench.stats.faults, 4);
    assert.equal(bench.log.length, 2);
    assert.match(bench.log[0]!, /bad packet/);
    bench.whenProcessed = () => undefined;
    bench.take(buildTcp(tcp));
    assert.deepEqual(bench.sent, ['forward 1']);
  });

  test('frames cut off anywhere do no harm', () => {
    const bench = new Bench();
    const frame = buildTcp({ ...tcp, payload: 'hello' });
    for (let length = 0; length < frame.length; length++) bench.take(frame.slice(0, length));
    assert.equal(bench.stats.faults, 0);
  });

  test('a turn of 100 ms sheds what follows, until the event loop has turned', async () => {
    const bench = new Bench();
    const frame = buildTcp(tcp);
    for (let i = 0; i < 300; i++) bench.take(frame);
    assert.equal(bench.stats.shed, 0);
    bench.nowMs = 101;
    for (let i = 0; i < 300; i++) bench.take(frame);
    // Looked at every 256 packets: the first of the turn, and 512 more.
    assert.deepEqual([bench.stats.received, bench.stats.shed], [513, 87]);
    await new Promise((resolve) => setImmediate(resolve));
    const { shed } = bench.stats;
    bench.take(frame);
    assert.equal(bench.stats.shed, shed);
    assert.match(bench.log[0]!, /overloaded/);
  });

  test('expiry goes on from the packet path', () => {
    const bench = new Bench();
    for (let i = 0; i < 640; i++) bench.take(buildTcp(tcp));
    assert.equal(bench.sweeps, 10);
  });

  test('allocates nothing per packet', () => {
    const bench = new Bench();
    // The recorder would grow; the way through it is the same.
    bench.outcome = Outcome.Drop;
    const frames = [
      buildTcp({ ...tcp, vlan: 0 }),
      buildUdp({ ...tcp, src: 'fd00::2', dst: 'fd00::3' }),
    ];
    const { buffer } = bench.path;
    const bytes = bytesPerRound((n) => {
      const frame = frames[n & 1]!;
      buffer.set(frame);
      bench.path.take(tap, 0, frame.length, false);
    });
    assert.ok(bytes < 0.1, `${bytes} bytes per packet`);
  });

  test('the buffer is the memory of the cursor', () => {
    const bench = new Bench();
    bench.path.buffer.set(macBytes(OWN));
    assert.equal(bench.path.buffer.length, bench.path.packet.capacity);
    assert.equal(bench.path.packet.bytes[bench.path.packet.frameOffset + 5], 2);
  });
});
