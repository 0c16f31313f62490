/**
 * After nf_nat_edemux.sh: two connections of one client port to one service, of which only the
 * destination is translated, would be answered under the same tuple. The port of the later one is
 * changed, though no rule asks for it.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../../src/conntrack/index.ts';
import { Outcome } from '../../../src/engine/index.ts';
import type { Left, TestGateway } from '../../support/gateway.ts';
import { makeGateway } from '../../support/gateway.ts';
import { buildTcp } from '../../support/packets.ts';
import { back, entryOf, entryText, type Line, places } from './play.ts';

const virtual = { 4: '198.51.100.199', 6: '2001:db8:99::99' } as const;
const CLIENT_PORT = 10_000;

/** The three segments of an opening; `in` and `out` are how the frames of each end get in. */
function open(
  line: Line,
  client: (frame: Uint8Array) => Left,
  server: (frame: Uint8Array) => Left,
) {
  const syn = client(buildTcp({ ...line, flags: 'S', seq: 100 }));
  assert.ok(syn.seen, `the SYN: ${syn.reason}`);
  const { src, dst, sport, dport } = syn.seen;
  const arrived = { src, dst, sport, dport };
  const answer = server(buildTcp({ ...back(arrived), flags: 'SA', seq: 900, ack: 101 }));
  assert.ok(answer.seen, `the answer: ${answer.reason}`);
  assert.deepEqual(
    [answer.seen.src, answer.seen.sport, answer.seen.dst, answer.seen.dport],
    [line.dst, line.dport, line.src, line.sport],
  );
  client(buildTcp({ ...line, flags: 'A', seq: 101, ack: 901 }));
  return arrived;
}

/** Both stand, and of both it is said what was translated. */
function assertOpen(gateway: TestGateway, ...lines: (readonly [Line, number])[]): void {
  const translated = Status.SrcNat | Status.DstNat;
  for (const [line, status] of lines) {
    const entry = entryOf(gateway, line);
    assert.equal(entryText(entry), 'ESTABLISHED 432000 ASSURED');
    assert.equal(entry!.status & translated, status);
  }
  const { drop, insertFailed } = gateway.engine.tracking.conntrack.stats;
  assert.deepEqual({ drop, insertFailed }, { drop: 0, insertFailed: 0 });
}

for (const family of [4, 6] as const) {
  const at = places[family];
  const to = (port: number) => (family === 4 ? `${at.server}:${port}` : `[${at.server}]:${port}`);
  const dnat = (chain: string) =>
    `*nat\n-A ${chain} -d ${virtual[family]} -p tcp --dport 443 -j DNAT --to-destination ${to(5201)}\nCOMMIT\n`;
  const gatewayWith = (rules: string) => makeGateway(family === 4 ? { rules } : { rules6: rules });

  describe(`a source port that is taken, IPv${family}`, () => {
    test('by a connection of the same client to the same server, on its way through', () => {
      const gateway = gatewayWith(dnat('PREROUTING'));
      const direct = { src: at.client, dst: at.server, sport: CLIENT_PORT, dport: 5201 };
      const byName = { ...direct, dst: virtual[family], dport: 443 };
      const lan = (frame: Uint8Array) => gateway.inject('lan', frame);
      const wan = (frame: Uint8Array) => gateway.inject('wan', frame);
      assert.deepEqual(open(direct, lan, wan), direct);
      const arrived = open(byName, lan, wan);
      assert.deepEqual({ ...arrived, sport: 0 }, { ...direct, sport: 0 });
      assert.notEqual(arrived.sport, CLIENT_PORT);
      assertOpen(gateway, [direct, 0], [byName, Status.DstNat | Status.SrcNat]);
    });

    test('the same for connections of this host', () => {
      const gateway = gatewayWith(dnat('OUTPUT'));
      const direct = { src: at.outside, dst: at.server, sport: CLIENT_PORT, dport: 5201 };
      const byName = { ...direct, dst: virtual[family], dport: 443 };
      const host = (frame: Uint8Array) => gateway.output('wan', frame);
      const wan = (frame: Uint8Array) => gateway.inject('wan', frame);
      assert.deepEqual(open(direct, host, wan), direct);
      const arrived = open(byName, host, wan);
      assert.deepEqual({ ...arrived, sport: 0 }, { ...direct, sport: 0 });
      assert.notEqual(arrived.sport, CLIENT_PORT);
      assertOpen(gateway, [direct, 0], [byName, Status.DstNat | Status.SrcNat]);
    });

    test('by a connection that another port was redirected for', () => {
      const gateway = gatewayWith(`*nat
-A PREROUTING -p tcp --dport 5202 -j REDIRECT --to-ports 5201
-A PREROUTING -p tcp --dport 5203 -j REDIRECT --to-ports 5201
COMMIT
`);
      const first = { src: at.server, dst: at.outside, sport: CLIENT_PORT, dport: 5202 };
      const second = { ...first, dport: 5203 };
      const wan = (frame: Uint8Array) => gateway.inject('wan', frame);
      const host = (frame: Uint8Array) => gateway.output('wan', frame);
      assert.deepEqual(open(first, wan, host), { ...first, dport: 5201 });
      const arrived = open(second, wan, host);
      assert.deepEqual({ ...arrived, sport: 0 }, { ...first, dport: 5201, sport: 0 });
      assert.notEqual(arrived.sport, CLIENT_PORT);
      assertOpen(gateway, [first, Status.DstNat], [second, Status.DstNat | Status.SrcNat]);
    });

    test('a port that is not taken stays as it is', () => {
      const gateway = gatewayWith(dnat('PREROUTING'));
      const byName = { src: at.client, dst: virtual[family], sport: CLIENT_PORT, dport: 443 };
      const left = gateway.inject('lan', buildTcp({ ...byName, flags: 'S' }));
      assert.equal(left.outcome, Outcome.Forward);
      assert.equal(left.seen?.sport, CLIENT_PORT);
    });
  });
}
