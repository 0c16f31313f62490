import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Direction, Status } from '../../src/conntrack/index.ts';
import { Outcome } from '../../src/engine/index.ts';
import { makeGateway } from '../support/gateway.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';

const ends = { src: '192.168.1.10', dst: '198.51.100.9', sport: 5000, dport: 80 };
const answer = { src: ends.dst, dst: '203.0.113.1', sport: 80, dport: 5000 };
const masquerade = '*nat\n-A POSTROUTING -o wan -j MASQUERADE\nCOMMIT\n';

describe('the connection that rules ask about', () => {
  test('is that of the packet in hand, in either direction', () => {
    const gateway = makeGateway({ rules: masquerade });
    gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    const { connection } = gateway.engine.context;
    assert.ok(connection.exists);
    assert.equal(connection.direction, Direction.Original);
    assert.equal(connection.packets(Direction.Original), 1);
    assert.equal(connection.bytes(Direction.Original), 40);
    assert.equal(connection.packets(Direction.Reply), 0);
    assert.equal(connection.expiresIn, 120);
    assert.equal(connection.tuple(Direction.Reply).dstPort, 5000);
    assert.notEqual(connection.status & Status.SrcNat, 0);
    assert.equal(connection.zone, 0);
    gateway.inject('wan', buildTcp({ ...answer, flags: 'SA' }));
    assert.equal(connection.direction, Direction.Reply);
    assert.equal(connection.packets(Direction.Reply), 1);
  });

  test('there is none for INVALID and UNTRACKED packets', () => {
    const gateway = makeGateway({ rules: '*raw\n-A PREROUTING -p udp -j NOTRACK\nCOMMIT\n' });
    gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    assert.ok(gateway.engine.context.connection.exists);
    gateway.inject('lan', buildTcp({ ...ends, flags: 'SF' }));
    assert.equal(gateway.engine.context.connection.exists, false);
    gateway.inject('lan', buildUdp(ends));
    assert.equal(gateway.engine.context.connection.exists, false);
  });

  test('a changed mark is an UPDATE, the same mark again is none', () => {
    const gateway = makeGateway();
    gateway.inject('lan', buildUdp(ends));
    const { connection } = gateway.engine.context;
    const before = gateway.eventTexts('update').length;
    connection.mark = -1;
    connection.mark = -1;
    assert.equal(connection.mark, -1);
    assert.equal(gateway.eventTexts('update').length, before + 1);
    gateway.inject('lan', buildUdp(ends));
    assert.equal(connection.mark, -1);
  });

  test('isOpen: not when ended, expired, closing, or somebody else has the row', () => {
    const gateway = makeGateway();
    const { connection } = gateway.engine.context;
    gateway.inject('lan', buildTcp({ ...ends, flags: 'S' }));
    const { row, id } = connection;
    assert.ok(connection.isOpen(row, id));
    assert.equal(connection.isOpen(row, id + 1), false);
    assert.equal(connection.isOpen(row + 1, id), false);
    gateway.clock.set(120, 0);
    assert.equal(connection.isOpen(row, id), false, 'expired, and not yet swept');
    gateway.clock.set(0, 0);
    gateway.inject('wan', buildTcp({ ...answer, dst: ends.src, flags: 'SA' }));
    gateway.inject('lan', buildTcp({ ...ends, flags: 'A' }));
    assert.ok(connection.isOpen(row, id));
    gateway.inject('lan', buildTcp({ ...ends, flags: 'R' }));
    assert.equal(connection.isOpen(row, id), false, 'CLOSE');
    gateway.now(11);
    assert.equal(connection.isOpen(row, id), false, 'gone');
  });

  test('UDP is open until it ends', () => {
    const gateway = makeGateway();
    gateway.inject('lan', buildUdp(ends));
    const { connection } = gateway.engine.context;
    const { row, id } = connection;
    assert.ok(connection.isOpen(row, id));
    gateway.engine.tracking.conntrack.destroy(row);
    assert.equal(connection.isOpen(row, id), false);
  });
});

describe('mark and changes', () => {
  test('the mark stays over all tables and begins at 0 with the next packet', () => {
    const gateway = makeGateway({
      rules:
        '*mangle\n-A PREROUTING -p udp -j MARK --set-mark 7\nCOMMIT\n' +
        '*filter\n-A FORWARD -m mark --mark 7 -j LOG\n-A FORWARD -m mark --mark 7 -j DROP\nCOMMIT\n',
    });
    assert.equal(gateway.inject('lan', buildUdp(ends)).outcome, Outcome.Drop);
    assert.match(gateway.eventTexts('logged')[0]!, / MARK=0x7 $/);
    assert.equal(gateway.inject('lan', buildTcp({ ...ends, flags: 'S' })).outcome, Outcome.Forward);
  });

  test('a changed TTL leaves, and counts as rewritten', () => {
    const gateway = makeGateway({
      rules: '*mangle\n-A FORWARD -j TTL --ttl-set 9\nCOMMIT\n',
    });
    const { frame } = gateway.inject('lan', buildUdp({ ...ends, ttl: 64 }));
    assert.equal(frame[14 + 8], 9);
    assert.ok(gateway.engine.flight.rewritten);
    assert.equal(gateway.engine.counters.rewritten, 1);
  });

  test('a SYN that grows by an MSS option leaves whole, translated too', () => {
    const gateway = makeGateway({
      rules: `*mangle\n-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200\nCOMMIT\n${masquerade}`,
    });
    const syn = buildTcp({ ...ends, flags: 'S' });
    const left = gateway.inject('lan', syn);
    assert.equal(left.frame.length, syn.length + 4);
    assert.equal(left.seen?.src, '203.0.113.1');
    // A SYN that named no size gets at most the default one (RFC 1122 4.2.2.6): 536.
    assert.deepEqual([...left.frame.subarray(-4)], [2, 4, 2, 24]);
  });
});
