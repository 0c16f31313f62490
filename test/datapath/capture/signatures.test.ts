import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AddressTexts } from '../../../src/datapath/capture/addresses.ts';
import { SentSignatures } from '../../../src/datapath/capture/signatures.ts';
import { MssTable } from '../../../src/datapath/paths/mss-table.ts';
import { parseIpv6 } from '../../../src/wire/index.ts';
import {
  buildIcmp,
  buildTcp,
  buildUdp,
  loadPacket,
  type TcpOptions,
} from '../../support/packets.ts';

const tcp: TcpOptions = { src: '10.0.0.2', dst: '192.0.2.1', sport: 40000, dport: 21, seq: 1 };

describe('SentSignatures', () => {
  test('what was sent is known once, whatever identification, TTL and MAC it left with', () => {
    const sent = new SentSignatures();
    sent.add(loadPacket(buildTcp({ ...tcp, id: 0 })));
    const seen = loadPacket(buildTcp({ ...tcp, id: 4711, ttl: 63, srcMac: '02:00:00:00:00:77' }));
    assert.equal(sent.consume(seen), true);
    assert.equal(sent.consume(seen), false);
  });

  test('sent twice, known twice', () => {
    const sent = new SentSignatures();
    const packet = loadPacket(buildTcp(tcp));
    sent.add(packet);
    sent.add(packet);
    assert.deepEqual(
      [1, 2, 3].map(() => sent.consume(packet)),
      [true, true, false],
    );
  });

  test('another packet is not taken for it', () => {
    const sent = new SentSignatures();
    sent.add(loadPacket(buildTcp(tcp)));
    for (const other of [
      buildTcp({ ...tcp, seq: 2 }),
      buildTcp({ ...tcp, src: '10.0.0.3' }),
      buildTcp({ ...tcp, dst: '192.0.2.2' }),
      buildTcp({ ...tcp, payload: 'x' }),
      buildTcp({ ...tcp, flags: 'R' }),
      buildUdp(tcp),
      buildIcmp(tcp),
      buildTcp({ ...tcp, src: 'fd00::2', dst: 'fd00::3' }),
    ]) {
      assert.equal(sent.consume(loadPacket(other)), false);
    }
    assert.equal(sent.consume(loadPacket(buildTcp(tcp))), true);
  });

  test('IPv6, and datagrams too short for a transport header', () => {
    const sent = new SentSignatures();
    for (const frame of [
      buildUdp({ src: 'fd00::2', dst: 'fd00::3', sport: 1, dport: 2 }),
      buildUdp({ src: '10.0.0.2', dst: '10.0.0.3', sport: 1, dport: 2 }),
    ]) {
      sent.add(loadPacket(frame));
      assert.equal(sent.consume(loadPacket(frame)), true);
      assert.equal(sent.consume(loadPacket(frame)), false);
    }
  });

  test('what never showed up is overwritten in time, and nothing grows', () => {
    const sent = new SentSignatures();
    for (let seq = 0; seq < 100_000; seq++) sent.add(loadPacket(buildTcp({ ...tcp, seq })));
    let known = 0;
    for (let seq = 0; seq < 1000; seq++) {
      if (sent.consume(loadPacket(buildTcp({ ...tcp, seq })))) known++;
    }
    assert.equal(known, 0);
  });
});

describe('MssTable', () => {
  const announced = Uint8Array.of(2, 4, 0x04, 0xb0);

  test('knows what the receiver of a packet announced, and only of it', () => {
    const table = new MssTable();
    table.learn(loadPacket(buildTcp({ ...tcp, flags: 'S', options: announced })));
    const back = { src: tcp.dst, dst: tcp.src, sport: tcp.dport, dport: tcp.sport };
    assert.equal(table.towards(loadPacket(buildTcp(back))), 1200);
    assert.equal(table.towards(loadPacket(buildTcp(tcp))), 0);
    assert.equal(table.towards(loadPacket(buildTcp({ ...back, dport: 40001 }))), 0);
  });

  test('learns from SYN segments only, and only a whole option', () => {
    const table = new MssTable();
    const back = loadPacket(buildTcp({ src: tcp.dst, dst: tcp.src, sport: 21, dport: 40000 }));
    table.learn(loadPacket(buildTcp({ ...tcp, flags: 'A', options: announced })));
    table.learn(loadPacket(buildTcp({ ...tcp, flags: 'S' })));
    table.learn(loadPacket(buildTcp({ ...tcp, flags: 'S', options: Uint8Array.of(2, 3, 9) })));
    assert.equal(table.towards(back), 0);
  });
});

describe('AddressTexts', () => {
  test('gives the text of both families, again and again', () => {
    const texts = new AddressTexts();
    for (let turn = 0; turn < 2; turn++) {
      for (let i = 0; i < 3000; i++) {
        assert.equal(texts.text(4, 0x0a000000 | i, 0, 0, 0), `10.0.${i >> 8}.${i & 255}`);
      }
      const text = texts.text(6, 0x20010db8, 0, -1, 1);
      assert.deepEqual(parseIpv6(text), [0x20010db8, 0, -1, 1]);
    }
    assert.equal(texts.text(4, -1, 0, 0, 0), '255.255.255.255');
  });
});
