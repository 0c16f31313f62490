import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { LinkType } from '../../src/wire/index.ts';
import { bytesPerRound } from '../support/allocation.ts';
import { type Left, makeGateway, type TestGateway } from '../support/gateway.ts';
import {
  type ErrorOptions,
  errorAbout,
  errorTypes,
  places,
  quotedBy,
} from '../support/icmp-errors.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp } from '../support/packets.ts';
import type { SeenPacket } from '../support/seen.ts';
import { TcpSession } from '../support/tcp-session.ts';

const raw = { link: 'raw' } as const;

/** Only what belongs to something known passes, as in most rule sets. */
const stateful = (icmp: string) => `*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p ${icmp} -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
COMMIT
`;
const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

function gatewayFor(family: 4 | 6, rules: string): TestGateway {
  return makeGateway(family === 4 ? { rules } : { rules6: rules });
}

/** What left, and nothing was dropped. */
function passed(left: Left): SeenPacket {
  assert.equal(left.reason, '');
  assert.ok(left.seen);
  return left.seen;
}

function ends(packet: SeenPacket): string {
  return `${packet.src} > ${packet.dst}`;
}

for (const family of [4, 6] as const) {
  const h = places[family];
  const icmp = family === 4 ? 'icmp' : 'ipv6-icmp';
  const query = family === 4 ? buildIcmp : buildIcmpv6;
  const [ask, tell] = family === 4 ? [8, 0] : [128, 129];
  const endpoint = (address: string, port: number) =>
    family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
  const question = { src: h.client, dst: h.server, sport: 5000, dport: 53, payload: 'question' };
  const publish = (target: string) =>
    `*nat\n-A PREROUTING -i wan -p udp -d ${h.gateway} --dport 53 -j ${target}\nCOMMIT\n`;
  const published = publish(`DNAT --to-destination ${endpoint(h.client, 5353)}`);
  const asked = { src: h.server, dst: h.gateway, sport: 5000, dport: 53, payload: 'question' };

  describe(`ICMP errors through the gateway, IPv${family}`, () => {
    for (const [type, code] of errorTypes[family]) {
      test(`type ${type} code ${code} reaches the masqueraded client`, () => {
        const gateway = gatewayFor(family, masquerade + stateful(icmp));
        const sent = passed(gateway.inject('lan', buildUdp(question)));
        const error = errorAbout(sent.datagram, { src: h.router, type, code, rest: 0x0578 });
        const left = gateway.inject('wan', error);
        const got = passed(left);
        assert.equal(left.interfaceName, 'lan');
        assert.equal(ends(got), `${h.router} > ${h.client}`);
        assert.deepEqual([got.icmpType, got.icmpCode], [type, code]);
        const own = buildUdp({ ...question, ...raw, ttl: 63 });
        assert.deepEqual([...quotedBy(got).datagram], [...own]);
        assert.equal(gateway.connections, 1);
        assert.equal(gateway.count('filter', 'FORWARD', 1, family), 1);
      });
    }

    test('from a router inside, about an answer: it leaves as the gateway', () => {
      const gateway = gatewayFor(family, masquerade + stateful(icmp));
      gateway.inject('lan', buildUdp(question));
      const answer = { src: h.server, dst: h.gateway, sport: 53, dport: 5000, payload: 'answer' };
      const arrived = passed(gateway.inject('wan', buildUdp(answer)));
      const got = passed(
        gateway.inject('lan', errorAbout(arrived.datagram, { src: h.insideRouter })),
      );
      assert.equal(ends(got), `${h.gateway} > ${h.server}`);
      assert.deepEqual([...quotedBy(got).datagram], [...buildUdp({ ...answer, ...raw, ttl: 63 })]);
    });

    test('about a published service, both ways', () => {
      const gateway = gatewayFor(family, published + stateful(icmp));
      const arrived = passed(gateway.inject('wan', buildUdp(asked)));
      assert.equal(arrived.dst, h.client);
      const fromInside = errorAbout(arrived.datagram, { src: h.insideRouter });
      const got = passed(gateway.inject('lan', fromInside));
      assert.equal(ends(got), `${h.gateway} > ${h.server}`);
      assert.deepEqual([...quotedBy(got).datagram], [...buildUdp({ ...asked, ...raw, ttl: 63 })]);
      const answer = { src: h.client, dst: h.server, sport: 5353, dport: 5000, payload: 'answer' };
      const out = passed(gateway.inject('lan', buildUdp(answer)));
      const back = passed(gateway.inject('wan', errorAbout(out.datagram, { src: h.router })));
      assert.equal(ends(back), `${h.router} > ${h.client}`);
      assert.deepEqual([...quotedBy(back).datagram], [...buildUdp({ ...answer, ...raw, ttl: 63 })]);
    });

    test('two clients ping with one id: each gets its own errors', () => {
      const gateway = gatewayFor(family, masquerade + stateful(icmp));
      for (const src of [h.client, h.second]) {
        const ping = { src, dst: h.server, type: ask, id16: 7, seq16: 1, payload: 'x'.repeat(64) };
        const sent = passed(gateway.inject('lan', query(ping)));
        const got = passed(gateway.inject('wan', errorAbout(sent.datagram, { src: h.router })));
        assert.equal(got.dst, src);
        const quoted = quotedBy(got);
        assert.deepEqual([quoted.src, quoted.sport], [src, 7]);
      }
    });

    test('what rules see: state, direction, type, marks and no new counts', () => {
      const name = family === 4 ? '--icmp-type 3/4' : '--icmpv6-type 2';
      const [type, code] = family === 4 ? [3, 4] : [2, 0];
      const match = `-p ${icmp} -m ${family === 4 ? 'icmp' : 'icmp6'} ${name} -m conntrack`;
      const rules = `*mangle
-A PREROUTING -p udp -j CONNMARK --set-mark 0x2a
-A FORWARD ${match} --ctstate RELATED --ctdir REPLY -j ACCEPT
-A FORWARD ${match} --ctstate RELATED --ctdir ORIGINAL -j ACCEPT
-A FORWARD ${match} --ctstate NEW,INVALID,ESTABLISHED -j ACCEPT
-A POSTROUTING -p ${icmp} -m connmark --mark 0x2a -m conntrack --ctstate SNAT -j ACCEPT
COMMIT
`;
      const gateway = gatewayFor(family, masquerade + rules);
      const sent = passed(gateway.inject('lan', buildUdp(question)));
      const { table } = gateway.engine.tracking.conntrack;
      const before = [table.packets(0, 0), table.packets(0, 1)];
      passed(gateway.inject('wan', errorAbout(sent.datagram, { src: h.router, type, code })));
      const counts = [1, 2, 3].map((n) => gateway.count('mangle', 'FORWARD', n, family));
      assert.deepEqual(counts, [1, 0, 0]);
      assert.equal(gateway.count('mangle', 'POSTROUTING', 1, family), 1);
      assert.deepEqual([table.packets(0, 0), table.packets(0, 1)], before);
    });

    test('about no connection, misdirected or unreadable: INVALID, and rules drop it', () => {
      const gateway = gatewayFor(family, masquerade + stateful(icmp));
      const sent = passed(gateway.inject('lan', buildUdp(question)));
      const headerLen = family === 4 ? 20 : 40;
      const cases: ErrorOptions[] = [
        { dst: h.second },
        { quotedLen: headerLen + 3, dst: h.client },
        { badChecksum: true, dst: h.client },
      ];
      for (const options of cases) {
        const left = gateway.inject(
          'wan',
          errorAbout(sent.datagram, { src: h.router, ...options }),
        );
        assert.equal(left.reason, 'rule-drop');
      }
      const other = buildUdp({ ...question, ...raw, dport: 54 });
      assert.equal(gateway.inject('wan', errorAbout(other)).reason, 'rule-drop');
      assert.equal(gateway.count('filter', 'FORWARD', 2, family), 4);
    });

    test('about datagrams that are not tracked', () => {
      const notrack = '*raw\n-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n';
      const gateway = gatewayFor(family, notrack + stateful(icmp));
      const sent = passed(gateway.inject('lan', buildUdp(question)));
      assert.equal(gateway.inject('wan', errorAbout(sent.datagram)).reason, 'rule-drop');
    });

    test('a quote too short to be translated is dropped, whatever rules say', () => {
      const gateway = gatewayFor(family, masquerade);
      const sent = passed(gateway.inject('lan', buildUdp(question)));
      const quotedLen = (family === 4 ? 20 : 40) + 7;
      const left = gateway.inject('wan', errorAbout(sent.datagram, { quotedLen }));
      assert.equal(left.reason, 'icmp-error-under-nat');
      const plain = gatewayFor(family, '');
      plain.inject('lan', buildUdp(question));
      passed(plain.inject('wan', errorAbout(buildUdp({ ...question, ...raw }), { quotedLen })));
    });

    test('to the gateway itself, about a connection redirected to it', () => {
      const gateway = gatewayFor(family, publish('REDIRECT --to-ports 5353'));
      assert.equal(gateway.inject('wan', buildUdp(asked)).outcome, Outcome.Deliver);
      const answer = buildUdp({ src: h.gateway, dst: h.server, sport: 5353, dport: 5000 });
      const arrived = passed(gateway.output('wan', answer));
      assert.equal(arrived.sport, 53);
      const left = gateway.inject('wan', errorAbout(arrived.datagram));
      assert.equal(left.outcome, Outcome.Deliver);
      assert.equal(quotedBy(left.seen!).sport, 5353);
    });

    test('made by this host: translated on the way out', () => {
      const gateway = gatewayFor(family, publish('REDIRECT --to-ports 5353'));
      const delivered = passed(gateway.inject('wan', buildUdp(asked)));
      assert.equal(delivered.dport, 5353);
      const got = passed(gateway.output('wan', errorAbout(delivered.datagram)));
      assert.equal(ends(got), `${h.gateway} > ${h.server}`);
      assert.equal(quotedBy(got).dport, 53);
    });
  });

  // What tools/testing/selftests/net/netfilter/conntrack_icmp_related.sh of the kernel shows.
  describe(`the related errors of the kernel's own test, IPv${family}`, () => {
    const [tooBig, bigCode] = family === 4 ? [3, 4] : [2, 0];
    const counting = `*filter
-A FORWARD -p ${icmp} -m conntrack --ctstate INVALID
-A FORWARD -p ${icmp} -m conntrack --ctstate NEW
-A FORWARD -p ${icmp} -m conntrack --ctstate ESTABLISHED
-A FORWARD -p ${icmp} -m conntrack --ctstate RELATED
COMMIT
`;
    const counts = (gateway: TestGateway) =>
      [1, 2, 3, 4].map((n) => gateway.count('filter', 'FORWARD', n, family));

    for (const [name, rules, seenAs] of [
      ['routed', '', h.client],
      ['masqueraded', masquerade, h.gateway],
    ] as const) {
      test(`a ping over a narrow link behind the next router, ${name}`, () => {
        const gateway = gatewayFor(family, rules + counting);
        const ping = (payload: string) => ({
          src: h.client,
          dst: h.server,
          type: ask,
          id16: 9,
          seq16: 1,
          payload,
        });
        const small = passed(gateway.inject('lan', query(ping('small'))));
        const echo = { ...ping('small'), src: h.server, dst: seenAs, type: tell };
        assert.equal(passed(gateway.inject('wan', query(echo))).dst, h.client);
        assert.equal(small.src, seenAs);
        const big = passed(gateway.inject('lan', query(ping('x'.repeat(1300)))));
        const error = { src: h.router, type: tooBig, code: bigCode, rest: 1280, quotedLen: 552 };
        const got = passed(gateway.inject('wan', errorAbout(big.datagram, error)));
        assert.equal(ends(got), `${h.router} > ${h.client}`);
        assert.deepEqual(counts(gateway), [0, 1, 2, 1]);
      });
    }

    test('a large UDP answer from inside, for which the way to the server is too narrow', () => {
      const gateway = gatewayFor(family, published + counting);
      passed(gateway.inject('wan', buildUdp(asked)));
      const answer = { src: h.client, dst: h.server, sport: 5353, dport: 5000 };
      const sent = passed(
        gateway.inject('lan', buildUdp({ ...answer, payload: 'x'.repeat(1330) })),
      );
      const error = { src: h.router, type: tooBig, code: bigCode, rest: 1280, quotedLen: 552 };
      const got = passed(gateway.inject('wan', errorAbout(sent.datagram, error)));
      assert.equal(ends(got), `${h.router} > ${h.client}`);
      assert.deepEqual(counts(gateway), [0, 0, 0, 1]);
    });
  });
}

