import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RuleContext, TableId, Verdict } from '../../src/rules/index.ts';
import {
  decodeFrame,
  findTcpOption,
  HEADROOM_BYTES,
  LinkType,
  Packet,
  TcpOption,
} from '../../src/wire/index.ts';
import { buildTcp, loadPacket } from '../support/packets.ts';
import { block, compile, contextOf, FakeRoutes, walk } from './support.ts';
import { applyRules, assertSound, change } from './targets-support.ts';

const ends4 = { src: '10.1.2.3', dst: '192.168.1.1' };
const ends6 = { src: '2001:db8::2', dst: '2001:db8:1::3' };
const mss = (size: number) => Uint8Array.of(2, 4, size >> 8, size & 255);
const syn = (more = {}) =>
  loadPacket(buildTcp({ ...ends4, sport: 40000, dport: 80, flags: 'S', ...more }));

const set = (size: number) => `-p tcp --syn -j TCPMSS --set-mss ${size}`;
const clamp = '-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu';

/** MTU by first word of the address; 1500 for the others. */
class Paths extends FakeRoutes {
  private readonly mtus: ReadonlyMap<number, number>;

  constructor(mtus: Iterable<readonly [number, number]>) {
    super();
    this.mtus = new Map(mtus);
  }

  override pathMtu(_family: number = 4, w0 = 0): number {
    return this.mtus.get(w0) ?? 1500;
  }
}
const HERE = 0x0a010203;
const THERE = 0xc0a80101 | 0;
const paths = (back: number, there: number): Partial<RuleContext> => ({
  routes: new Paths([
    [HERE, back],
    [THERE, there],
  ]),
});

/** The size that the packet announces afterwards (-1: none), and whether it was changed. */
function mssAfter(rule: string, packet: Packet, changes: Partial<RuleContext> = {}) {
  const { changed } = change('mangle', rule, packet, changes);
  assertSound(packet);
  const at = findTcpOption(packet, TcpOption.Mss);
  return [at > 0 ? packet.view.getUint16(at + 2) : -1, changed];
}

describe('TCPMSS', () => {
  test('lowers the option and never raises it', () => {
    assert.deepEqual(mssAfter(set(1400), syn({ options: mss(1460) })), [1400, true]);
    assert.deepEqual(mssAfter(set(1460), syn({ options: mss(1460) })), [1460, false]);
    assert.deepEqual(mssAfter(set(1500), syn({ options: mss(1460) })), [1460, false]);
    assert.deepEqual(mssAfter(set(0), syn({ options: mss(1460) })), [0, true]);
    assert.deepEqual(mssAfter(set(1300), syn({ ...ends6, options: mss(1440) })), [1300, true]);
  });

  test('finds it behind others, at an odd place, and with data behind the header', () => {
    const odd = Uint8Array.of(1, 2, 4, 5, 180, 3, 3, 7);
    assert.deepEqual(mssAfter(set(1200), syn({ options: odd })), [1200, true]);
    const late = Uint8Array.of(8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, ...mss(9000));
    assert.deepEqual(mssAfter(set(536), syn({ options: late, payload: 'data' })), [536, true]);
  });

  test('every size keeps the checksum right', () => {
    for (let size = 1; size < 65496; size += 1201) {
      const odd = Uint8Array.of(1, 2, 4, 0xff, 0xff, 1, 1, 1);
      assert.deepEqual(mssAfter(set(size), syn({ options: odd, seq: size })), [size, true]);
    }
  });

  test('adds one where there is none, no larger than a host may expect', () => {
    assert.deepEqual(mssAfter(set(1400), syn()), [536, true]);
    assert.deepEqual(mssAfter(set(500), syn()), [500, true]);
    assert.deepEqual(mssAfter(set(1400), syn(ends6)), [1220, true]);
    const packet = syn({ options: Uint8Array.of(4, 2, 1, 3, 3, 7, 1, 1), ipOptions: mss(7) });
    assert.deepEqual(mssAfter(set(400), packet), [400, true]);
    assert.equal(packet.tcpHeaderLen, 32);
    assert.deepEqual(
      [...packet.bytes.slice(packet.l4Offset + 20, packet.l3End)],
      [2, 4, 1, 144, 4, 2, 1, 3, 3, 7, 1, 1],
    );
  });

  test('uses up Ethernet padding first and then the tailroom', () => {
    const padded = syn({ padTo: 60 });
    assert.deepEqual(mssAfter(set(1400), padded), [536, true]);
    assert.equal(padded.frameLen, 60);
    const bare = syn();
    const before = bare.frameLen;
    mssAfter(set(1400), bare);
    assert.equal(bare.frameLen, before + 4);
  });

  test('drops a SYN where the option must be added and the buffer is full', () => {
    const frame = buildTcp({ ...ends4, sport: 1, dport: 2, flags: 'S' });
    const packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + frame.length));
    packet.bytes.set(frame, HEADROOM_BYTES);
    packet.begin(frame.length, LinkType.Ethernet);
    decodeFrame(packet);
    const { verdict, ctx } = applyRules('mangle', [set(1400)], packet);
    assert.equal(verdict, Verdict.Drop);
    assert.equal(ctx.changed, false);
  });

  test('adds nothing to a SYN with data or with a full header', () => {
    assert.deepEqual(mssAfter(set(1400), syn({ payload: 'x' })), [-1, false]);
    const full = new Uint8Array(40).fill(1);
    assert.deepEqual(mssAfter(set(1400), syn({ options: full })), [-1, false]);
  });

  test('clamps to the smaller of both ways', () => {
    const offer = () => syn({ options: mss(1460) });
    assert.deepEqual(mssAfter(clamp, offer(), paths(1500, 1492)), [1452, true]);
    assert.deepEqual(mssAfter(clamp, offer(), paths(1400, 1492)), [1360, true]);
    assert.deepEqual(mssAfter(clamp, offer(), paths(0, 1492)), [1452, true]);
    assert.deepEqual(mssAfter(clamp, offer(), paths(1500, 1500)), [1460, false]);
    assert.deepEqual(mssAfter(clamp, syn({ ...ends6, options: mss(1460) })), [1440, true]);
  });

  test('drops where the path is not known', () => {
    for (const there of [0, 40]) {
      const packet = syn({ options: mss(1460) });
      const { verdict } = applyRules('mangle', [clamp], packet, paths(1500, there));
      assert.equal(verdict, Verdict.Drop, `${there}`);
    }
  });

  test('rules behind it, and the policy, count the bytes it added', () => {
    const rules = block('mangle', `-A FORWARD ${set(1400)}`, '-A FORWARD -p tcp');
    const { compiled } = compile(rules);
    const packet = syn();
    const before = packet.l3Len;
    walk(compiled, contextOf(packet), 'mangle');
    const chain = compiled.ruleSet.table(4, TableId.Mangle)!.chains.get('FORWARD')!;
    const bytes = [...chain.rules, chain].map((owner) => compiled.countersOf(owner).bytes);
    assert.deepEqual(bytes, [before, before + 4, before + 4]);
  });
});
