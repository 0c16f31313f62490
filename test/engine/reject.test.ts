import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { TcpFlag } from '../../src/wire/index.ts';
import { type Left, makeGateway } from '../support/gateway.ts';
import {
  buildIcmp,
  buildIcmpv6,
  buildIpv4Fragment,
  buildTcp,
  buildUdp,
  fragmentHeader,
  tcpSegment,
} from '../support/packets.ts';
import { buildSctp, initChunk } from '../support/sctp.ts';
import type { SeenPacket } from '../support/seen.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };

function rejecting(kind: string, chain = 'FORWARD', match = ''): string {
  return `*filter\n-A ${chain} ${match} -j REJECT --reject-with ${kind}\nCOMMIT\n`;
}

/** The one answer; it went back where the packet came from. */
function answerOf(left: Left, towards = 'lan'): SeenPacket {
  assert.equal(left.reason, 'rule-reject');
  assert.equal(left.answers.length, 1);
  assert.equal(left.answers[0]?.interfaceName, towards);
  return left.answers[0].seen;
}

function silentlyHeld(left: Left): void {
  assert.equal(left.outcome, Outcome.Hold);
  assert.equal(left.answers.length, 0);
}

function silent(left: Left): void {
  assert.equal(left.reason, 'rule-reject');
  assert.deepEqual(left.answers, []);
}

describe('ICMP errors, IPv4', () => {
  for (const [kind, code] of [
    ['icmp-net-unreachable', 0],
    ['icmp-host-unreachable', 1],
    ['icmp-proto-unreachable', 2],
    ['icmp-port-unreachable', 3],
    ['icmp-net-prohibited', 9],
    ['icmp-host-prohibited', 10],
    ['icmp-admin-prohibited', 13],
  ] as const) {
    test(`${kind} is type 3 code ${code}`, () => {
      const gateway = makeGateway({ rules: rejecting(kind) });
      const frame = buildUdp({ ...out, payload: 'question' });
      const answer = answerOf(gateway.inject('lan', frame));
      assert.deepEqual([answer.icmpType, answer.icmpCode], [3, code]);
      assert.deepEqual([answer.src, answer.dst], ['192.168.1.1', out.src]);
      assert.equal(answer.ttl, 64);
      assert.deepEqual([...answer.datagram.slice(24, 28)], [0, 0, 0, 0], 'unused word');
      // One hop has been taken off before FORWARD; all else is as it came.
      const quoted = buildUdp({ ...out, payload: 'question', ttl: 63, link: 'raw' });
      assert.deepEqual(answer.payload, quoted);
      assert.equal(gateway.connections, 0);
    });
  }

  test('a long datagram is quoted up to 576 bytes in all', () => {
    const gateway = makeGateway({ rules: rejecting('icmp-port-unreachable') });
    const left = gateway.inject('lan', buildUdp({ ...out, payload: 'x'.repeat(1200) }));
    assert.equal(answerOf(left).datagram.length, 576);
  });

  test('for the gateway itself: from the address that was asked', () => {
    const gateway = makeGateway({ rules: rejecting('icmp-port-unreachable', 'INPUT') });
    const left = gateway.inject('lan', buildUdp({ ...out, dst: '203.0.113.1' }));
    assert.equal(answerOf(left).src, '203.0.113.1');
  });

  test('a ping is answered', () => {
    const gateway = makeGateway({ rules: rejecting('icmp-host-prohibited') });
    answerOf(gateway.inject('lan', buildIcmp({ ...out, id16: 5 })));
  });
});

describe('ICMPv6 errors', () => {
  for (const [kind, code] of [
    ['icmp6-no-route', 0],
    ['icmp6-adm-prohibited', 1],
    ['icmp6-addr-unreachable', 3],
    ['icmp6-port-unreachable', 4],
    ['icmp6-policy-fail', 5],
    ['icmp6-reject-route', 6],
  ] as const) {
    test(`${kind} is type 1 code ${code}`, () => {
      const gateway = makeGateway({ rules6: rejecting(kind) });
      const answer = answerOf(gateway.inject('lan', buildUdp({ ...out6, payload: 'question' })));
      assert.deepEqual([answer.icmpType, answer.icmpCode], [1, code]);
      assert.deepEqual([answer.src, answer.dst], ['fd00:1::1', out6.src]);
      const quoted = buildUdp({ ...out6, payload: 'question', ttl: 63, link: 'raw' });
      assert.deepEqual(answer.payload, quoted);
    });
  }

  test('quotes up to the minimum MTU', () => {
    const gateway = makeGateway({ rules6: rejecting('icmp6-no-route') });
    const left = gateway.inject('lan', buildUdp({ ...out6, payload: 'x'.repeat(1400) }));
    assert.equal(answerOf(left).datagram.length, 1280);
  });
});