describe('redirects, IPv4', () => {
  const { client, server, router } = places[4];
  const question = { src: client, dst: server, sport: 5000, dport: 53 };
  const redirect = { src: router, type: 5, code: 1, rest: 0x0a000001 };

  test('through a translation are dropped, without one they pass as RELATED', () => {
    const gateway = makeGateway({ rules: masquerade });
    const sent = passed(gateway.inject('lan', buildUdp(question)));
    const left = gateway.inject('wan', errorAbout(sent.datagram, redirect));
    assert.equal(left.reason, 'icmp-error-under-nat');
    for (const rules of ['*nat\nCOMMIT\n', '']) {
      const plain = makeGateway({ rules: rules + stateful('icmp') });
      const unchanged = passed(plain.inject('lan', buildUdp(question)));
      passed(plain.inject('wan', errorAbout(unchanged.datagram, redirect)));
    }
  });
});

describe('errors on the packet path', () => {
  test('translated errors allocate nothing', () => {
    const gateway = makeGateway({ rules: masquerade + stateful('icmp') });
    const question = { src: places[4].client, dst: places[4].server, sport: 5000, dport: 53 };
    const sent = passed(gateway.inject('lan', buildUdp(question)));
    const frame = errorAbout(sent.datagram, { src: places[4].router });
    const { engine, datapath } = gateway;
    const wan = datapath.interfaces.id('wan');
    let refused = 0;
    const perPacket = bytesPerRound(() => {
      datapath.packet.loadRange(frame, 0, frame.length, LinkType.Ethernet);
      if (engine.process(datapath.packet, wan) !== Outcome.Forward) refused++;
    });
    assert.equal(refused, 0);
    assert.ok(perPacket < 0.1, `${perPacket} bytes per packet`);
  });
});

