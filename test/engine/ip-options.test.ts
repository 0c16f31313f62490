import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome, RouteKind } from '../../src/engine/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildUdp } from '../support/packets.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };

/** A datagram with these options; what became of it. */
function injected(hex: string, dst = out.dst) {
  const gateway = makeGateway();
  const ipOptions = Uint8Array.from(Buffer.from(hex, 'hex'));
  const left = gateway.inject('lan', buildUdp({ ...out, dst, payload: 'x', ipOptions }));
  return { left, drops: gateway.engine.dropCounts() };
}

describe('options of IPv4, as __ip_options_compile() of the kernel takes them', () => {
  for (const [name, hex] of [
    ['no operation, end', '01010100'],
    ['what stands behind the end', '00070101'],
    ['a recorded route that is full', '070708c0a8010101'],
    ['router alert', '94040000'],
    ['an unknown one', '1e040000'],
  ] as const) {
    test(`${name}: forwarded`, () => {
      assert.equal(injected(hex).left.outcome, Outcome.Forward);
    });
  }

  for (const [name, hex, pointer] of [
    ['a length below two', '07010000', 20],
    ['a length beyond the header', '01070800', 21],
    ['a type without a length', '01010107', 23],
    ['a recorded route, no pointer', '0702000000000000', 21],
    ['a recorded route, pointer into the header', '0707030000000001', 22],
    ['a recorded route, room for half an entry', '0707060000000001', 22],
    ['a timestamp, too short', '4403050100000000', 21],
    ['router alert, too short', '9402000000000000', 21],
    ['two source routes', '830304830304', 23],
    ['a source route, no pointer', '83020000', 21],
  ] as const) {
    test(`${name}: parameter problem at ${pointer}`, () => {
      const { left, drops } = injected(hex);
      assert.equal(left.outcome, Outcome.Drop);
      assert.deepEqual(drops, { malformed: 1 });
      const [answer] = left.answers;
      assert.deepEqual([answer?.seen.icmpType, answer?.seen.icmpCode], [12, 0]);
      assert.equal(answer?.seen.datagram[24], pointer);
    });
  }

  for (const [name, hex] of [
    ['loose', '830704c0a8010a00'],
    ['strict', '890704c0a8010a00'],
    ['finished', '830708c0a8010a00'],
  ] as const) {
    test(`a ${name} source route is not followed, not let through and not answered`, () => {
      for (const dst of [out.dst, '192.168.1.1']) {
        const { left, drops } = injected(hex, dst);
        assert.deepEqual([left.outcome, left.answers], [Outcome.Drop, []]);
        assert.deepEqual(drops, { 'source-route': 1 });
      }
    });
  }
});

test('MASQUERADE: a connection ends where it would leave by another interface', () => {
  const gateway = makeGateway({
    rules: '*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n',
    interfaces: { lan: '192.168.1.1/24', wan: '203.0.113.1/24', dsl: '198.51.100.1/24' },
  });
  const frame = () => buildUdp({ ...out, dst: '10.9.9.9', payload: 'x' });
  assert.equal(gateway.inject('lan', frame()).seen?.src, '203.0.113.1');
  const { routes } = gateway.datapath;
  const outIf = gateway.engine.interfaces.id('dsl');
  const kind = RouteKind.Forward;
  routes.addRoute({ family: 4, prefix: [0x0a090909], prefixLength: 32, kind, outIf, via: [0] });
  assert.equal(gateway.inject('lan', frame()).outcome, Outcome.Drop);
  assert.deepEqual(gateway.engine.dropCounts(), { 'masquerade-moved': 1 });
  assert.equal(gateway.inject('lan', frame()).seen?.src, '198.51.100.1');
});
