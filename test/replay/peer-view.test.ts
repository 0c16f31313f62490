import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import type { TcpOptions } from '../support/packets.ts';
import { type EndOptions, TcpEnd, TcpSession } from '../support/tcp-session.ts';
import { Bench, only } from './support.ts';

const RULES = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i lan -o wan -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;
const INTERFACES = ['lan=192.168.1.1/24', 'wan=203.0.113.1/24', 'wan=0.0.0.0/0'];

/** A gateway whose inside link is recorded: what the client sends, and what reaches it. */
class Recorded extends TcpSession {
  readonly inside: Uint8Array[] = [];

  override inject(from: TcpEnd, more: Partial<TcpOptions> = {}) {
    if (from.interfaceName === 'lan') this.inside.push(from.segment(more));
    const left = super.inject(from, more);
    if (left.interfaceName === 'lan') this.inside.push(left.frame);
    return left;
  }
}

function session(
  gateway: TestGateway,
  ends: { client?: EndOptions; server?: EndOptions } = {},
): Recorded {
  return new Recorded(gateway, ends);
}

test('a masqueraded session, replayed from what the client side saw of it', (t) => {
  const gateway = makeGateway({ rules: RULES });
  const control = session(gateway).connect() as Recorded;
  control.serverSays('220 hi\r\n');
  control.clientSays('USER a\r\n');
  control.serverSays('230 in\r\n');
  // The line grows under way: from here on the two sides have different numbers.
  control.clientSays('PORT 192,168,1,10,9,9\r\n');
  control.serverSays('200 ok\r\n');
  control.clientSays('LIST\r\n');
  control.serverSays('150 here it comes\r\n');

  const { address } = control.server;
  const dataEnd = new TcpEnd(
    { interfaceName: 'wan', address, port: 20, iss: 9000 },
    { interfaceName: 'wan' },
  );
  dataEnd.peerAddress = '203.0.113.1';
  dataEnd.peerPort = 9 * 256 + 9;
  const clientEnd = new TcpEnd(
    { interfaceName: 'lan', address: '192.168.1.10', port: 2313, iss: 500 },
    {},
  );
  clientEnd.peerAddress = address;
  clientEnd.peerPort = 20;
  control.inject(dataEnd, { flags: 'S', ack: 0 });
  control.inject(clientEnd, { flags: 'SA', ack: 9001 });
  control.inject(dataEnd, { flags: 'A', seq: 9001, ack: 501 });
  control.inject(dataEnd, { flags: 'PA', seq: 9001, ack: 501, payload: 'listing' });
  control.serverSays('226 done\r\n');
  control.clientSays('PASV\r\n');
  control.serverSays('227 hi (198,51,100,9,200,10)\r\n');
  const passive = session(gateway, {
    client: { port: 45_000 },
    server: { port: 51_210 },
  }).connect() as Recorded;
  passive.clientSays('upload');
  const inside = [...control.inside, ...passive.inside];

  const bench = new Bench(t);
  const options = { rules: [bench.file('rules', RULES)], interfaces: INTERFACES };
  const read = bench.capture('inside.pcap', inside);
  const reports = bench.reports({ ...options, read });
  const packets = only(reports, 'packet');
  assert.equal(packets.length, inside.length);
  const bad = packets.filter(
    ({ verdict, ctstate }) => verdict !== 'ACCEPT' || ctstate === 'INVALID',
  );
  assert.deepEqual(bad, []);
  const related = packets.filter(({ ctstate }) => ctstate === 'RELATED');
  assert.equal(related.length, 2, 'the active and the passive data connection');
  assert.deepEqual(
    only(reports, 'expect').map(({ event, kind, src, dst, dport }) => [
      event,
      kind,
      src,
      dst,
      dport,
    ]),
    [
      ['NEW', 'PORT', '198.51.100.9', '203.0.113.1', 2313],
      ['DESTROY', 'PORT', '198.51.100.9', '203.0.113.1', 2313],
      ['NEW', '227', '192.168.1.10', '198.51.100.9', 51_210],
      ['DESTROY', '227', '192.168.1.10', '198.51.100.9', 51_210],
    ],
  );
  assert.deepEqual(only(reports, 'refused'), []);
});

test('without translation the same capture needs no help', (t) => {
  const filterOnly = RULES.slice(RULES.indexOf('*filter'));
  const control = session(makeGateway({ rules: filterOnly }))
    .connect()
    .greet() as Recorded;
  control.clientSays('PORT 192,168,1,10,9,9\r\n');
  control.serverSays('200 ok\r\n');
  const bench = new Bench(t);
  const reports = bench.reports({
    rules: [bench.file('rules', filterOnly)],
    interfaces: INTERFACES,
    read: bench.capture('inside.pcap', control.inside),
  });
  assert.ok(only(reports, 'packet').every(({ verdict }) => verdict === 'ACCEPT'));
  assert.equal(only(reports, 'expect').length, 1);
});
