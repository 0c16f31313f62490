import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { type Left, makeGateway } from '../support/gateway.ts';
import { buildIcmp, buildIcmpv6, buildTcp, buildUdp } from '../support/packets.ts';
import { TcpSession } from '../support/tcp-session.ts';

const client = '192.168.1.10';
const server = '198.51.100.9';
const gatewayOutside = '203.0.113.1';

function nat(...lines: string[]): string {
  return `*nat\n${lines.join('\n')}\nCOMMIT\n`;
}

/** `SRC:PORT>DST:PORT @interface` of what left. */
function path({ seen, interfaceName, reason }: Left): string {
  if (seen === null) return `dropped: ${reason}`;
  return `${seen.src}:${seen.sport}>${seen.dst}:${seen.dport} @${interfaceName}`;
}

describe('source NAT', () => {
  for (const [name, rule] of [
    ['SNAT', '-A POSTROUTING -o wan -j SNAT --to-source 203.0.113.1'],
    ['MASQUERADE', '-A POSTROUTING -o wan -j MASQUERADE'],
  ] as const) {
    test(`${name}: a TCP session from open to close, both ways`, () => {
      const gateway = makeGateway({ rules: nat(rule) });
      const session = new TcpSession(gateway, { server: { port: 80 } }).connect();
      assert.equal(session.server.peerAddress, gatewayOutside);
      session.clientSays('GET /\r\n');
      session.serverSays('200\r\n');
      session.close();
      assert.equal(session.server.received, 'GET /\r\n');
      assert.equal(session.client.received, '200\r\n');
      assert.deepEqual(gateway.eventTexts('new'), [`${client}:40000>${server}:80`]);
      assert.equal(gateway.count('nat', 'POSTROUTING', 1), 1, 'consulted once per connection');
      assert.equal(gateway.connections, 1);
      gateway.now(500);
      assert.equal(gateway.connections, 0);
      assert.equal(gateway.eventTexts('destroy').length, 1);
    });
  }

  test('the port of a connection whose time is over is free, swept or not', () => {
    const range = '-A POSTROUTING -o wan -p udp -j SNAT --to-source 203.0.113.1:7000-7001';
    const gateway = makeGateway({ rules: nat(range) });
    const from = (i: number) =>
      buildUdp({ src: `192.168.1.${i}`, dst: server, sport: 5000, dport: 53 });
    assert.deepEqual(
      [10, 11].map((i) => gateway.inject('lan', from(i)).seen?.sport).sort(),
      [7000, 7001],
    );
    assert.equal(gateway.inject('lan', from(12)).reason, 'nat-exhausted');
    // Past the 30 s of an unanswered datagram, without a sweep in between.
    gateway.clock.set(gateway.clock.sec + 31, 0);
    assert.equal(gateway.inject('lan', from(12)).outcome, Outcome.Forward);
  });

  test('two clients with one port: answers find their way back', () => {
    const gateway = makeGateway({ rules: nat('-A POSTROUTING -o wan -j MASQUERADE') });
    const ports = [10, 11].map((i) => {
      const left = gateway.inject(
        'lan',
        buildUdp({ src: `192.168.1.${i}`, dst: server, sport: 5000, dport: 53 }),
      );
      assert.equal(left.seen?.src, gatewayOutside);
      return left.seen.sport;
    });
    assert.notEqual(ports[0], ports[1]);
    ports.forEach((port, i) => {
      const answer = buildUdp({ src: server, dst: gatewayOutside, sport: 53, dport: port });
      assert.equal(
        path(gateway.inject('wan', answer)),
        `${server}:53>192.168.1.${10 + i}:5000 @lan`,
      );
    });
  });

  test('ICMP echo: id kept, and changed where it is taken', () => {
    const gateway = makeGateway({ rules: nat('-A POSTROUTING -o wan -j MASQUERADE') });
    const ids = [10, 11].map((i) => {
      const ping = buildIcmp({ src: `192.168.1.${i}`, dst: server, id16: 77, payload: 'x' });
      return gateway.inject('lan', ping).seen!.sport;
    });
    assert.equal(ids[0], 77);
    assert.notEqual(ids[1], 77);
    ids.forEach((id16, i) => {
      const pong = buildIcmp({ src: server, dst: gatewayOutside, type: 0, id16, payload: 'x' });
      const { seen } = gateway.inject('wan', pong);
      assert.deepEqual([seen?.dst, seen?.sport], [`192.168.1.${10 + i}`, 77]);
    });
  });

  test('IPv6: UDP and echo', () => {
    const rules6 = nat('-A POSTROUTING -o wan -j MASQUERADE');
    const gateway = makeGateway({ rules6 });
    const out = { src: 'fd00:1::10', dst: '2001:db8:9::9' };
    const there = gateway.inject('lan', buildUdp({ ...out, sport: 5000, dport: 53 }));
    assert.equal(path(there), '2001:db8:1::1:5000>2001:db8:9::9:53 @wan');
    const back = { src: '2001:db8:9::9', dst: '2001:db8:1::1' };
    const again = gateway.inject('wan', buildUdp({ ...back, sport: 53, dport: 5000 }));
    assert.equal(path(again), '2001:db8:9::9:53>fd00:1::10:5000 @lan');
    assert.equal(gateway.inject('lan', buildIcmpv6({ ...out, id16: 9 })).seen?.src, back.dst);
    const pong = gateway.inject('wan', buildIcmpv6({ ...back, type: 129, id16: 9 }));
    assert.deepEqual([pong.seen?.dst, pong.seen?.sport], [out.src, 9]);
  });

  test('MASQUERADE on an interface without an address drops, and says so', () => {
    const gateway = makeGateway({
      rules: nat('-A POSTROUTING -o ppp0 -j MASQUERADE'),
      defaultOut: 'ppp0',
    });
    const left = gateway.inject('lan', buildUdp({ src: client, dst: server, sport: 1, dport: 2 }));
    assert.equal(left.reason, 'no-address');
    assert.equal(gateway.connections, 0);
  });

  test('ACCEPT in the nat table: decided, without translation', () => {
    const gateway = makeGateway({
      rules: nat(`-A POSTROUTING -d ${server} -j ACCEPT`, '-A POSTROUTING -j MASQUERADE'),
    });
    const frame = buildUdp({ src: client, dst: server, sport: 1, dport: 2 });
    assert.equal(gateway.inject('lan', frame).seen?.src, client);
    assert.equal(gateway.inject('lan', frame).seen?.src, client);
    assert.equal(gateway.count('nat', 'POSTROUTING', 1), 1);
  });
});

