import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PuntFlag } from '../../../../src/datapath/gate/layout.ts';
import { Outcome } from '../../../../src/engine/index.ts';
import { Decode, decodeFrame } from '../../../../src/wire/index.ts';
import { bytesPerRound } from '../../../support/allocation.ts';
import { buildIcmp, buildTcp, buildUdp, loadPacket } from '../../../support/packets.ts';
import { seen } from '../../../support/seen.ts';
import { LAN, PAIR, PuntBench, ROUTER_MAC, WAN } from './bench.ts';
import { MemoryBatch, type SentFrame } from './fakes.ts';

const out = { src: '10.0.0.2', dst: '198.51.100.9', sport: 4000, dport: 53 };
const own = { src: '192.0.2.1', dst: '198.51.100.9', sport: 4000, dport: 53, srcMac: WAN.mac };

/** `IFINDEX: DESTINATION < SOURCE`, as on the wire. */
function link({ ifindex, frame }: SentFrame): string {
  const mac = (at: number): string => Buffer.from(frame.subarray(at, at + 6)).toString('hex');
  return `${ifindex}: ${mac(0)} < ${mac(6)}`;
}

const plain = (mac: string): string => mac.replaceAll(':', '');

function hex(number: number): string {
  return number.toString(16).padStart(8, '0');
}

