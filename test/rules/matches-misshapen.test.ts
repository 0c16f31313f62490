/** Transport headers that are cut off, or lie about their length: what xt_tcpudp makes of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decode, decodeFrame, LinkType, type Packet, Proto } from '../../src/wire/index.ts';
import { be16 } from '../support/bytes.ts';
import { buildIp, dirtyPacket, tcpSegment, udpSegment } from '../support/packets.ts';
import { dropsAtOnce, expectMatches } from './match-packets.ts';

const ends = { src: '192.0.2.1', dst: '198.51.100.9', sport: 5000, dport: 80 };

function misshapen(protocol: number, segment: Uint8Array, expected: number): Packet {
  const packet = dirtyPacket();
  packet.load(buildIp(ends, protocol, segment), LinkType.Ethernet);
  assert.equal(decodeFrame(packet), expected);
  return packet;
}

describe('transport headers', () => {
  test('cut off: dropped by every match that asks for more than is there', () => {
    const tcp = misshapen(Proto.Tcp, tcpSegment(ends).slice(0, 19), Decode.TruncatedL4);
    const udp = misshapen(Proto.Udp, udpSegment(ends).slice(0, 7), Decode.TruncatedL4);
    const icmp = misshapen(Proto.Icmp, Uint8Array.of(8, 0, 1, 2, 3, 4, 5), Decode.TruncatedL4);
    assert.equal(dropsAtOnce('-p tcp -m tcp ! --dport 80', tcp), true);
    assert.equal(dropsAtOnce('-p tcp --syn', tcp), true);
    assert.equal(dropsAtOnce('-p tcp -m tcpmss --mss 1:2', tcp), true);
    assert.equal(dropsAtOnce('-p udp -m udp --dport 0', udp), true);
    assert.equal(dropsAtOnce('-p icmp -m icmp ! --icmp-type 8', icmp), true);
    assert.equal(dropsAtOnce('-p tcp', tcp), false);
    const [yes, no] = ['-p udp -m multiport --dports 80', '-p udp -m multiport --dports 0'];
    expectMatches(udp, [yes], [no]);
    assert.equal(dropsAtOnce(no, udp), false);
    const stub = misshapen(Proto.Udp, udpSegment(ends).slice(0, 3), Decode.TruncatedL4);
    assert.equal(dropsAtOnce(no, stub), true);
  });

  test('there, but lying: rules see ports and flags', () => {
    const udp = udpSegment({ ...ends, payload: 'abc' });
    udp.set(be16(30), 4);
    const rules = ['-p udp -m udp --dport 80', '-p udp -m multiport --sports 5000'];
    expectMatches(misshapen(Proto.Udp, udp, Decode.BadUdpLength), rules, [
      '-p udp -m udp ! --dport 80',
    ]);
    for (const words of [3, 9]) {
      const tcp = tcpSegment({ ...ends, flags: 'S' });
      tcp[12] = words << 4;
      const packet = misshapen(Proto.Tcp, tcp, Decode.BadTcpOffset);
      expectMatches(packet, ['-p tcp --dport 80 --syn'], ['-p tcp --dport 0', '-p tcp ! --syn']);
      assert.equal(dropsAtOnce('-p tcp ! --tcp-option 2', packet), true);
      assert.equal(dropsAtOnce('-p tcp -m tcpmss ! --mss 1:2', packet), true);
    }
  });
});
