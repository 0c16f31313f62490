import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome, RouteKind } from '../../src/engine/index.ts';
import { addressWords, makeGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };
const out6 = { src: 'fd00:1::10', dst: '2001:db8:9::9', sport: 5000, dport: 53 };

describe('routing', () => {
  const unreachable = (kind: 2 | 3 | 4, family: 4 | 6) => {
    const gateway = makeGateway();
    const prefix = addressWords(family === 4 ? '198.51.100.0' : '2001:db8:9::');
    const prefixLength = family === 4 ? 24 : 48;
    gateway.datapath.routes.addRoute({ family, prefix, prefixLength, kind });
    const left = gateway.inject('lan', buildUdp(family === 4 ? out : out6));
    assert.equal(gateway.connections, 0);
    const [answer] = left.answers;
    return { reason: left.reason, answer: answer?.seen, towards: answer?.interfaceName };
  };

  for (const [kind, reason, v4, v6] of [
    [RouteKind.Unreachable, 'no-route', [3, 0], [1, 0]],
    [RouteKind.Prohibited, 'route-prohibited', [3, 13], [1, 1]],
  ] as const) {
    test(`${reason} is answered, IPv4 and IPv6`, () => {
      for (const [family, typeAndCode, source] of [
        [4, v4, '192.168.1.1'],
        [6, v6, 'fd00:1::1'],
      ] as const) {
        const got = unreachable(kind, family);
        assert.equal(got.reason, reason);
        assert.deepEqual([got.answer?.icmpType, got.answer?.icmpCode], typeAndCode);
        assert.equal(got.answer?.src, source);
        assert.equal(got.towards, 'lan');
      }
    });
  }

  test('a blackhole is silent', () => {
    const { reason, answer } = unreachable(RouteKind.Blackhole, 4);
    assert.equal(reason, 'route-blackhole');
    assert.equal(answer, undefined);
  });

  test('no default route', () => {
    const gateway = makeGateway({ defaultOut: '' });
    const left = gateway.inject('lan', buildUdp(out));
    assert.equal(left.reason, 'no-route');
    assert.deepEqual([left.answers[0]?.seen.icmpType, left.answers[0]?.seen.icmpCode], [3, 0]);
  });
});

describe('hops and sizes', () => {
  test('the last hop is answered with time exceeded, and quotes the datagram as it came', () => {
    for (const ttl of [1, 0]) {
      const frame = buildUdp({ ...out, ttl, payload: 'traceroute' });
      const left = makeGateway().inject('lan', frame);
      assert.equal(left.reason, 'ttl-exceeded');
      const { seen: answer } = left.answers[0]!;
      assert.deepEqual([answer.icmpType, answer.icmpCode], [11, 0]);
      assert.deepEqual([answer.src, answer.dst], ['192.168.1.1', '192.168.1.10']);
      assert.deepEqual(answer.payload, frame.slice(14));
    }
    const six = makeGateway().inject('lan', buildUdp({ ...out6, ttl: 1 }));
    assert.deepEqual([six.answers[0]?.seen.icmpType, six.answers[0]?.seen.icmpCode], [3, 0]);
  });

  test('two hops are enough, and one is for the gateway itself', () => {
    assert.equal(makeGateway().inject('lan', buildUdp({ ...out, ttl: 2 })).seen?.ttl, 1);
    const own = makeGateway().inject('lan', buildUdp({ ...out, dst: '192.168.1.1', ttl: 1 }));
    assert.equal(own.outcome, Outcome.Deliver);
  });

  test('too big for the way out: answered with its MTU, IPv4 and IPv6', () => {
    for (const [ends, typeAndCode] of [
      [out, [3, 4]],
      [out6, [2, 0]],
    ] as const) {
      const gateway = makeGateway();
      gateway.datapath.routes.setMtu(gateway.datapath.interfaces.id('wan'), 1280);
      const left = gateway.inject('lan', buildUdp({ ...ends, payload: 'x'.repeat(1300) }));
      assert.equal(left.reason, 'too-big');
      const { seen: answer } = left.answers[0]!;
      assert.deepEqual([answer.icmpType, answer.icmpCode], typeAndCode);
      const second = answer.datagram.slice(answer.l3HeaderLen + 4, answer.l3HeaderLen + 8);
      assert.deepEqual([...second], [0, 0, 5, 0]);
      const fits = gateway.inject('lan', buildUdp({ ...ends, payload: 'x'.repeat(1200) }));
      assert.equal(fits.outcome, Outcome.Forward);
    }
  });

  test('too big for the way out, but it may be fragmented: that is the datapath’s business', () => {
    const gateway = makeGateway();
    gateway.datapath.routes.setMtu(gateway.datapath.interfaces.id('wan'), 1280);
    const frame = buildUdp({ ...out, payload: 'x'.repeat(1300), dontFragment: false });
    assert.equal(gateway.inject('lan', frame).outcome, Outcome.Forward);
  });

  test('larger than its own way in allows: a super-frame, for the datapath to cut', () => {
    const gateway = makeGateway();
    const left = gateway.inject('lan', buildTcp({ ...out, payload: 'x'.repeat(9000) }));
    assert.equal(left.outcome, Outcome.Forward);
  });

  test('answers speak of the datagram before translation', () => {
    const gateway = makeGateway({
      rules:
        '*nat\n-A PREROUTING -i wan -p tcp -j DNAT --to-destination 192.168.1.20:2121\nCOMMIT\n',
    });
    const frame = buildTcp({
      src: '198.51.100.9',
      dst: '203.0.113.1',
      sport: 9,
      dport: 21,
      flags: 'S',
      ttl: 1,
    });
    const left = gateway.inject('wan', frame);
    assert.deepEqual(left.answers[0]?.seen.payload, frame.slice(14));
    assert.equal(gateway.connections, 0);
  });
});