describe('helpers and numbers', () => {
  test('an error about a control connection whose numbers are adjusted is left alone', () => {
    const gateway = makeGateway({ rules: masquerade });
    const ftp = new TcpSession(gateway, { server: { port: 21 } }).connect().greet();
    ftp.clientSays('PORT 192,168,1,10,200,10\r\n');
    assert.equal(ftp.server.received, 'PORT 203,0,113,1,200,10\r\n');
    ftp.serverSays('200 fine\r\n');
    const { client, server, gateway: outside } = places[4];
    const data = {
      src: server,
      dst: client,
      sport: 21,
      dport: 40_000,
      flags: 'PA',
      seq: 77,
      ack: 1,
    };
    const about = buildTcp({ ...data, ...raw, payload: 'late' });
    const got = passed(gateway.inject('lan', errorAbout(about, { rest: 0x0000_0578 })));
    assert.equal(ends(got), `${outside} > ${server}`);
    assert.deepEqual([...got.datagram.slice(24, 28)], [0, 0, 5, 0x78]);
    const quoted = quotedBy(got);
    assert.deepEqual([quoted.seq, quoted.ack, quoted.text], [77, 1, 'late']);
  });

  test('with checksums ignored, a damaged error still does not pass a translation', () => {
    const settings = { checksums: 'ignore' } as const;
    const gateway = makeGateway({ rules: masquerade, settings });
    const question = { src: places[4].client, dst: places[4].server, sport: 5000, dport: 53 };
    const sent = passed(gateway.inject('lan', buildUdp(question)));
    const error = errorAbout(sent.datagram, { badChecksum: true });
    assert.equal(gateway.inject('wan', error).reason, 'icmp-error-under-nat');
  });
});