describe('what comes in', () => {
  test('goes straight out where the neighbour is known', () => {
    const bench = new PuntBench();
    bench.addNeighbour('wan', '192.0.2.254', ROUTER_MAC);
    const [sent, ...more] = bench.pass(buildUdp({ ...out, payload: 'question' }), LAN.ifindex);
    assert.equal(more.length, 0);
    assert.equal(link(sent!), `${WAN.ifindex}: ${plain(ROUTER_MAC)} < ${plain(WAN.mac)}`);
    assert.equal(seen(sent!.frame).text, 'question');
    assert.deepEqual(bench.asked, ['in 0']);
    assert.equal(bench.stats.forwarded, 1);
  });

  test('goes through the pair to a neighbour that is not known, by a numbered hop', () => {
    const bench = new PuntBench();
    const first = bench.pass(buildUdp(out), LAN.ifindex);
    const second = bench.pass(buildUdp({ ...out, dst: '198.51.100.10' }), LAN.ifindex);
    for (const [sent] of [first, second]) {
      assert.equal(link(sent!), `${PAIR}: 0201${hex(WAN.ifindex)} < 0200${hex(0)}`);
    }
    assert.deepEqual(bench.hops.hops, [`${WAN.ifindex} mtu 1500 4 3221226238.0.0.0 managed`]);
    assert.equal(bench.stats.viaPair, 2);
  });

  test('destinations on one link share a hop, managed or not', () => {
    const bench = new PuntBench();
    const over = { ...out, src: '198.51.100.9' };
    for (const dst of ['10.0.0.7', '10.0.0.8', '10.9.0.1', '10.9.0.2']) {
      bench.pass(buildUdp({ ...over, dst }), WAN.ifindex);
    }
    assert.deepEqual(bench.hops.hops, [
      `${LAN.ifindex} mtu 1500 0 own managed`,
      '30 mtu 1500 0 own',
    ]);
    assert.equal(link(bench.batch.sent[0]!), `${PAIR}: 0201${hex(30)} < 0200${hex(1)}`);
  });

  test('no room for another hop, no such interface: counted, and dropped', () => {
    const bench = new PuntBench();
    bench.hops.limit = 0;
    assert.deepEqual(bench.pass(buildUdp(out), LAN.ifindex), []);
    assert.equal(bench.stats.unsendable, 1);
    bench.hops.limit = 1;
    bench.ports.set(WAN.id, null);
    assert.deepEqual(bench.pass(buildUdp(out), LAN.ifindex), []);
    assert.deepEqual(bench.pass(buildUdp(out), WAN.ifindex), []);
    assert.equal(bench.stats.unsendable, 3);
  });

  test('is handed up with the MAC of the interface, or with its own for a group', () => {
    const bench = new PuntBench();
    bench.outcome = Outcome.Deliver;
    const up = (ifindex: number): string => `${PAIR}: 0202${hex(ifindex)} < `;
    const lan = plain(LAN.mac);
    const [unicast] = bench.pass(buildUdp({ ...out, dst: '10.0.0.1' }), LAN.ifindex);
    assert.equal(link(unicast!), up(LAN.ifindex) + lan);
    const group = { ...out, dst: '224.0.0.5', dstMac: '01:00:5e:00:00:05' };
    const [multicast] = bench.pass(buildUdp(group), LAN.ifindex);
    assert.equal(link(multicast!), `${up(LAN.ifindex)}01005e000005`);
    // Of a segment the pair has overwritten it, here with what would be a group.
    const segment = { ...out, dst: '10.0.0.1', dstMac: '03:03:00:00:00:0c' };
    const [cut] = bench.pass(buildUdp(segment), LAN.ifindex, PuntFlag.Segment);
    assert.equal(link(cut!), up(LAN.ifindex) + lan);
    assert.equal(bench.stats.delivered, 3);
  });

  test('is given back whole where it is none of the engine’s business', () => {
    const bench = new PuntBench();
    bench.outcome = Outcome.Ignore;
    const frame = buildUdp({ ...out, padTo: 60 });
    const [sent] = bench.pass(frame, LAN.ifindex);
    assert.equal(link(sent!), `${PAIR}: 0202${hex(LAN.ifindex)} < ${plain(LAN.mac)}`);
    assert.deepEqual(sent!.frame.slice(12), frame.slice(12));
    bench.outcome = Outcome.Forward;
    const [tagged] = bench.pass(buildUdp({ ...out, vlan: 5 }), LAN.ifindex);
    assert.equal(tagged!.frame.length, buildUdp({ ...out, vlan: 5 }).length);
    assert.equal(bench.asked.length, 1, 'of a tagged frame the engine is not asked');
    assert.equal(bench.stats.handedBack, 2);
  });

  test('what is dropped or held goes nowhere', () => {
    const bench = new PuntBench();
    for (const outcome of [Outcome.Drop, Outcome.Hold]) {
      bench.outcome = outcome;
      assert.deepEqual(bench.pass(buildUdp(out), LAN.ifindex), []);
    }
    assert.equal(bench.stats.received, 2);
  });

  test('nobody outside speaks for this host, and nobody reaches its loopback', () => {
    const bench = new PuntBench();
    bench.outcome = Outcome.Deliver;
    for (const src of ['10.0.0.1', '127.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1']) {
      assert.deepEqual(bench.pass(buildUdp({ ...out, src }), LAN.ifindex), [], src);
    }
    assert.equal(bench.asked.length, 0);
    assert.deepEqual(bench.pass(buildUdp({ ...out, dst: '127.0.0.1' }), LAN.ifindex), []);
    const six = { ...out, src: 'fd00:1::2', dst: '::1' };
    assert.deepEqual(bench.pass(buildUdp(six), LAN.ifindex), []);
    assert.equal(bench.stats.martians, 7);
  });

  test('a host without an address may ask everybody for one', () => {
    const bench = new PuntBench();
    bench.outcome = Outcome.Deliver;
    const ask = { src: '0.0.0.0', dst: '255.255.255.255', sport: 68, dport: 67 };
    const [sent] = bench.pass(buildUdp({ ...ask, dstMac: 'ff:ff:ff:ff:ff:ff' }), LAN.ifindex);
    assert.equal(link(sent!), `${PAIR}: 0202${hex(LAN.ifindex)} < ffffffffffff`);
  });

  test('what was sent to everybody on a link is not forwarded to one', () => {
    const bench = new PuntBench();
    const frame = buildUdp({ ...out, dstMac: 'ff:ff:ff:ff:ff:ff' });
    assert.deepEqual(bench.pass(frame, LAN.ifindex), []);
    assert.deepEqual([bench.stats.martians, bench.asked.length], [1, 0]);
  });

  test('partial checksums are completed before the engine sees them', () => {
    const bench = new PuntBench();
    const frame = buildTcp({ ...out, payload: 'hello' });
    // Only the pseudo header is summed: 6 protocol + 25 length + addresses.
    const sum = [0x0a00, 0x0002, 0xc633, 0x6409, 6, 25].reduce((a, b) => a + b);
    new DataView(frame.buffer).setUint16(14 + 20 + 16, (sum & 0xffff) + (sum >>> 16));
    const [sent] = bench.pass(frame, LAN.ifindex);
    assert.equal(seen(sent!.frame).text, 'hello');
    assert.equal(bench.stats.completedChecksums, 1);
  });

  test('too long for the way out: segments and fragments', () => {
    const bench = new PuntBench();
    bench.routes.setMtu(WAN.id, 576);
    const data = Buffer.alloc(1400, 'abcdefg');
    const tcp = bench.pass(buildTcp({ ...out, payload: data }), LAN.ifindex);
    assert.equal(tcp.map(({ frame }) => seen(frame).text).join(''), data.toString());
    const udp = bench.pass(buildUdp({ ...out, payload: data, dontFragment: false }), LAN.ifindex);
    assert.equal(udp.length, 3);
    assert.ok([...tcp, ...udp].every(({ frame }) => frame.length <= 14 + 576));
    assert.deepEqual([bench.stats.segments, bench.stats.fragments], [3, 3]);
    assert.deepEqual(bench.pass(buildUdp({ ...out, payload: data }), LAN.ifindex), []);
    assert.equal(bench.stats.unsegmentable, 1);
  });

  test('put together for this host and longer than any frame: cut once more', () => {
    const bench = new PuntBench();
    bench.outcome = Outcome.Deliver;
    bench.whenProcessed = (packet) => {
      const large = buildUdp({ ...out, dst: '10.0.0.1', payload: Buffer.alloc(4000, 'x') });
      packet.load(large, packet.linkType);
      assert.equal(decodeFrame(packet), Decode.Ok);
      packet.fragMaxSize = 1500;
    };
    const sent = bench.pass(buildUdp({ ...out, dst: '10.0.0.1' }), LAN.ifindex);
    assert.equal(sent.length, 3);
    for (const frame of sent) {
      assert.equal(link(frame), `${PAIR}: 0202${hex(LAN.ifindex)} < ${plain(LAN.mac)}`);
    }
  });

  test('a header that grew leaves the frame whole', () => {
    const bench = new PuntBench();
    for (const moved of [1, 2, 3, 4]) {
      bench.whenProcessed = (packet) => {
        // The datagram begins a few bytes earlier, as behind a line that grew.
        packet.bytes.copyWithin(packet.l3Offset - moved, packet.l3Offset, packet.l3End);
        packet.l3Offset -= moved;
        packet.l3End -= moved;
      };
      const frame = buildUdp({ ...out, payload: `moved by ${moved}` });
      const [sent] = bench.pass(frame, LAN.ifindex);
      assert.deepEqual(sent!.frame.slice(14), frame.slice(14));
    }
  });

  test('a fault costs the packet, and is said once in a while', () => {
    const bench = new PuntBench();
    bench.nowMs = 20_000;
    bench.whenProcessed = () => {
      throw new Error('broken');
    };
    for (let i = 0; i < 3; i++) assert.deepEqual(bench.pass(buildUdp(out), LAN.ifindex), []);
    assert.equal(bench.stats.faults, 3);
    assert.equal(bench.log.length, 1);
    assert.match(bench.log[0]!, /broken/);
    bench.whenProcessed = () => undefined;
    assert.equal(bench.pass(buildUdp(out), LAN.ifindex).length, 1);
  });
});

