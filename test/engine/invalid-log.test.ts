/** nf_conntrack_log_invalid; the lines were recorded from Linux 6.18. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesPerRound } from '../support/allocation.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIp,
  buildTcp,
  buildUdp,
  udpSegment,
} from '../support/packets.ts';
import { buildSctp, initChunk } from '../support/sctp.ts';
import { TcpSession } from '../support/tcp-session.ts';

const four = { src: '192.168.1.10', dst: '198.51.100.9', sport: 1000, dport: 80 };
const six = { ...four, src: 'fd00:1::10', dst: '2001:db8:9::9' };
const MAC = 'MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00';
const ALL = 255;

function gatewayLogging(protocol: number): TestGateway {
  const gateway = makeGateway();
  gateway.engine.tracking.conntrack.settings.logInvalid = protocol;
  return gateway;
}

function said(frame: Uint8Array, protocol = ALL, gateway = gatewayLogging(protocol)): string[] {
  gateway.events.length = 0;
  gateway.datapath.inject('lan', frame);
  return gateway.eventTexts('logged');
}

/** The words before the packet's own. */
function words(frame: Uint8Array, protocol = ALL, gateway?: TestGateway): string {
  return said(frame, protocol, gateway).join('\n').split('IN=')[0]!;
}

test('a whole line', () => {
  const frame = buildTcp({ ...four, seq: 1, ack: 0, flags: 'SF', window: 5000 });
  assert.deepEqual(said(frame), [
    `nf_ct_proto_6: invalid tcp flag combination IN=lan OUT= ${MAC} SRC=192.168.1.10 ` +
      'DST=198.51.100.9 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=1 DF PROTO=TCP SPT=1000 DPT=80 ' +
      'SEQ=1 ACK=0 WINDOW=5000 RES=0x00 SYN FIN URGP=0 ',
  ]);
});

describe('words', () => {
  const shortUdp = udpSegment(four);
  shortUdp.set([0, 4], 4);
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ['no flags', buildTcp({ ...four, flags: 0 }), 'nf_ct_proto_6: invalid tcp flag combination '],
    ['bad checksum', buildTcp({ ...four, badChecksum: true }), 'nf_ct_proto_6: bad checksum '],
    ['FIN out of nowhere', buildTcp({ ...four, flags: 'FA' }), 'nf_ct_proto_6: invalid new '],
    ['UDP that lies', buildIp(four, 17, shortUdp), 'nf_ct_proto_17: truncated/malformed packet '],
    [
      'UDP checksum',
      buildUdp({ ...four, payload: 'x', badChecksum: true }),
      'nf_ct_proto_17: bad checksum ',
    ],
    ['ICMP cut short', buildIp(four, 1, Uint8Array.of(8, 0)), 'nf_ct_proto_1: short packet '],
    [
      'ICMP checksum',
      buildIcmp({ ...four, badChecksum: true }),
      'nf_ct_proto_1: bad hw icmp checksum ',
    ],
    ['ICMP type', buildIcmp({ ...four, type: 99 }), 'nf_ct_proto_1: invalid icmp type '],
    [
      'ICMPv6 checksum',
      buildIcmpv6({ ...six, badChecksum: true }),
      'nf_ct_proto_58: ICMPv6 checksum failed ',
    ],
    ['ICMPv6 cut short', buildIp(six, 58, Uint8Array.of(128, 0)), 'nf_ct_proto_58: short packet '],
    [
      'SCTP cut short',
      buildIp(four, 132, new Uint8Array(4)),
      'nf_ct_proto_132: nf_ct_sctp: short packet  ',
    ],
    [
      'SCTP checksum',
      buildSctp({ ...four, chunks: [initChunk(1, 7)], badChecksum: true }),
      'nf_ct_proto_132: nf_ct_sctp: bad CRC  ',
    ],
  ];
  for (const [name, frame, expected] of cases) {
    test(name, () => assert.equal(words(frame), expected));
  }

  test('silence where the kernel is silent', () => {
    const answer = buildIcmp({ ...four, type: 0 });
    const unasked = buildIcmpv6({ ...six, type: 129 });
    const unknownType = buildIcmpv6({ ...six, type: 200 });
    const shortTcp = buildIp(four, 6, new Uint8Array(12));
    const tiny = buildIp(four, 17, new Uint8Array(3));
    for (const frame of [answer, unasked, unknownType, shortTcp, tiny]) {
      assert.equal(words(frame), '');
    }
  });

  test('segments that do not fit their connection', () => {
    const gateway = gatewayLogging(ALL);
    const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
    const { client } = session;
    const far = (by: number) => (client.next + by) >>> 0;
    const of = (frame: Uint8Array) => words(frame, ALL, gateway);
    assert.match(
      of(client.segment({ seq: far(10_000_000), payload: 'x' })),
      /_6: SEQ is over upper/,
    );
    const ack = (client.expected + 10_000_000) >>> 0;
    assert.match(of(client.segment({ ack })), /_6: ACK is over upper/);
    assert.match(of(client.segment({ seq: far(-3000), flags: 'R' })), /_6: invalid rst/);
    assert.equal(of(client.segment()), '');
  });
});

describe('which packets', () => {
  const tcp = buildTcp({ ...four, flags: 'FA' });
  const udp = buildUdp({ ...four, payload: 'x', badChecksum: true });

  test('none by default; one protocol by its number', () => {
    assert.deepEqual([said(tcp, 0), said(udp, 0)], [[], []]);
    assert.deepEqual([said(tcp, 6).length, said(udp, 6).length], [1, 0]);
    assert.deepEqual([said(tcp, 17).length, said(udp, 17).length], [0, 1]);
  });

  test('not what the raw table takes out of tracking', () => {
    const gateway = makeGateway({ rules: '*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n' });
    gateway.engine.tracking.conntrack.settings.logInvalid = ALL;
    assert.deepEqual(said(tcp, ALL, gateway), []);
  });

  test('of this host itself: the way out is named', () => {
    const gateway = gatewayLogging(ALL);
    gateway.output('wan', buildTcp({ ...four, src: '203.0.113.1', flags: 'FA' }));
    assert.match(
      gateway.eventTexts('logged').join(''),
      /^nf_ct_proto_6: invalid new IN= OUT=wan SRC=/,
    );
  });

  test('every one: the kernel limits nothing here', () => {
    const gateway = gatewayLogging(6);
    for (let i = 0; i < 40; i++) gateway.inject('lan', tcp);
    assert.equal(gateway.eventTexts('logged').length, 40);
  });
});

test('off, an INVALID packet allocates nothing for it', () => {
  const { invalidLog } = makeGateway().engine.tracking;
  let wanted = 0;
  const perRound = bytesPerRound(() => {
    if (invalidLog.wants(6)) wanted++;
  });
  assert.ok(perRound < 0.1, `${perRound} bytes`);
  assert.equal(wanted, 0);
});
