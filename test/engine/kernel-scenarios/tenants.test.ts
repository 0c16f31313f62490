/**
 * After nft_nat_zones.sh: clients with one and the same address behind interfaces of their own, each in
 * a zone that holds for its direction only, masqueraded to one address.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../../src/engine/index.ts';
import { Proto } from '../../../src/wire/index.ts';
import { makeGateway, type TestGateway } from '../../support/gateway.ts';
import { buildIcmp, buildIcmpv6, buildTcp } from '../../support/packets.ts';
import { back, entryOf, entryText } from './play.ts';

const CLIENTS = 40;
const clients = Array.from({ length: CLIENTS }, (_, n) => ({ name: `cl${n + 1}`, number: n + 1 }));
const hosts = {
  4: { client: '10.1.0.3', server: '10.3.0.99', outside: '10.3.0.1' },
  6: { client: 'fd01::3', server: 'fd03::99', outside: 'fd03::1' },
} as const;

/** A zone and a mark for each interface; the mark comes back with the answers. */
const rules = [
  '*raw',
  ...clients.map(({ name, number }) => `-A PREROUTING -i ${name} -j CT --zone-orig ${number}`),
  'COMMIT',
  '*mangle',
  ...clients.map(({ name, number }) => `-A PREROUTING -i ${name} -j MARK --set-mark ${number}`),
  '-A PREROUTING -m conntrack --ctdir REPLY -j CONNMARK --restore-mark',
  '-A FORWARD -o srv -j CONNMARK --save-mark',
  ...clients.map(
    ({ number }) => `-A POSTROUTING -m mark --mark ${number} -m conntrack --ctdir REPLY`,
  ),
  'COMMIT',
  '*nat',
  '-A POSTROUTING -o srv -j MASQUERADE',
  'COMMIT',
  '',
].join('\n');

function tenantsGateway(): TestGateway {
  const interfaces = {
    ...Object.fromEntries(clients.map(({ name }) => [name, ['10.1.0.2/24', 'fd01::2/64']])),
    srv: ['10.3.0.1/24', 'fd03::1/64'],
  };
  return makeGateway({ rules, rules6: rules, interfaces, defaultOut: '' });
}

for (const family of [4, 6] as const) {
  const { client, server, outside } = hosts[family];
  const echo = family === 4 ? buildIcmp : buildIcmpv6;
  const [request, answer] = family === 4 ? [8, 0] : [128, 129];

  describe(`${CLIENTS} clients with the same address, IPv${family}`, () => {
    /** Answers that carried this client's mark. */
    const answersFor = (gateway: TestGateway, number: number) =>
      gateway.count('mangle', 'POSTROUTING', number, family);
    const assertNoLoss = (gateway: TestGateway) => {
      const { drop, insertFailed } = gateway.engine.tracking.conntrack.stats;
      assert.deepEqual({ drop, insertFailed }, { drop: 0, insertFailed: 0 });
      assert.equal(gateway.connections, CLIENTS);
    };

    test('each gets the answers to its own echo requests, though all have one id', () => {
      const gateway = tenantsGateway();
      const ids = new Set<number>();
      for (let seq16 = 1; seq16 <= 3; seq16++) {
        for (const { name, number } of clients) {
          const about = `client ${number}, echo ${seq16}`;
          const asked = echo({ src: client, dst: server, type: request, id16: 77, seq16 });
          const left = gateway.inject(name, asked);
          assert.equal(left.seen?.src, outside, about);
          const id16 = left.seen.sport;
          ids.add(id16);
          const answered = echo({ src: server, dst: outside, type: answer, id16, seq16 });
          const returned = gateway.inject('srv', answered);
          assert.equal(returned.outcome, Outcome.Forward, about);
          assert.deepEqual([returned.seen?.dst, returned.seen?.sport], [client, 77], about);
          assert.equal(answersFor(gateway, number), seq16, about);
        }
      }
      assert.equal(ids.size, CLIENTS);
      assert.ok(ids.has(77), 'the first one keeps its id');
      assertNoLoss(gateway);
    });

    test('each opens a connection from the same port', () => {
      const gateway = tenantsGateway();
      const inside = { src: client, dst: server, sport: 10_000, dport: 5201 };
      const ports: number[] = [];
      const inTurn = (send: (name: string, index: number) => void) => {
        for (const { name, number } of clients) send(name, number - 1);
      };
      inTurn((name) => {
        const left = gateway.inject(name, buildTcp({ ...inside, flags: 'S', seq: 10 }));
        assert.equal(left.seen?.src, outside);
        ports.push(left.seen.sport);
      });
      assert.equal(new Set(ports).size, CLIENTS);
      assert.equal(ports[0], 10_000);
      inTurn((_, index) => {
        const line = back({ ...inside, src: outside, sport: ports[index]! });
        const frame = buildTcp({ ...line, flags: 'SA', seq: 70, ack: 11 });
        const left = gateway.inject('srv', frame);
        assert.deepEqual([left.seen?.dst, left.seen?.dport], [client, 10_000]);
        assert.equal(answersFor(gateway, index + 1), 1);
      });
      inTurn((name, index) => {
        const left = gateway.inject(name, buildTcp({ ...inside, flags: 'A', seq: 11, ack: 71 }));
        assert.equal(left.seen?.sport, ports[index], 'the acknowledgement goes the way of the SYN');
        const entry = entryOf(gateway, inside, Proto.Tcp, index + 1);
        assert.equal(entryText(entry), 'ESTABLISHED 432000 ASSURED');
        const { zone, origZone, replyZone, mark, reply } = entry!;
        assert.deepEqual(
          { zone, origZone, replyZone },
          { zone: 0, origZone: index + 1, replyZone: 0 },
        );
        assert.deepEqual([mark, reply.dport], [index + 1, ports[index]]);
      });
      assertNoLoss(gateway);
    });
  });
}
