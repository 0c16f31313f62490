/** What a helper keeps goes no further, and its sender is told what the helper says. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Outcome } from '../../src/engine/index.ts';
import { HelperVerdict } from '../../src/helpers/index.ts';
import { makeGateway, type TestGateway } from '../support/gateway.ts';
import { buildTcp } from '../support/packets.ts';
import { hasFlags, type SessionOptions, TcpSession } from '../support/tcp-session.ts';

const bothNat = `*nat
-A PREROUTING -i lan -d 198.51.100.1/32 -p tcp -j DNAT --to-destination 198.51.100.9:21
-A POSTROUTING -o wan -j MASQUERADE
COMMIT
`;
const target = { address: '198.51.100.1', port: 2121 };

interface Promised {
  readonly isDue?: boolean;
  readonly seq?: number;
  readonly ack?: number;
  readonly window?: number;
  readonly timestamp?: number;
}

/** A connected session whose next segments are all kept. */
function keeping(gateway: TestGateway, promised: Promised, options: SessionOptions = {}) {
  const session = new TcpSession(gateway, options).connect();
  const { ftp } = gateway.engine.tracking;
  ftp.handle = () => HelperVerdict.Hold;
  Object.assign(ftp.promise, { isDue: true, window: 500, ...promised });
  return session;
}

function options(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

describe('a segment that the helper keeps', () => {
  test('goes no further, is counted as held, and is no drop', () => {
    const gateway = makeGateway();
    const session = keeping(gateway, { isDue: false });
    const left = session.clientSays('PORT 192,168,1,10');
    assert.deepEqual([left.outcome, left.frames, left.answers], [Outcome.Hold, [], []]);
    const { counters, flight } = gateway.engine;
    assert.deepEqual([counters.held, counters.dropped], [1, 0]);
    assert.equal(flight.reasonName(), '');
    assert.deepEqual(gateway.engine.dropCounts(), {});
    assert.equal(gateway.connections, 1);
  });

  test('is acknowledged towards its sender, who knows nothing of translations', () => {
    const gateway = makeGateway({ rules: bothNat });
    const session = keeping(gateway, { seq: 77, ack: 1018 }, { target });
    const { client } = session;
    const { answers } = session.clientSays('PORT 192,168,1,10');
    assert.equal(answers.length, 1);
    const { seen, interfaceName } = answers[0]!;
    assert.equal(interfaceName, 'lan');
    assert.deepEqual(
      [seen.src, seen.sport, seen.dst, seen.dport],
      [target.address, target.port, client.address, client.port],
    );
    assert.deepEqual([seen.seq, seen.ack, seen.text], [77, 1018, '']);
    assert.ok(hasFlags(seen, 'A'));
    assert.equal(Buffer.from(seen.datagram).readUInt16BE(20 + 14), 500);
    assert.equal(seen.options.length, 0);
  });

  test('the same of the answers of the server', () => {
    const gateway = makeGateway({ rules: bothNat });
    const session = keeping(gateway, { seq: -3, ack: -2 }, { target });
    const { server } = session;
    const { seen, interfaceName } = session.serverSays('227 Ent').answers[0]!;
    assert.equal(interfaceName, 'wan');
    assert.deepEqual([seen.src, seen.sport], ['203.0.113.1', server.peerPort]);
    assert.deepEqual([seen.dst, seen.dport], [server.address, server.port]);
    assert.deepEqual([seen.seq, seen.ack], [0xffff_fffd, 0xffff_fffe]);
  });

  test('through IPv6', () => {
    const gateway = makeGateway();
    const ends = {
      client: { address: 'fd00:1::10' },
      server: { address: '2001:db8:9::9' },
    };
    const session = keeping(gateway, { ack: 1003 }, ends);
    const { seen } = session.clientSays('EP').answers[0]!;
    assert.deepEqual([seen.src, seen.dst, seen.ack], ['2001:db8:9::9', 'fd00:1::10', 1003]);
  });

  test('a gateway that answers no errors at all still keeps promises', () => {
    const gateway = makeGateway();
    const session = keeping(gateway, { ack: 1003 });
    for (let n = 0; n < 1100; n++) {
      assert.equal(session.inject(session.client, { payload: 'PO' }).answers.length, 1);
    }
  });

  test('is confirmed where it began the connection', () => {
    const gateway = makeGateway();
    gateway.engine.tracking.ftp.handle = () => HelperVerdict.Hold;
    const syn = { src: '192.168.1.10', dst: '198.51.100.9', sport: 1, dport: 21, flags: 'S' };
    assert.equal(gateway.inject('lan', buildTcp(syn)).outcome, Outcome.Hold);
    assert.deepEqual(gateway.eventTexts('new'), ['192.168.1.10:1>198.51.100.9:21']);
  });
});

describe('timestamps of a promise (RFC 7323)', () => {
  const ours = { isDue: true, ack: 1003, timestamp: 0xcafe_0001 | 0 };
  const stamped = options('0101080a1122334455667788');

  function answered(promised: Promised, sent: Uint8Array): string {
    const session = keeping(makeGateway(), promised);
    const { answers } = session.inject(session.client, { payload: 'PO', options: sent });
    return Buffer.from(answers[0]!.seen.options).toString('hex');
  }

  test("the receiver's last one, and the sender's sent back", () => {
    assert.equal(answered(ours, stamped), '0101080acafe000111223344');
  });

  test('none where the sender has none, or the receiver has none', () => {
    assert.equal(answered(ours, options('')), '');
    assert.equal(answered({ ...ours, timestamp: 0 }, stamped), '');
  });

  test('none for an option that is not whole', () => {
    assert.equal(answered(ours, options('080401020000')), '');
    assert.equal(answered(ours, options('0101080c1122334455667788')), '');
  });

  test('found behind others', () => {
    assert.equal(
      answered(ours, options('020405b4080a1122334455667788')),
      '0101080acafe000111223344',
    );
  });
});

describe('what else the helper is told', () => {
  test('of the connection that it gets, once, and with its comment', () => {
    const gateway = makeGateway();
    const told: unknown[] = [];
    gateway.engine.tracking.ftp.attach = (row, comment) => told.push([row, comment]);
    new TcpSession(gateway).connect().clientSays('USER x\r\n');
    assert.deepEqual(told, [[0, '']]);
    const other = { client: { port: 5 }, server: { port: 80 } };
    new TcpSession(gateway, other).connect();
    assert.equal(told.length, 1);
  });

  test('of every segment that goes on, with its numbers adjusted', () => {
    const gateway = makeGateway({ rules: bothNat });
    const session = new TcpSession(gateway, { target });
    const told: unknown[] = [];
    gateway.engine.tracking.ftp.lift = (packet, row, direction) =>
      told.push([packet.seq >>> 0, packet.ack >>> 0, packet.payloadLen, row, direction]);
    session.connect();
    assert.equal(told.length, 3);
    session.serverSays('220 hello\r\n');
    session.clientSays('PORT 192,168,1,10,200,10\r\n');
    told.length = 0;
    session.serverAcks();
    assert.deepEqual(told, [[session.server.next, session.client.next, 0, 0, 1]]);
  });
});