describe('destination NAT', () => {
  const rules = nat(
    '-A PREROUTING -i wan -p tcp --dport 8080 -j DNAT --to-destination 192.168.1.20:80',
  );
  const inside = {
    client: { interfaceName: 'wan', address: server, port: 6000 },
    server: { interfaceName: 'lan', address: '192.168.1.20', port: 80 },
    target: { address: gatewayOutside, port: 8080 },
  };

  test('a TCP session to a forwarded port, both ways', () => {
    const gateway = makeGateway({ rules });
    const session = new TcpSession(gateway, inside).connect();
    assert.equal(session.server.peerAddress, server);
    session.clientSays('hello');
    session.serverSays('hello yourself');
    session.close();
    assert.equal(session.client.received, 'hello yourself');
    assert.equal(gateway.count('nat', 'PREROUTING', 1), 1);
  });

  test('rules behind it see the new destination, and the DNAT state', () => {
    const gateway = makeGateway({
      rules: `${rules}*filter
-A FORWARD -d 192.168.1.20 -p tcp --dport 80 -m conntrack --ctstate DNAT
-A FORWARD -d 203.0.113.1
COMMIT
`,
    });
    new TcpSession(gateway, inside).connect();
    assert.equal(gateway.count('filter', 'FORWARD', 1), 2);
    assert.equal(gateway.count('filter', 'FORWARD', 2), 0);
  });

  test('both at once: destination and source', () => {
    const gateway = makeGateway({
      rules: nat(
        '-A PREROUTING -i wan -p tcp --dport 8080 -j DNAT --to-destination 192.168.1.20:80',
        '-A POSTROUTING -o lan -p tcp -j SNAT --to-source 192.168.1.1:7000-7009',
      ),
    });
    const session = new TcpSession(gateway, inside).connect();
    assert.equal(session.server.peerAddress, '192.168.1.1');
    assert.ok(session.server.peerPort >= 7000 && session.server.peerPort <= 7009);
    session.clientSays('x');
    session.serverSays('y');
    session.close();
  });

  test('hairpin: an inside client reaches the inside server by the outside address', () => {
    const gateway = makeGateway({
      rules: nat(
        '-A PREROUTING -d 203.0.113.1 -p tcp --dport 8080 -j DNAT --to-destination 192.168.1.20:80',
        '-A POSTROUTING -s 192.168.1.0/24 -d 192.168.1.20 -p tcp -j MASQUERADE',
      ),
    });
    const session = new TcpSession(gateway, { ...inside, client: {} }).connect();
    assert.equal(session.server.peerAddress, '192.168.1.1');
    session.clientSays('x');
    session.serverSays('y');
    session.close();
    assert.equal(session.client.received, 'y');
  });

  test('ICMP with both sides translated keeps its id on the way back', () => {
    const gateway = makeGateway({
      rules: nat(
        '-A PREROUTING -i wan -p icmp -j DNAT --to-destination 192.168.1.20',
        '-A POSTROUTING -o lan -p icmp -j MASQUERADE',
      ),
    });
    for (let round = 0; round < 2; round++) {
      const ping = gateway.inject('wan', buildIcmp({ src: server, dst: gatewayOutside, id16: 5 }));
      assert.equal(path(ping), '192.168.1.1:5>192.168.1.20:2048 @lan');
      const pong = buildIcmp({ src: '192.168.1.20', dst: '192.168.1.1', type: 0, id16: 5 });
      assert.equal(path(gateway.inject('lan', pong)), `${gatewayOutside}:5>${server}:0 @wan`);
    }
  });

  test('REDIRECT: to the address of the way in that is nearest to the sender', () => {
    const gateway = makeGateway({
      rules: nat('-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 3128'),
      interfaces: { lan: ['10.9.0.1/24', '192.168.1.1/24'], wan: '203.0.113.1/24' },
    });
    const frame = buildTcp({ src: client, dst: server, sport: 9, dport: 80, flags: 'S' });
    const left = gateway.inject('lan', frame);
    assert.equal(left.outcome, Outcome.Deliver);
    assert.equal(path(left), '192.168.1.10:9>192.168.1.1:3128 @');
    const answer = buildTcp({
      src: '192.168.1.1',
      dst: client,
      sport: 3128,
      dport: 9,
      flags: 'SA',
    });
    assert.equal(path(gateway.output('lan', answer)), `${server}:80>${client}:9 @lan`);
  });

  test('REDIRECT of the gateway’s own packets leads to loopback', () => {
    const gateway = makeGateway({
      rules: nat('-A OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 3128'),
    });
    const frame = buildTcp({ src: gatewayOutside, dst: server, sport: 9, dport: 80, flags: 'S' });
    assert.match(path(gateway.output('wan', frame)), />127\.0\.0\.1:3128 /);
  });

  test('two public ports to one server port, from one client port', () => {
    const gateway = makeGateway({
      rules: nat('-A PREROUTING -i wan -p tcp -j DNAT --to-destination 192.168.1.20:80'),
    });
    for (const [port, seenPort] of [
      [8080, 6000],
      [8081, null],
    ] as const) {
      const target = { address: gatewayOutside, port };
      const session = new TcpSession(gateway, { ...inside, target }).connect();
      assert.equal(session.server.peerPort === 6000, seenPort === 6000);
      session.clientSays('x');
      session.serverSays('y');
    }
    assert.equal(gateway.connections, 2);
  });
});

