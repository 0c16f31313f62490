import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Decode, decodeFrame, LinkType } from '../../src/wire/index.ts';
import {
  buildIp,
  buildIpv4Fragment,
  buildTcp,
  dirtyPacket,
  loadPacket,
} from '../support/packets.ts';
import { dropsAtOnce, expectMatches } from './match-packets.ts';

const ends = { src: '10.1.2.3', dst: '192.168.1.1' };
const ends6 = { src: '2001:db8::1', dst: '2001:db8::2' };
const tcp = (more = {}) =>
  loadPacket(buildTcp({ ...ends, sport: 1, dport: 2, flags: 'S', ...more }));
const datagram = (protocol: number, bytes: readonly number[], more = {}) =>
  loadPacket(buildIp({ ...ends, ...more }, protocol, Uint8Array.from(bytes)));
/** A packet whose transport header is not all there. */
const cutOff = (protocol: number, bytes: readonly number[]) => {
  const packet = dirtyPacket();
  packet.load(buildIp(ends, protocol, Uint8Array.from(bytes)), LinkType.Ethernet);
  assert.equal(decodeFrame(packet), Decode.TruncatedL4);
  return packet;
};
/** A later fragment whose bytes look like the header that is asked for. */
const laterFragment = (protocol: number, payload: Uint8Array) =>
  loadPacket(buildIpv4Fragment({ ...ends, protocol, offsetBytes: 800, more: false, payload }));

const ESP = 50;
const AH = 51;
const SCTP = 132;
const DCCP = 33;

describe('ttl and hl', () => {
  test('equal, below and above, at both ends of the field', () => {
    expectMatches(
      tcp({ ttl: 1 }),
      ['-m ttl --ttl 1', '-m ttl --ttl-lt 2', '-m ttl --ttl-gt 0', '-m ttl ! --ttl-eq 2'],
      ['-m ttl --ttl-lt 1', '-m ttl --ttl-gt 1', '-m ttl --ttl-lt 0', '-m ttl ! --ttl-eq 1'],
    );
    expectMatches(tcp({ ttl: 255 }), ['-m ttl --ttl-gt 254'], ['-m ttl --ttl-gt 255']);
    expectMatches(
      tcp({ ...ends6, ttl: 64 }),
      ['-m hl --hl-eq 64', '-m hl --hl-lt 65', '-m hl --hl-gt 63'],
      ['-m hl ! --hl-eq 64', '-m hl --hl-lt 64', '-m hl --hl-gt 64'],
    );
  });
});

describe('dscp, tos and ecn', () => {
  test('the bits of the type of service', () => {
    expectMatches(
      tcp({ tos: 0xb9 }),
      [
        '-m dscp --dscp 0x2e',
        '-m dscp --dscp-class EF',
        '-m dscp ! --dscp-class BE',
        '-m tos --tos 0xb9',
        '-m tos --tos 0xb8/0xfc',
        '-m tos ! --tos 0xb8',
        '-m ecn --ecn-ip-ect 1',
        '-m ecn ! --ecn-ip-ect 0',
      ],
      [
        '-m dscp --dscp 0x39',
        '-m dscp ! --dscp-class EF',
        '-m tos --tos 0xb8',
        '-m tos --tos Minimize-Delay',
        '-m ecn --ecn-ip-ect 0',
        '-m ecn ! --ecn-ip-ect 1',
      ],
    );
    // A name covers six bits: the two bits of the old precedence do not count.
    expectMatches(tcp({ tos: 0xd0 }), ['-m tos --tos Minimize-Delay'], ['-m tos --tos 0x10']);
  });

  test('the traffic class of IPv6', () => {
    expectMatches(
      tcp({ ...ends6, tos: 0x03 }),
      ['-m ecn --ecn-ip-ect 3', '-m dscp --dscp 0', '-m tos --tos 3'],
      ['-m ecn --ecn-ip-ect 2', '-m dscp --dscp 3'],
    );
  });

  test('ECE and CWR', () => {
    expectMatches(
      tcp({ flags: 'SE' }),
      [
        '-p tcp -m ecn --ecn-tcp-ece',
        '-p tcp -m ecn --ecn-tcp-ece ! --ecn-tcp-cwr',
        '-p tcp -m ecn --ecn-tcp-ece --ecn-ip-ect 0',
      ],
      [
        '-p tcp -m ecn --ecn-tcp-cwr',
        '-p tcp -m ecn ! --ecn-tcp-ece',
        '-p tcp -m ecn --ecn-tcp-ece --ecn-tcp-cwr',
        '-p tcp -m ecn --ecn-tcp-ece --ecn-ip-ect 1',
      ],
    );
    const later = laterFragment(6, new Uint8Array(24).fill(0xff));
    expectMatches(later, ['-m ecn --ecn-ip-ect 0'], ['-p tcp -m ecn --ecn-tcp-ece']);
  });
});

