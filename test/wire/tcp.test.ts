import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  Decode,
  type DecodeCode,
  decodeFrame,
  findTcpOption,
  LinkType,
  type Packet,
  TcpFlag,
  TcpOption,
} from '../../src/wire/index.ts';
import { be16, be32, join } from '../support/bytes.ts';
import { packetOver } from '../support/packet-fields.ts';
import {
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  loadPacket,
  tcpSegment,
} from '../support/packets.ts';

const endpoints = { src: '10.0.0.2', dst: '192.0.2.1', sport: 65535, dport: 1 };
const raw = { ...endpoints, link: 'raw' as const };

function codeOf(datagram: Uint8Array): DecodeCode {
  return decodeFrame(packetOver(datagram, LinkType.RawIp, 0xa5));
}

describe('TCP', () => {
  test('takes a header apart', () => {
    const packet = loadPacket(
      buildTcp({
        ...endpoints,
        seq: 0xffffffff,
        ack: 0x80000000,
        flags: 'PA',
        window: 0xfffe,
        payload: 'PASV\r\n',
      }),
    );
    assert.deepEqual([packet.srcPortOrIcmpId, packet.dstPortOrIcmpTypeCode], [65535, 1]);
    assert.deepEqual([packet.seq, packet.ack], [-1, -0x80000000], 'signed words');
    assert.equal(packet.tcpFlags, TcpFlag.Psh | TcpFlag.Ack);
    assert.deepEqual([packet.window, packet.tcpHeaderLen, packet.payloadLen], [0xfffe, 20, 6]);
    const text = Buffer.from(packet.bytes.slice(packet.payloadOffset, packet.l3End)).toString();
    assert.equal(text, 'PASV\r\n');
  });

  test('each flag is its bit', () => {
    const letters = ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C'];
    const { Fin, Syn, Rst, Psh, Ack, Urg, Ece, Cwr } = TcpFlag;
    const bits = letters.map((flags) => loadPacket(buildTcp({ ...endpoints, flags })).tcpFlags);
    assert.deepEqual(bits, [Fin, Syn, Rst, Psh, Ack, Urg, Ece, Cwr]);
    assert.deepEqual(bits, [1, 2, 4, 8, 16, 32, 64, 128]);
  });

  test('too short: every cut of the header, with an IP length that agrees', () => {
    const segment = tcpSegment(endpoints);
    for (let length = 0; length < 20; length++) {
      const frame = buildIpv4Fragment({
        ...raw,
        protocol: 6,
        offsetBytes: 0,
        more: false,
        payload: segment.slice(0, length),
      });
      assert.equal(codeOf(frame), Decode.TruncatedL4, `${length} bytes`);
    }
  });

  test('data offset below five words, and beyond the end', () => {
    for (let words = 0; words < 16; words++) {
      const datagram = buildTcp({ ...raw, payload: new Uint8Array(12) });
      datagram[20 + 12] = words << 4;
      const expected = words >= 5 && words <= 8 ? Decode.Ok : Decode.BadTcpOffset;
      assert.equal(codeOf(datagram), expected, `${words} words`);
    }
  });

  test('a first fragment cut within the options is truncated, not lying', () => {
    const segment = tcpSegment({ ...endpoints, options: new Uint8Array(20).fill(1) });
    const payload = segment.slice(0, 24);
    const frame = buildIpv4Fragment({ ...raw, protocol: 6, offsetBytes: 0, more: true, payload });
    assert.equal(codeOf(frame), Decode.TruncatedL4);
  });

  test('the data offset leaves the reserved bits alone', () => {
    const datagram = buildTcp({ ...raw, payload: 'x' });
    datagram[20 + 12]! |= 0x0f;
    const packet = packetOver(datagram, LinkType.RawIp, 0xa5);
    assert.equal(decodeFrame(packet), Decode.Ok);
    assert.deepEqual([packet.tcpHeaderLen, packet.payloadLen], [20, 1]);
  });
});

