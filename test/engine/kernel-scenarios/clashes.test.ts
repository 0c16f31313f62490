/**
 * After conntrack_clash.sh and conntrack_reverse_clash.sh, for both families. Datagrams that are on
 * their way at the same time on several processors do not exist here; what the tests want of the
 * outcome does.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { buildUdp } from '../../support/packets.ts';
import { back, ctStateOf, entryOf, entryText, gatewayOf, places } from './play.ts';

const BURST = 128;

for (const family of [4, 6] as const) {
  const at = places[family];
  const inside = family === 4 ? '192.168.1.1' : 'fd00:1::1';
  const to = (port: number) => (family === 4 ? `${at.server}:${port}` : `[${at.server}]:${port}`);

  describe(`datagrams of one socket at once, IPv${family} (conntrack_clash.sh)`, () => {
    test('are one connection to one of three servers, and all get their answers', () => {
      const pick = '-A PREROUTING -p udp --dport 22111 -m statistic --mode random --probability';
      const rules = `*nat
${pick} 0.33 -j DNAT --to-destination ${to(9000)}
${pick} 0.5 -j DNAT --to-destination ${to(9001)}
-A PREROUTING -p udp --dport 22111 -j DNAT --to-destination ${to(9002)}
COMMIT
`;
      const gateway = makeGateway(family === 4 ? { rules } : { rules6: rules });
      const line = { src: at.client, dst: inside, sport: 5353, dport: 22_111 };
      const sent = Array.from({ length: BURST }, (_, n) => {
        const left = gateway.inject('lan', buildUdp({ ...line, payload: `foo ${n}` }));
        assert.equal(left.outcome, Outcome.Forward);
        assert.equal(ctStateOf(gateway), 'NEW');
        assert.equal(left.seen?.dst, at.server);
        return left.seen.dport;
      });
      assert.equal(new Set(sent).size, 1);
      const server = { src: at.server, dst: at.client, sport: sent[0]!, dport: 5353 };
      for (let n = 0; n < BURST; n++) {
        const left = gateway.inject('wan', buildUdp({ ...server, payload: `foo ${n}` }));
        const { src, dst, sport, dport, text } = left.seen!;
        assert.deepEqual({ src, dst, sport, dport, text }, { ...back(line), text: `foo ${n}` });
      }
      assert.equal(gateway.connections, 1);
      const entry = entryOf(gateway, line, Proto.Udp)!;
      assert.deepEqual([entry.orig.packets, entry.reply.packets], [BURST, BURST]);
    });

    test('without translation too', () => {
      const gateway = gatewayOf('*filter\n-A FORWARD -m conntrack --ctstate NEW\nCOMMIT\n');
      const line = { src: at.client, dst: at.server, sport: 5353, dport: 9001 };
      for (let n = 0; n < BURST; n++) {
        assert.equal(gateway.inject('lan', buildUdp(line)).outcome, Outcome.Forward);
      }
      assert.equal(gateway.connections, 1);
      assert.equal(gateway.count('filter', 'FORWARD', 1, family), BURST);
      assert.equal(entryText(entryOf(gateway, line, Proto.Udp)), '30 UNREPLIED');
    });
  });

  test(`datagrams that cross keep their ports, IPv${family} (conntrack_reverse_clash.sh)`, () => {
    // Enough for every connection to be asked about.
    const gateway = gatewayOf('*nat\n-A POSTROUTING -o nomatch -j MASQUERADE\nCOMMIT\n');
    const line = { src: at.client, dst: at.server, sport: 56_789, dport: 56_790 };
    for (let n = 0; n < 12; n++) {
      gateway.engine.tracking.conntrack.flush();
      const [first, second] = n % 2 === 0 ? [line, back(line)] : [back(line), line];
      for (const each of [first, second, first, second]) {
        const left = gateway.inject(each === line ? 'lan' : 'wan', buildUdp(each));
        const { src, dst, sport, dport } = left.seen!;
        assert.deepEqual({ src, dst, sport, dport }, { ...each });
      }
      assert.equal(gateway.connections, 1);
      assert.equal(entryText(entryOf(gateway, first, Proto.Udp)), '30');
    }
  });
}