describe('tcpmss', () => {
  const rule = '-p tcp -m tcpmss --mss';

  test('the announced size, with and without other options before it', () => {
    for (const options of [
      [2, 4, 0x05, 0xb4],
      [1, 1, 4, 2, 2, 4, 0x05, 0xb4],
    ]) {
      expectMatches(
        tcp({ options: Uint8Array.from(options) }),
        [`${rule} 1460`, `${rule} 1400:1500`, `${rule} :1460`, '-p tcp -m tcpmss ! --mss 1461:'],
        [`${rule} 1461`, `${rule} :1459`, '-p tcp -m tcpmss ! --mss 1460'],
      );
    }
  });

  test('none announced, or an option list that is damaged, fits only what is negated', () => {
    for (const options of [[], [0, 0, 0, 0], [2, 3, 5, 0], [3, 200, 2, 4]]) {
      expectMatches(
        tcp({ options: Uint8Array.from(options) }),
        ['-p tcp -m tcpmss ! --mss 1460'],
        [`${rule} 0:65535`],
      );
    }
    // A length of 0 is stepped over by one byte, as in the kernel.
    expectMatches(tcp({ options: Uint8Array.of(9, 0, 2, 4, 5, 0xb4, 0, 0) }), [`${rule} 1460`], []);
    expectMatches(
      laterFragment(6, new Uint8Array(32)),
      [],
      [`${rule} 0`, '-p tcp -m tcpmss ! --mss 1'],
    );
  });
});

describe('esp and ah', () => {
  test('the index, unsigned, at both ends of a range', () => {
    const packet = datagram(ESP, [0xff, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4]);
    expectMatches(
      packet,
      [
        '-p esp -m esp --espspi 0xff000001',
        '-p esp -m esp --espspi 0xff000000:0xff000001',
        '-p esp -m esp ! --espspi 1:0xff000000',
        '-p esp -m esp',
      ],
      [
        '-p esp -m esp --espspi 1',
        '-p esp -m esp ! --espspi 0xff000001:',
        '-p esp -m esp ! --espspi :',
      ],
    );
    expectMatches(
      datagram(AH, [6, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1]),
      ['-p ah -m ah --ahspi 9', '-p ah -m ah ! --ahspi 10:'],
      ['-p ah -m ah --ahspi 8', '-p ah -m ah ! --ahspi 1:9'],
    );
    expectMatches(
      datagram(ESP, [0, 0, 0, 5, 0, 0, 0, 1], ends6),
      ['-p esp -m esp --espspi 5'],
      ['-p esp -m esp --espspi 6'],
    );
  });

  test('later fragments do not match, headers that are cut off are dropped', () => {
    expectMatches(laterFragment(ESP, new Uint8Array(16)), [], ['-p esp -m esp --espspi 0']);
    assert.equal(
      dropsAtOnce('-p esp -m esp --espspi 0', datagram(ESP, [0, 0, 0, 0, 0, 0, 0])),
      true,
    );
    assert.equal(
      dropsAtOnce('-p esp -m esp --espspi 1', datagram(ESP, [0, 0, 0, 0, 0, 0, 0, 0])),
      false,
    );
    assert.equal(dropsAtOnce('-p ah -m ah --ahspi 0', datagram(AH, new Array(11).fill(0))), true);
  });
});