describe('what this host sends', () => {
  const neighbour = '0a:00:00:00:00:77';

  test('goes on between its own MACs, and the engine is told who sent it', () => {
    const bench = new PuntBench();
    const frame = buildUdp({ ...own, dstMac: neighbour });
    const [sent] = bench.pass(frame, WAN.ifindex, PuntFlag.Output, 1000);
    assert.equal(link(sent!), `${WAN.ifindex}: ${plain(neighbour)} < ${plain(WAN.mac)}`);
    assert.deepEqual(sent!.frame, frame);
    assert.deepEqual(bench.asked, ['out 1 1000']);
    assert.deepEqual([bench.stats.observed, bench.stats.received], [1, 0]);
  });

  test('its mark is told to the engine, goes out with it as rules leave it, and no further', () => {
    const bench = new PuntBench();
    const frame = buildUdp({ ...own, dstMac: neighbour });
    const marks = (mark: number) =>
      bench.pass(frame, WAN.ifindex, PuntFlag.Output, -1, mark).map((sent) => sent.mark);
    assert.deepEqual(marks(-2), [-2]);
    assert.deepEqual(marks(0), [0]);
    bench.whenProcessed = () => {
      bench.context.mark = 9;
      bench.sender.emit(loadPacket(buildUdp(out)), LAN.id);
    };
    assert.deepEqual(marks(7), [0, 9]);
    bench.whenProcessed = () => {
      throw new Error('broken');
    };
    bench.pass(frame, WAN.ifindex, PuntFlag.Output, -1, 7);
    bench.whenProcessed = () => undefined;
    assert.equal(bench.sender.mark, 0);
    bench.outcome = Outcome.Ignore;
    assert.deepEqual(marks(5), [5]);
    bench.outcome = Outcome.Deliver;
    assert.deepEqual(marks(5), [5]);
  });

  test('cut from a super-frame: the source MAC is the interface’s again', () => {
    const bench = new PuntBench();
    const frame = buildUdp({ ...own, dstMac: neighbour, srcMac: '07:03:00:0f:42:43' });
    const flags = PuntFlag.Output | PuntFlag.Segment;
    for (const outcome of [Outcome.Forward, Outcome.Ignore]) {
      bench.outcome = outcome;
      const [sent] = bench.pass(frame, WAN.ifindex, flags);
      assert.equal(link(sent!), `${WAN.ifindex}: ${plain(neighbour)} < ${plain(WAN.mac)}`);
    }
  });

  test('sent another way by OUTPUT, it goes by the routes; turned back, up through lo', () => {
    const bench = new PuntBench();
    bench.flight.rerouted = true;
    bench.addNeighbour('wan', '192.0.2.254', ROUTER_MAC);
    const frame = buildUdp({ ...own, dstMac: neighbour });
    const [sent] = bench.pass(frame, LAN.ifindex, PuntFlag.Output);
    assert.equal(link(sent!), `${WAN.ifindex}: ${plain(ROUTER_MAC)} < ${plain(WAN.mac)}`);
    bench.outcome = Outcome.Deliver;
    const [home] = bench.pass(frame, WAN.ifindex, PuntFlag.Output);
    assert.equal(link(home!), `${PAIR}: 0202${hex(1)} < 000000000000`);
  });

  test('grown above the MTU: cut, between the same MACs', () => {
    const bench = new PuntBench();
    bench.routes.setMtu(WAN.id, 576);
    const frame = buildTcp({ ...own, dstMac: neighbour, payload: Buffer.alloc(600, 'x') });
    const sent = bench.pass(frame, WAN.ifindex, PuntFlag.Output);
    assert.equal(sent.length, 2);
    for (const piece of sent) {
      assert.equal(link(piece), `${WAN.ifindex}: ${plain(neighbour)} < ${plain(WAN.mac)}`);
      seen(piece.frame);
    }
  });
});

