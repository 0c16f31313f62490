/**
 * Clashes and a full table through the whole gateway: after conntrack_clash.sh and
 * conntrack_reverse_clash.sh of the kernel's tests, as far as a gateway that takes packets one by one
 * can get into them, and after what Linux 6.18 was seen to do.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultEngineSettings, Outcome } from '../../src/engine/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';

const out = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 53 };

function statsOf(gateway: TestGateway) {
  const { drop, insertFailed, invalid, clashResolve } = gateway.engine.tracking.conntrack.stats;
  return { drop, insertFailed, invalid, clashResolve };
}

const none = { drop: 0, insertFailed: 0, invalid: 0, clashResolve: 0 };

describe('datagrams of one socket that come at once (conntrack_clash.sh)', () => {
  test('balanced over several servers, they all go where the first one went', () => {
    const gateway = makeGateway({
      rules: `*nat
-A PREROUTING -p udp --dport 22111 -m statistic --mode nth --every 3 --packet 0 -j DNAT --to-destination 198.51.100.1:9000
-A PREROUTING -p udp --dport 22111 -m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 198.51.100.1:9001
-A PREROUTING -p udp --dport 22111 -j DNAT --to-destination 198.51.100.1:9002
COMMIT
`,
    });
    const burst = { ...out, dst: '192.168.1.1', dport: 22111 };
    const ports = new Set<number>();
    for (let n = 0; n < 32; n++) {
      const left = gateway.inject('lan', buildUdp({ ...burst, payload: String(n) }));
      assert.equal(left.outcome, Outcome.Forward);
      ports.add(left.seen!.dport);
    }
    assert.equal(ports.size, 1);
    assert.equal(gateway.connections, 1);
    assert.deepEqual(statsOf(gateway), none);
  });
});

describe('datagrams of two hosts that cross (conntrack_reverse_clash.sh)', () => {
  // A rule that never matches is enough for every connection to be asked about.
  const rules = `*nat
-A POSTROUTING -o nomatch -j MASQUERADE
COMMIT
`;
  test('keep their ports, and are one connection', () => {
    const gateway = makeGateway({ rules });
    const { conntrack } = gateway.engine.tracking;
    const [one, two] = [
      { src: '192.168.1.11', dst: '198.51.100.12', sport: 56789, dport: 56790 },
      { src: '198.51.100.12', dst: '192.168.1.11', sport: 56790, dport: 56789 },
    ];
    for (let n = 0; n < 60; n++) {
      // Either of them may be the first after the table was emptied.
      if (n % 3 === 0) conntrack.flush();
      const crossing = n % 2 === 0 ? ([one, two] as const) : ([two, one] as const);
      for (const ends of crossing) {
        const left = gateway.inject(ends === one ? 'lan' : 'wan', buildUdp(ends));
        assert.deepEqual([left.seen?.sport, left.seen?.dport], [ends.sport, ends.dport]);
      }
      assert.equal(gateway.connections, 1);
    }
    assert.deepEqual(statsOf(gateway), none);
  });
});

describe('two connections that would be answered under one tuple', () => {
  for (const [protocol, build] of [
    ['udp', buildUdp],
    ['tcp', (ends: typeof out) => buildTcp({ ...ends, flags: 'S' })],
  ] as const) {
    test(`${protocol}: the later one is dropped, and counted as dropped and not inserted`, () => {
      const gateway = makeGateway({
        rules: `*nat
-A POSTROUTING -o wan -p ${protocol} -j SNAT --to-source 203.0.113.1:6000
COMMIT
`,
      });
      assert.equal(gateway.inject('lan', build(out)).seen?.sport, 6000);
      const later = gateway.inject('lan', build({ ...out, sport: 5001 }));
      assert.equal(later.outcome, Outcome.Drop);
      assert.deepEqual(statsOf(gateway), { ...none, drop: 1, insertFailed: 1 });
      assert.equal(gateway.connections, 1);
      assert.equal(gateway.inject('lan', build(out)).seen?.sport, 6000, 'the first one goes on');
    });
  }
});

describe('the log of a full table', () => {
  function full() {
    const { conntrack } = defaultEngineSettings();
    const settings = { conntrack: { ...conntrack, maximum: 1 } };
    const gateway = makeGateway({ settings });
    new TcpSession(gateway, { server: { port: 80 } }).connect();
    return gateway;
  }

  const logged = (gateway: TestGateway) =>
    gateway.events.filter((event) => event.kind === 'logged').map((event) => event.text);

  test("has the kernel's words, ten times in five seconds", () => {
    const gateway = full();
    for (let n = 0; n < 30; n++) {
      assert.equal(gateway.inject('lan', buildUdp(out)).reason, 'conntrack-table-full');
    }
    const line = 'nf_conntrack: nf_conntrack: table full, dropping packet';
    assert.deepEqual(logged(gateway), new Array(10).fill(line));
    gateway.now(10);
    gateway.inject('lan', buildUdp(out));
    assert.deepEqual(logged(gateway).slice(10), ['net_ratelimit: 20 callbacks suppressed', line]);
  });

  test('a larger maximum lets the next one in', () => {
    const gateway = full();
    assert.equal(gateway.inject('lan', buildUdp(out)).outcome, Outcome.Drop);
    gateway.engine.tracking.conntrack.setMaximum(2);
    assert.equal(gateway.inject('lan', buildUdp(out)).outcome, Outcome.Forward);
  });
});