describe('sctp', () => {
  const header = [0, 21, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0];
  const chunk = (type: number, flags: number, body: number[] = []) => {
    const padding = new Array((4 - (body.length % 4)) % 4).fill(0);
    return [type, flags, 0, 4 + body.length, ...body, ...padding];
  };
  const DATA = 0;
  const SACK = 3;
  const packet = datagram(SCTP, [...header, ...chunk(SACK, 0, [1, 2, 3]), ...chunk(DATA, 0x03)]);

  test('ports, which multiport reads as well', () => {
    expectMatches(
      packet,
      [
        '-p sctp --sport 21',
        '-p sctp --dport 90:99',
        '-p sctp ! --dport 98',
        '-p sctp -m multiport --dports 1,99',
        '-p sctp -m multiport --ports 21',
        '-p sctp -m multiport ! --sports 22:30',
      ],
      ['-p sctp --sport 99', '-p sctp ! --sport :', '-p sctp -m multiport --sports 0,99'],
    );
  });

  test('chunks: all, any, only, and their flags', () => {
    const types = (text: string) => `-p sctp --chunk-types ${text}`;
    expectMatches(
      packet,
      [
        types('all SACK'),
        types('all SACK,DATA'),
        types('any INIT,DATA'),
        types('only SACK,DATA'),
        types('only SACK,DATA,INIT'),
        types('any DATA:BE'),
        types('any DATA:uBE'),
        types('all DATA:iuBE,SACK'),
        types('only ALL'),
        '-p sctp ! --chunk-types any INIT',
        '-p sctp ! --chunk-types only DATA',
      ],
      [
        types('all SACK,INIT'),
        types('any INIT'),
        types('only SACK'),
        types('any DATA:U'),
        types('any DATA:b'),
        types('all DATA:U,SACK'),
        types('only DATA:U,SACK'),
        types('any NONE'),
        '-p sctp ! --chunk-types all SACK',
      ],
    );
    const twice = datagram(SCTP, [...header, ...chunk(SACK, 0), ...chunk(SACK, 0)]);
    expectMatches(twice, [types('all SACK')], [types('all SACK,DATA')]);
  });

  test('what is cut off is dropped; later fragments have no ports', () => {
    assert.equal(dropsAtOnce('-p sctp --sport 1', cutOff(SCTP, header.slice(1))), true);
    assert.equal(dropsAtOnce('-p sctp --sport 1', datagram(SCTP, header)), false);
    assert.equal(dropsAtOnce('-p sctp --chunk-types any DATA', datagram(SCTP, header)), true);
    const endless = datagram(SCTP, [...header, SACK, 0, 0, 0]);
    assert.equal(dropsAtOnce('-p sctp --chunk-types any DATA', endless), true);
    assert.equal(dropsAtOnce('-p sctp -m multiport --dports 1', cutOff(SCTP, [0, 1, 0])), true);
    const later = laterFragment(SCTP, Uint8Array.from(header));
    expectMatches(later, [], ['-p sctp --sport 0:', '-p sctp -m multiport --ports 21']);
  });
});

describe('dccp', () => {
  const ACK = 3;
  /** A header with its type and 8 bytes behind the generic 12, then options. */
  const dccp = (type: number, options: number[], words = (20 + options.length) / 4) =>
    datagram(DCCP, [
      0,
      21,
      0,
      99,
      words,
      0,
      0,
      0,
      type << 1,
      0,
      0,
      0,
      ...new Array(8).fill(0),
      ...options,
    ]);
  const packet = dccp(ACK, [0, 1, 38, 5, 2, 2, 2, 0]);

  test('ports, types and options', () => {
    expectMatches(
      packet,
      [
        '-p dccp --sport 21',
        '-p dccp ! --dport 98',
        '-p dccp -m multiport --dports 99',
        '-p dccp --dccp-types ACK,DATA',
        '-p dccp ! --dccp-types INVALID',
        '-p dccp --dccp-option 38',
        '-p dccp ! --dccp-option 2',
      ],
      [
        '-p dccp --dport 21',
        '-p dccp --dccp-types REQUEST',
        '-p dccp ! --dccp-types ACK',
        '-p dccp --dccp-option 2',
        '-p dccp ! --dccp-option 38',
      ],
    );
    expectMatches(dccp(12, []), ['-p dccp --dccp-types INVALID'], ['-p dccp --dccp-types ACK']);
  });

  test('damaged headers are dropped, later fragments do not match', () => {
    assert.equal(dropsAtOnce('-p dccp --sport 1', datagram(DCCP, new Array(11).fill(0))), true);
    assert.equal(dropsAtOnce('-p dccp --dccp-option 1', dccp(ACK, [], 4)), true, 'too short');
    assert.equal(dropsAtOnce('-p dccp --dccp-option 1', dccp(ACK, [], 6)), true, 'beyond its end');
    assert.equal(dropsAtOnce('-p dccp --dccp-option 1', dccp(ACK, [])), false);
    assert.equal(dropsAtOnce('-p dccp --dccp-option 1', dccp(12, [])), true, 'a reserved type');
    expectMatches(laterFragment(DCCP, new Uint8Array(16)), [], ['-p dccp --sport 0']);
  });
});