describe('answers of the engine', () => {
  /** Emits a datagram as the engine does: only its bytes are sure. */
  function emit(bench: PuntBench, frame: Uint8Array, towards: number): SentFrame[] {
    const packet = loadPacket(frame);
    packet.family = 0;
    packet.dst0 = 0x7f7f7f7f;
    bench.batch.sent.length = 0;
    bench.sender.emit(packet, towards);
    bench.batch.flush();
    return [...bench.batch.sent];
  }

  test('go by the routes, whose last answer stays as it was', () => {
    const bench = new PuntBench();
    bench.addNeighbour('wan', '192.0.2.254', ROUTER_MAC);
    bench.routes.lookupAddress(4, 0x0a000007, 0, 0, 0);
    const { outIf, mtu, hopFamily, hop0 } = bench.routes;
    const [sent] = emit(bench, buildIcmp({ src: '192.0.2.1', dst: '198.51.100.9' }), LAN.id);
    assert.equal(link(sent!), `${WAN.ifindex}: ${plain(ROUTER_MAC)} < ${plain(WAN.mac)}`);
    const { routes } = bench;
    assert.deepEqual(
      [routes.outIf, routes.mtu, routes.hopFamily, routes.hop0],
      [outIf, mtu, hopFamily, hop0],
    );
    assert.equal(bench.stats.emitted, 1);
  });

  test('to an address of one link: there', () => {
    const bench = new PuntBench();
    const frame = buildUdp({ src: 'fd00:1::1', dst: 'fe80::7', sport: 1, dport: 2 });
    const [sent] = emit(bench, frame, LAN.id);
    assert.equal(link(sent!), `${PAIR}: 0201${hex(LAN.ifindex)} < 0200${hex(0)}`);
    assert.deepEqual(bench.hops.hops, [`${LAN.ifindex} mtu 1500 0 own managed`]);
  });

  test('to this host: in somebody’s name from where he would answer, else through lo', () => {
    const bench = new PuntBench();
    const toHost = { dst: '192.0.2.1', sport: 53, dport: 4000 };
    const [foreign] = emit(bench, buildUdp({ ...toHost, src: '198.51.100.9' }), LAN.id);
    assert.equal(link(foreign!), `${PAIR}: 0202${hex(WAN.ifindex)} < ${plain(WAN.mac)}`);
    const [mine] = emit(bench, buildUdp({ ...toHost, src: '10.0.0.1' }), WAN.id);
    assert.equal(link(mine!), `${PAIR}: 0202${hex(1)} < 000000000000`);
  });

  test('where there is no way: counted', () => {
    const bench = new PuntBench();
    assert.deepEqual(emit(bench, buildUdp({ ...out, dst: '224.0.0.9' }), LAN.id), []);
    assert.equal(bench.stats.unsendable, 1);
  });
});

