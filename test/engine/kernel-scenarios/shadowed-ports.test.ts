/**
 * After test_port_shadow and test_dnat_clash of nft_nat.sh: a masqueraded client can take the port of a
 * service of the gateway for one peer, unless rules prevent it; and a translated datagram does not take
 * the answers from one that was sent straight.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../../src/conntrack/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { buildUdp } from '../../support/packets.ts';
import { back, ctStateOf, entryOf, gatewayOf, MASQUERADE, places } from './play.ts';

const SERVICE = 1405;
const PEER_PORT = 41_404;

for (const family of [4, 6] as const) {
  const at = places[family];
  /** The client sends from the service's port; then its peer asks the service. */
  const afterFake = (rules: string) => {
    const gateway = gatewayOf(rules);
    const fake = { src: at.client, dst: at.server, sport: SERVICE, dport: PEER_PORT };
    const sent = gateway.inject('lan', buildUdp({ ...fake, payload: 'fake entry' }));
    const asked = { ...back(fake), dst: at.outside };
    const left = gateway.inject('wan', buildUdp({ ...asked, payload: 'data' }));
    return { gateway, sent, asked, left, ctState: ctStateOf(gateway) };
  };

  describe(`a service of the gateway whose port a client uses too, IPv${family}`, () => {
    test('the peer gets to the client', () => {
      const { left, ctState } = afterFake(MASQUERADE);
      assert.equal(ctState, 'ESTABLISHED');
      assert.deepEqual([left.interfaceName, left.seen?.dst], ['lan', at.client]);
    });

    test('not where the client may not send from that port', () => {
      const filter = `*filter\n-A FORWARD -i lan -p udp --sport ${SERVICE} -j DROP\nCOMMIT\n`;
      const { gateway, sent, left, ctState } = afterFake(MASQUERADE + filter);
      assert.equal(sent.outcome, Outcome.Drop);
      assert.deepEqual([left.outcome, ctState], [Outcome.Deliver, 'NEW']);
      assert.equal(gateway.connections, 1, 'that of the peer');
    });

    test('not where the service is not tracked', () => {
      const raw = `*raw
-A PREROUTING -i wan -p udp --dport ${SERVICE} -j NOTRACK
-A OUTPUT -o wan -p udp --sport ${SERVICE} -j NOTRACK
COMMIT
`;
      const { gateway, sent, asked, left, ctState } = afterFake(MASQUERADE + raw);
      assert.equal(sent.seen?.sport, SERVICE);
      assert.deepEqual([left.outcome, ctState], [Outcome.Deliver, 'UNTRACKED']);
      const answer = gateway.output('wan', buildUdp({ ...back(asked), payload: 'ROUTER' }));
      assert.deepEqual([answer.seen?.sport, ctStateOf(gateway)], [SERVICE, 'UNTRACKED']);
      assert.equal(gateway.connections, 1, 'that of the client');
    });

    test('not where the client is given a higher port', () => {
      const pat = `*nat
-A POSTROUTING -o wan -p udp --sport :${SERVICE} -j MASQUERADE --to-ports 1406-65535 --random
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
`;
      const { gateway, sent, left, ctState } = afterFake(pat);
      assert.ok(sent.seen!.sport > SERVICE);
      assert.deepEqual([left.outcome, ctState], [Outcome.Deliver, 'NEW']);
      assert.equal(gateway.connections, 2);
    });
  });

  test(`a translated and a direct datagram to one service, from one port, IPv${family}`, () => {
    const inside = family === 4 ? '192.168.1.1' : 'fd00:1::1';
    const target = family === 4 ? `${at.outside}:1234` : `[${at.outside}]:1234`;
    const rules = `*nat\n-A PREROUTING -d ${inside} -p udp --dport 1234 -j DNAT --to-destination ${target}\nCOMMIT\n`;
    const gateway = makeGateway(family === 4 ? { rules } : { rules6: rules });
    const translated = { src: at.server, dst: inside, sport: 4321, dport: 1234 };
    const direct = { ...translated, dst: at.outside };
    const ports = [translated, direct].map((line) => {
      const left = gateway.inject('wan', buildUdp({ ...line, payload: 'PING' }));
      assert.equal(left.outcome, Outcome.Deliver);
      const { src, dst, sport, dport } = left.seen!;
      assert.deepEqual([src, dst, dport], [at.server, at.outside, 1234]);
      const answer = gateway.output(
        'wan',
        buildUdp({ src: dst, dst: src, sport: dport, dport: sport }),
      );
      const { seen } = answer;
      assert.deepEqual(
        [seen?.src, seen?.dst, seen?.sport, seen?.dport],
        [line.dst, src, 1234, 4321],
      );
      return sport;
    });
    assert.equal(ports[0], 4321);
    assert.notEqual(ports[1], 4321);
    const statusOf = (line: typeof direct) =>
      entryOf(gateway, line, Proto.Udp)!.status & (Status.SrcNat | Status.DstNat);
    assert.deepEqual([statusOf(translated), statusOf(direct)], [Status.DstNat, Status.SrcNat]);
  });
}
