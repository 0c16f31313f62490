/**
 * After conntrack_tcp_unreplied.sh: a SYN that nobody answers makes an entry that has to run out in
 * spite of its retransmissions; only then a translation that was set up meanwhile takes effect.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TcpState } from '../../../src/conntrack/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import { buildTcp } from '../../support/packets.ts';
import { back, ctStateOf, entryOf, entryText, gatewayOf, places } from './play.ts';

const virtual = { 4: '198.51.100.199', 6: '2001:db8:99::99' } as const;

/** Counts the requests that were translated, of these the new ones, as they come in. */
const counting = `*filter
-A INPUT -m conntrack --ctstate NEW -m conntrack --ctstate DNAT -p tcp --dport 8080 -j ACCEPT
-A FORWARD -m conntrack --ctstate NEW -p tcp --dport 80 --syn -j ACCEPT
COMMIT
`;
const redirect = '*nat\n-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\n';
// A rule that never matches is enough for each new connection to be asked about.
const asked = '*nat\n-A PREROUTING -i nomatch -j RETURN\nCOMMIT\n';

for (const family of [4, 6] as const) {
  const at = places[family];
  const inside = family === 4 ? '192.168.1.1' : 'fd00:1::1';
  const ends = { src: at.client, dst: virtual[family], sport: 41_000, dport: 80 };

  for (const [name, before] of [
    ['no nat table before', ''],
    ['a nat table without a match before', asked],
  ] as const) {
    describe(`a SYN without an answer, IPv${family}, ${name}`, () => {
      function waiting() {
        const gateway = gatewayOf(before + counting);
        gateway.engine.tracking.conntrack.settings.timeouts.tcp[TcpState.SynSent] = 10;
        const syn = (seq = 500) => gateway.inject('lan', buildTcp({ ...ends, flags: 'S', seq }));
        const entry = () => entryText(entryOf(gateway, ends));
        return { gateway, syn, entry };
      }

      test('is redirected when the first attempt has run out, not before', () => {
        const { gateway, syn, entry } = waiting();
        // Retransmissions as a stack makes them: after one second, then after twice as long each.
        for (const [sec, left] of [
          [0, 'SYN_SENT 10 UNREPLIED'],
          [1, 'SYN_SENT 9 UNREPLIED'],
          [3, 'SYN_SENT 7 UNREPLIED'],
          [7, 'SYN_SENT 3 UNREPLIED'],
        ] as const) {
          gateway.now(sec);
          if (sec === 3) gateway.reload(counting + redirect, counting + redirect);
          assert.equal(syn().interfaceName, 'wan', `after ${sec} s`);
          assert.equal(ctStateOf(gateway), 'NEW');
          assert.equal(entry(), left);
        }
        assert.equal(gateway.count('filter', 'INPUT', 1, family), 0);
        gateway.now(15);
        assert.equal(entry(), 'gone');
        const left = syn();
        assert.equal(left.outcome, Outcome.Deliver);
        assert.deepEqual([left.seen?.dst, left.seen?.dport], [inside, 8080]);
        assert.equal(entry(), 'SYN_SENT 10 UNREPLIED');
        assert.equal(entryOf(gateway, ends)?.reply.sport, 8080);
        assert.equal(gateway.count('filter', 'INPUT', 1, family), 1);
        assert.deepEqual(
          gateway.events.map(({ kind }) => kind),
          ['new', 'destroy', 'new'],
        );
      });

      test('another attempt, from another port, is redirected at once', () => {
        const { gateway, syn } = waiting();
        syn();
        gateway.reload(counting + redirect, counting + redirect);
        const other = { ...ends, sport: ends.sport + 1 };
        const left = gateway.inject('lan', buildTcp({ ...other, flags: 'S', seq: 9 }));
        assert.deepEqual([left.seen?.dst, left.seen?.dport], [inside, 8080]);
        const answer = { ...back({ ...other, dst: inside, dport: 8080 }), flags: 'SA', ack: 10 };
        const answered = gateway.output('lan', buildTcp(answer));
        assert.deepEqual([answered.seen?.src, answered.seen?.sport], [ends.dst, 80]);
        assert.equal(entryText(entryOf(gateway, other)), 'SYN_RECV 60');
        assert.equal(entryText(entryOf(gateway, ends)), 'SYN_SENT 10 UNREPLIED');
      });
    });
  }
}