test('the states SNAT and DNAT name the translated side, and only that', () => {
  const counting = `*filter
-A FORWARD -m conntrack --ctstate SNAT
-A FORWARD -m conntrack --ctstate DNAT
COMMIT
`;
  const frame = buildUdp({ src: client, dst: server, sport: 5000, dport: 53 });
  for (const [rule, expected] of [
    ['-A POSTROUTING -o wan -j MASQUERADE', [1, 0]],
    ['-A PREROUTING -i lan -j DNAT --to-destination 198.51.100.53', [0, 2]],
    ['-A POSTROUTING -j ACCEPT', [0, 0]],
  ] as const) {
    const gateway = makeGateway({ rules: nat(rule) + counting });
    gateway.inject('lan', frame);
    // The first packet meets FORWARD before its source is translated.
    gateway.inject('lan', frame);
    const met = [1, 2].map((number) => gateway.count('filter', 'FORWARD', number));
    assert.deepEqual(met, expected, rule);
  }
});

test('INPUT: the source of a packet for the gateway can be translated', () => {
  const gateway = makeGateway({
    rules: nat('-A INPUT -p udp --dport 53 -j SNAT --to-source 10.99.0.1'),
  });
  const there = buildUdp({ src: client, dst: '192.168.1.1', sport: 5000, dport: 53 });
  assert.equal(path(gateway.inject('lan', there)), '10.99.0.1:5000>192.168.1.1:53 @');
  const back = buildUdp({ src: '192.168.1.1', dst: '10.99.0.1', sport: 53, dport: 5000 });
  assert.equal(path(gateway.output('lan', back)), `192.168.1.1:53>${client}:5000 @lan`);
});

test('OUTPUT and POSTROUTING: the gateway’s own packets', () => {
  const gateway = makeGateway({
    rules: nat(
      '-A OUTPUT -p udp --dport 53 -j DNAT --to-destination 198.51.100.53',
      '-A POSTROUTING -o wan -p udp -j SNAT --to-source 203.0.113.7',
    ),
  });
  const there = buildUdp({ src: gatewayOutside, dst: server, sport: 5000, dport: 53 });
  assert.equal(path(gateway.output('wan', there)), '203.0.113.7:5000>198.51.100.53:53 @wan');
});

test('a connection that is taken back before it is confirmed leaves no binding', () => {
  const gateway = makeGateway({
    rules: `${nat('-A POSTROUTING -o wan -j MASQUERADE')}*filter
-A FORWARD -m limit --limit 1/hour --limit-burst 1 -j ACCEPT
-A FORWARD -j DROP
COMMIT
`,
  });
  const frame = (i: number) =>
    buildUdp({ src: `192.168.1.${i}`, dst: server, sport: 5000, dport: 53 });
  assert.equal(gateway.inject('lan', frame(10)).seen?.sport, 5000);
  assert.equal(gateway.inject('lan', frame(11)).reason, 'rule-drop');
  assert.equal(gateway.connections, 1);
});