describe('the batch', () => {
  test('is sent when it is full, and a frame that fits no slot is counted', () => {
    const bench = new PuntBench(new MemoryBatch(2, 128));
    for (let n = 0; n < 5; n++) bench.ring.punt(buildUdp(out), LAN.ifindex);
    bench.takeAll();
    assert.equal(bench.batch.sent.length, 5);
    assert.equal(bench.batch.flushes, 3);
    assert.deepEqual(bench.pass(buildUdp({ ...out, payload: 'x'.repeat(200) }), LAN.ifindex), []);
    assert.equal(bench.stats.unsendable, 1);
  });

  test('nothing is allocated per packet', () => {
    const bench = new PuntBench(new MemoryBatch(64, 2048));
    bench.addNeighbour('wan', '192.0.2.254', ROUTER_MAC);
    bench.batch.forgetful = true;
    for (const [frame, flags] of [
      [buildUdp(out), 0],
      [buildTcp({ ...out, payload: 'x'.repeat(1000) }), 0],
      [buildUdp({ ...own, dstMac: ROUTER_MAC }), PuntFlag.Output],
    ] as const) {
      bench.ring.punt(frame, flags === 0 ? LAN.ifindex : WAN.ifindex, flags);
      const at = bench.reader.next();
      bench.reader.release();
      const bytes = bytesPerRound(() => bench.path.take(bench.reader.words, at), 30_000);
      assert.ok(bytes < 0.1, `${bytes} bytes a packet`);
    }
    assert.equal(bench.stats.faults, 0);
  });
});