describe('resets', () => {
  const rules = rejecting('tcp-reset', 'FORWARD', '-p tcp');
  const reset = (frame: Uint8Array) => answerOf(makeGateway({ rules }).inject('lan', frame));

  test('to a SYN: sequence 0, acknowledging it', () => {
    const answer = reset(buildTcp({ ...out, flags: 'S', seq: 0xffff_ffff }));
    assert.equal(answer.tcpFlags, TcpFlag.Rst | TcpFlag.Ack);
    assert.deepEqual([answer.seq, answer.ack], [0, 0]);
    assert.deepEqual([answer.src, answer.sport], [out.dst, out.dport]);
    assert.deepEqual([answer.dst, answer.dport], [out.src, out.sport]);
    assert.equal(answer.payload.length, 0);
  });

  test('to a segment with ACK: at its acknowledgement, without ACK', () => {
    const answer = reset(buildTcp({ ...out, flags: 'PA', seq: 7, ack: 0x8000_0000, payload: 'x' }));
    assert.equal(answer.tcpFlags, TcpFlag.Rst);
    assert.deepEqual([answer.seq, answer.ack], [0x8000_0000, 0]);
  });

  test('SYN and FIN count as one each, and so does every byte', () => {
    assert.equal(reset(buildTcp({ ...out, flags: 'S', seq: 100, payload: 'abc' })).ack, 104);
    assert.equal(reset(buildTcp({ ...out, flags: 'F', seq: 100, payload: 'abc' })).ack, 104);
  });

  test('IPv6', () => {
    const gateway = makeGateway({ rules6: rules });
    const answer = answerOf(gateway.inject('lan', buildTcp({ ...out6, flags: 'S', seq: 1 })));
    assert.deepEqual([answer.src, answer.dst, answer.ack], [out6.dst, out6.src, 2]);
  });

  test('no answer to a reset', () => {
    silent(makeGateway({ rules }).inject('lan', buildTcp({ ...out, flags: 'R' })));
    silent(makeGateway({ rules }).inject('lan', buildTcp({ ...out, flags: 'RA' })));
  });

  test('no answer to a segment with a bad checksum, nor to half a header', () => {
    silent(makeGateway({ rules }).inject('lan', buildTcp({ ...out, badChecksum: true })));
    const tooLong = buildTcp({ ...out, flags: 'S' });
    tooLong[14 + 20 + 12] = 0xf0;
    silent(makeGateway({ rules }).inject('lan', tooLong));
  });
});

describe('what is never answered', () => {
  const every = 'icmp-port-unreachable';

  test('ICMP errors and redirects', () => {
    const inner = buildUdp({ ...out, src: out.dst, dst: out.src, link: 'raw' });
    for (const type of [3, 4, 5, 11, 12]) {
      silent(
        makeGateway({ rules: rejecting(every) }).inject('lan', buildIcmp({ ...out, type, inner })),
      );
    }
    for (const type of [1, 2, 3, 4]) {
      const gateway = makeGateway({ rules6: rejecting('icmp6-no-route') });
      silent(gateway.inject('lan', buildIcmpv6({ ...out6, type, inner })));
    }
  });

  test('fragments that wait for others; the whole is', () => {
    const segment = tcpSegment({ ...out, flags: 'S', payload: 'x'.repeat(44) });
    const piece = { ...out, protocol: 6 };
    const later = { ...piece, offsetBytes: 32, more: false, payload: segment.slice(32) };
    const four = makeGateway({ rules: rejecting(every) });
    silentlyHeld(four.inject('lan', buildIpv4Fragment(later)));
    const first = { ...piece, offsetBytes: 0, more: true, payload: segment.slice(0, 32) };
    answerOf(four.inject('lan', buildIpv4Fragment(first)));
    const extensions = [fragmentHeader({ offsetBytes: 32, more: false, id: 7 })];
    const gateway = makeGateway({ rules6: rejecting('icmp6-no-route') });
    silentlyHeld(gateway.inject('lan', buildUdp({ ...out6, extensions })));
  });

  test('group and broadcast destinations, pings among them', () => {
    for (const dst of ['224.0.0.251', '255.255.255.255', '192.168.1.255']) {
      const gateway = makeGateway({ rules: rejecting(every, 'INPUT') });
      silent(gateway.inject('lan', buildUdp({ ...out, dst })));
      silent(gateway.inject('lan', buildIcmp({ ...out, dst })));
      const resets = makeGateway({ rules: rejecting('tcp-reset', 'INPUT', '-p tcp') });
      silent(resets.inject('lan', buildTcp({ ...out, dst, flags: 'S' })));
    }
    const six = makeGateway({ rules6: rejecting('icmp6-no-route', 'INPUT') });
    silent(six.inject('lan', buildUdp({ ...out6, dst: 'ff02::fb' })));
    silent(six.inject('lan', buildIcmpv6({ ...out6, dst: 'ff02::1' })));
  });

  test('nobody and everybody as source', () => {
    for (const src of ['0.0.0.0', '255.255.255.255', '224.0.0.1']) {
      silent(makeGateway({ rules: rejecting(every) }).inject('lan', buildUdp({ ...out, src })));
    }
    const gateway = makeGateway({ rules6: rejecting('icmp6-no-route') });
    silent(gateway.inject('lan', buildUdp({ ...out6, src: '::' })));
  });

  test('a datagram with a bad checksum', () => {
    const frame = buildUdp({ ...out, badChecksum: true });
    silent(makeGateway({ rules: rejecting(every) }).inject('lan', frame));
  });
});

