/**
 * The other direction of a TCP connection is handed to the gate before a packet of it has come, on the
 * word of a rehearsal; here against offers that were made with a packet of its own.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DirectionCode } from '../../src/conntrack/index.ts';
import { equals, GateAction, KeyWord, RouteKind } from '../../src/engine/index.ts';
import { addressWords, type GatewayOptions } from '../support/gateway.ts';
import { type Gated, makeGated } from './gate-support.ts';
import {
  assertSameOffers,
  countersOf,
  type Ends,
  held,
  makeOneByOne,
  Talk,
  twins,
} from './gate-twins.ts';

const there: Ends = {
  inIf: 'lan',
  src: '192.168.1.10',
  dst: '198.51.100.9',
  sport: 4000,
  dport: 80,
};
const there6: Ends = { ...there, src: 'fd00:1::10', dst: '2001:db8:9::9' };

const counting = (...lines: string[]) =>
  `*filter\n:FORWARD DROP [0:0]\n${lines.map((l) => `-A FORWARD ${l}`).join('\n')}\nCOMMIT\n`;
const established = counting(
  '-i lan -o wan -j ACCEPT',
  '-i wan -o lan -m conntrack --ctstate ESTABLISHED --ctdir REPLY',
  '-i wan -m conntrack --ctstate DNAT,SNAT -j ACCEPT',
  '-j ACCEPT',
);

describe('a direction that was offered unseen, as with a packet of its own', () => {
  const cases: Record<string, [GatewayOptions, Ends]> = {
    'no rules': [{}, there],
    'rules that tell the ways apart': [{ rules: established }, there],
    IPv6: [{ rules6: established }, there6],
    MASQUERADE: [
      { rules: `*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n${established}` },
      there,
    ],
    'DNAT, and a connection from outside': [
      {
        rules: `*nat\n-A PREROUTING -i wan -p tcp --dport 80 -j DNAT --to-destination 192.168.1.10:8080\nCOMMIT\n${established}`,
      },
      { inIf: 'wan', src: '198.51.100.9', dst: '203.0.113.1', sport: 4000, dport: 80 },
    ],
    'DNAT and SNAT of IPv6': [
      {
        rules6: `*nat\n-A PREROUTING -i wan -p tcp -j DNAT --to-destination [fd00:1::10]:8080\n-A POSTROUTING -o lan -j SNAT --to-source fd00:1::1\nCOMMIT\n${established}`,
      },
      { inIf: 'wan', src: '2001:db8:9::9', dst: '2001:db8:1::1', sport: 4000, dport: 80 },
    ],
    'marks of the connection, in all tables': [
      {
        rules:
          '*raw\n-A PREROUTING -i wan\nCOMMIT\n' +
          '*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n-A PREROUTING -m mark --mark 0 -j MARK --set-mark 5\n' +
          '-A POSTROUTING -j CONNMARK --save-mark\n-A POSTROUTING -o lan -m mark --mark 5\nCOMMIT\n' +
          '*security\n-A FORWARD -m connmark --mark 5\nCOMMIT\n',
      },
      there,
    ],
  };
  for (const [name, [options, ends]] of Object.entries(cases)) {
    for (const first of [0, 1] as const) {
      test(`${name}, direction ${first} first`, () => {
        const [quick, slow] = twins(options, ends, first);
        assert.equal(quick.gate.actions(0), 'forward forward');
        assert.equal(slow.gate.actions(0), 'forward forward');
        assert.equal(quick.gate.offers.length, 2, 'with one packet');
        assertSameOffers(quick, slow);
      });
    }
  }

  test('policy routing by a mark, which one direction alone is given', () => {
    const rules = `*mangle\n-A PREROUTING -i wan -j MARK --set-mark 9\nCOMMIT\n${established}`;
    const gates = [makeGated({ rules }), makeOneByOne({ rules })] as const;
    for (const gated of gates) {
      const { interfaces, routes } = gated.gateway.datapath;
      const via = addressWords('192.168.1.77');
      const all = { family: 4, prefix: [0], prefixLength: 0, kind: RouteKind.Forward } as const;
      routes.addRoute({ ...all, outIf: interfaces.id('lan'), via, table: 100 });
      routes.setRules(4, [
        { priority: 0, conditions: [], action: { table: 255 } },
        { priority: 9, conditions: [equals(KeyWord.Mark, 9)], action: { table: 100 } },
        { priority: 32_766, conditions: [], action: { table: 254 } },
      ]);
      const talk = new Talk(gated, there);
      assert.ok(talk.open());
      talk.goOn(0);
    }
    const [quick, slow] = gates;
    assert.equal(held(quick, 1)!.hop0, addressWords('192.168.1.77')[0]);
    assert.equal(quick.gate.offers.length, 2);
    assertSameOffers(quick, slow);
  });
});

describe('a direction is not offered unseen', () => {
  const rulesThen: Record<string, string> = {
    'whose packets are in a zone': '*raw\n-A PREROUTING -i wan -j CT --zone 3\nCOMMIT\n',
    'whose packets are in a zone of one direction':
      '*raw\n-A PREROUTING -i wan -j CT --zone-reply 3\nCOMMIT\n',
    'whose packets are not tracked': '*raw\n-A PREROUTING -i wan -j CT --notrack\nCOMMIT\n',
    'that FORWARD drops': counting('-i lan -j ACCEPT'),
    'that FORWARD rejects': counting('-i wan -j REJECT', '-j ACCEPT'),
    'that POSTROUTING drops': '*mangle\n-A POSTROUTING -o lan -j DROP\nCOMMIT\n',
    'that is logged': '*mangle\n-A PREROUTING -i wan -j LOG\nCOMMIT\n',
    'that is limited': counting('-i wan -m limit --limit 1/s -j ACCEPT', '-i lan -j ACCEPT'),
    'that is traced': '*raw\n-A PREROUTING -i wan -j TRACE\nCOMMIT\n',
    'that would give the connection a mark':
      '*mangle\n-A FORWARD -i wan -j CONNMARK --set-mark 1\nCOMMIT\n',
  };
  for (const [name, rules] of Object.entries(rulesThen)) {
    test(name, () => {
      const gated = makeGated();
      const { gate, gateway } = gated;
      const talk = new Talk(gated, there);
      assert.ok(talk.open());
      talk.acks(1, 4);
      gateway.reload(rules);
      const events = gateway.events.length;
      const { count } = gateway.engine.tracking.conntrack.table;
      const before = { ...gateway.engine.counters };
      assert.ok(talk.acks(0, 5));
      assert.equal(gate.actions(0), 'forward -');
      assert.equal(gateway.events.length, events);
      assert.equal(gateway.datapath.sent.length, 0);
      assert.equal(gateway.engine.tracking.conntrack.table.count, count);
      const { counters } = gateway.engine;
      const counted = { packets: before.packets + 5, forwarded: before.forwarded + 5 };
      assert.deepEqual({ ...counters }, { ...before, ...counted });
      const of = [...countersOf(gated)].filter(
        ([place]) => !/ (FORWARD|POSTROUTING|PREROUTING|INPUT|OUTPUT) 0$/.test(place),
      );
      const fromLan = rules.includes('-i lan') || rules.includes('-j ACCEPT') ? 1 : 0;
      assert.equal(of.length, fromLan, of.join());
    });
  }

  test('that is routed nowhere', () => {
    const gated = makeGated();
    const talk = new Talk(gated, there);
    assert.ok(talk.open());
    talk.acks(1, 4);
    const prefix = addressWords('192.168.1.10');
    const kind = RouteKind.Blackhole;
    gated.gateway.datapath.routes.addRoute({ family: 4, prefix, prefixLength: 32, kind });
    gated.gateway.engine.reconsiderFlows();
    assert.ok(talk.acks(0, 1));
    assert.equal(gated.gate.actions(0), 'forward -');
  });
});

describe('replies that come in elsewhere than the requests leave', () => {
  const interfaces = {
    lan: '192.168.1.1/24',
    wan: '203.0.113.1/24',
    wan2: '203.0.114.1/24',
  };

  /** What comes in as a gate has been told passes there; the engine sees the rest. */
  function send(talk: Talk, direction: DirectionCode, count: number): void {
    const { gate, gateway } = talk.gated;
    const inIf = gateway.datapath.interfaces.id(direction === 0 ? 'lan' : 'wan2');
    for (let n = 0; n < count; n++) {
      if (held(talk.gated, direction)?.inIf === inIf) gate.pass(0, direction, 1, 40);
      else assert.ok(talk.acks(direction, 1));
    }
  }

  /** Replies as they are sent in turn with requests: so many of each in a round. */
  function rounds(gated: Gated, requests: number, replies: number): string[] {
    const { clock } = gated.gateway;
    const talk = new Talk(gated, there, 'wan2');
    assert.ok(talk.open());
    const seconds: string[] = [];
    for (let sec = 0; sec < 20; sec++) {
      clock.set(clock.sec + 1, 0);
      for (let n = 0; n < 5; n++) {
        send(talk, 0, requests);
        send(talk, 1, replies);
      }
      const back = held(gated, 1);
      const name = back === null ? '-' : gated.gateway.datapath.interfaces.name(back.inIf);
      const withdrawals = gated.gate.calls.filter((call) => call.startsWith('withdraw')).length;
      seconds.push(`${name}/${withdrawals}`);
    }
    return seconds;
  }

  for (const [requests, replies] of [
    [1, 1],
    [1, 2],
    [2, 1],
    [1, 3],
    [3, 2],
    [2, 2],
    [5, 2],
  ] as const) {
    test(`are taken back, and offered as they come: ${requests} to ${replies}`, () => {
      const gated = makeGated({ interfaces });
      const seconds = rounds(gated, requests, replies);
      assert.match(seconds.at(-1)!, /^wan2\/[01]$/, `it does not flap: ${seconds.join(' ')}`);
      assert.equal(held(gated, 0)!.action, GateAction.Forward);
      assert.equal(held(gated, 1)!.action, GateAction.Forward);
    });
  }
});