describe('TCP options', () => {
  const mss = join(Uint8Array.of(2, 4), be16(1460));
  const windowScale = Uint8Array.of(3, 3, 7);
  const sackPermitted = Uint8Array.of(4, 2);
  const sack = join(Uint8Array.of(5, 10), be32(1000), be32(2000));
  const timestamps = join(Uint8Array.of(8, 10), be32(0x01020304), be32(0x05060708));
  const nop = Uint8Array.of(1);

  const withOptions = (...parts: Uint8Array[]): Packet =>
    loadPacket(buildTcp({ ...endpoints, flags: 'S', options: join(...parts), payload: 'zz' }));
  /** Where `kind` is found, counted from the first option byte; -1 and 0 as they are. */
  const place = (packet: Packet, kind: number): number => {
    const at = findTcpOption(packet, kind);
    return at > 0 ? at - (packet.l4Offset + 20) : at;
  };

  test('a SYN as Linux sends it', () => {
    const packet = withOptions(mss, sackPermitted, timestamps, nop, windowScale);
    assert.equal(packet.tcpHeaderLen, 40);
    const at = (kind: number) => findTcpOption(packet, kind);
    assert.equal(packet.view.getUint16(at(TcpOption.Mss) + 2), 1460);
    assert.equal(packet.view.getUint8(at(TcpOption.WindowScale) + 2), 7);
    assert.equal(packet.view.getUint8(at(TcpOption.SackPermitted) + 1), 2);
    assert.equal(packet.view.getUint32(at(TcpOption.Timestamps) + 2), 0x01020304);
    assert.equal(packet.view.getUint32(at(TcpOption.Timestamps) + 6), 0x05060708);
    assert.equal(at(TcpOption.Sack), 0);
  });

  test('SACK blocks behind timestamps', () => {
    const packet = withOptions(nop, nop, timestamps, nop, nop, sack);
    const at = findTcpOption(packet, TcpOption.Sack);
    assert.equal(packet.view.getUint8(at + 1), 10);
    assert.equal(packet.view.getUint32(at + 6), 2000);
  });

  test('the first of two of a kind, and unknown kinds on the way', () => {
    const unknown = Uint8Array.of(254, 6, 0xf9, 0x89, 1, 2);
    assert.equal(place(withOptions(unknown, windowScale, windowScale), TcpOption.WindowScale), 6);
  });

  test('no options, and only padding', () => {
    assert.equal(findTcpOption(loadPacket(buildTcp(endpoints)), TcpOption.Mss), 0);
    assert.equal(findTcpOption(withOptions(nop, nop, nop, nop), TcpOption.Mss), 0);
  });

  test('nothing counts behind the end of options', () => {
    assert.equal(findTcpOption(withOptions(Uint8Array.of(0), mss), TcpOption.Mss), 0);
  });

  test('the payload is not searched', () => {
    const packet = loadPacket(buildTcp({ ...endpoints, payload: mss }));
    assert.equal(findTcpOption(packet, TcpOption.Mss), 0);
  });

  test('damaged: length 0 or 1', () => {
    for (const length of [0, 1]) {
      const packet = withOptions(Uint8Array.of(30, length, 1, 1), mss);
      assert.equal(findTcpOption(packet, TcpOption.Mss), -1, `length ${length}`);
      assert.equal(findTcpOption(packet, 30), -1, 'the damaged one itself');
    }
  });

  test('damaged: a length beyond the header, by one and by far', () => {
    for (const length of [9, 255]) {
      const packet = withOptions(mss, Uint8Array.of(8, length, 1, 1));
      assert.equal(findTcpOption(packet, TcpOption.Timestamps), -1);
      assert.ok(findTcpOption(packet, TcpOption.Mss) > 0, 'what stands before it is found');
    }
    const whole = withOptions(mss, Uint8Array.of(8, 4, 1, 1));
    assert.equal(place(whole, TcpOption.Timestamps), 4, 'ending with the header is no fault');
  });

  test('damaged: a kind without a length as the last byte', () => {
    assert.equal(findTcpOption(withOptions(nop, nop, nop, Uint8Array.of(8)), 8), -1);
  });

  test('a packet that is not TCP has none, whatever came before it', () => {
    // tcpHeaderLen used to keep its value: the UDP payload was searched.
    const packet = withOptions(mss, sackPermitted, timestamps, nop, windowScale);
    const payload = join(new Uint8Array(12).fill(1), mss);
    loadPacket(buildUdp({ ...endpoints, payload }), 'ethernet', packet);
    assert.equal(findTcpOption(packet, TcpOption.Mss), 0);
  });
});