test('SCTP is answered whatever its checksum: REJECT does not look at it', () => {
  const frame = buildSctp({ ...out, chunks: [initChunk(1, 7)], badChecksum: true });
  const left = makeGateway({ rules: rejecting('icmp-port-unreachable') }).inject('lan', frame);
  assert.equal(answerOf(left).icmpType, 3);
});

describe('under translation', () => {
  const dnat =
    '*nat\n-A PREROUTING -i wan -p tcp -j DNAT --to-destination 192.168.1.20:80\nCOMMIT\n';
  const syn = buildTcp({
    src: '198.51.100.9',
    dst: '203.0.113.1',
    sport: 9,
    dport: 8080,
    flags: 'S',
    seq: 5,
  });

  test('a reset comes from where the client believes the server to be', () => {
    const rules = dnat + rejecting('tcp-reset', 'FORWARD', '-p tcp');
    const answer = answerOf(makeGateway({ rules }).inject('wan', syn), 'wan');
    assert.deepEqual([answer.src, answer.sport], ['203.0.113.1', 8080]);
    assert.deepEqual([answer.dst, answer.dport, answer.ack], ['198.51.100.9', 9, 6]);
  });

  test('an error quotes the datagram as the client sent it', () => {
    const rules = dnat + rejecting('icmp-host-prohibited');
    const answer = answerOf(makeGateway({ rules }).inject('wan', syn), 'wan');
    const sent = syn.slice(14);
    // All but TTL and header checksum.
    assert.deepEqual(answer.payload.slice(12), sent.slice(12));
    assert.deepEqual(answer.payload.slice(0, 8), sent.slice(0, 8));
  });

  test('an answer refused later is quoted as the server sent it', () => {
    const rules = `*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n${rejecting(
      'icmp-port-unreachable',
      'FORWARD',
      '-i wan',
    )}`;
    const gateway = makeGateway({ rules });
    gateway.inject('lan', buildUdp(out));
    const back = buildUdp({ src: out.dst, dst: '203.0.113.1', sport: 53, dport: 5000 });
    const answer = answerOf(gateway.inject('wan', back), 'wan');
    assert.deepEqual(answer.payload.slice(12), back.slice(26));
    assert.equal(gateway.connections, 1);
  });
});

test('ICMP errors are rationed by the second, resets are not', () => {
  const settings = { answersPerSecond: 3 };
  const gateway = makeGateway({ rules: rejecting('icmp-port-unreachable'), settings });
  const answered = () => gateway.inject('lan', buildUdp(out)).answers.length;
  assert.deepEqual([1, 2, 3, 4, 5].map(answered), [1, 1, 1, 0, 0]);
  gateway.now(1);
  assert.deepEqual([1, 2, 3, 4].map(answered), [1, 1, 1, 0]);
  const rules = rejecting('tcp-reset', 'FORWARD', '-p tcp');
  const resets = makeGateway({ rules, settings });
  for (let i = 0; i < 5; i++) answerOf(resets.inject('lan', buildTcp({ ...out, flags: 'S' })));
});
