import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena } from '../../src/base/index.ts';
import { ConntrackTable, Status } from '../../src/conntrack/index.ts';
import { ErrorNat, IcmpErrorNat, Manip } from '../../src/nat/index.ts';
import { errorAbout } from '../support/icmp-errors.ts';
import { buildIp, loadPacket } from '../support/packets.ts';

import { connection, datagram, type Hop, places, raw, through } from './quotes.ts';

describe('GRE in quotes', () => {
  const { inside, outside, server } = places[4];
  const before: Hop = { src: inside, dst: server, sport: 0, dport: 0 };
  const after: Hop = { src: outside, dst: server, sport: 0, dport: 0 };
  const gre = (hop: Hop, flags: number) =>
    buildIp({ ...hop, ...raw }, 47, Uint8Array.of(0, flags, 0x88, 0x0b, 0, 0, 0x12, 0x34));

  test('a version that nobody knows is not translated where its destination would be', () => {
    const c = connection(4, 'gre', before, after, Status.SrcNat);
    const answer = { ...before, src: server, dst: inside };
    assert.equal(through(c, 0, errorAbout(gre(answer, 2), raw)), null);
    assert.ok(through(c, 1, errorAbout(gre(after, 2), raw)));
  });

  test('the call id of version 1 goes with the destination', () => {
    const c = connection(4, 'gre', before, after, Status.SrcNat);
    c.reply.setPorts(0, 0x5678);
    c.table.writeTuple(c.row, 1, c.reply);
    const answer = { ...before, src: server, dst: inside };
    const left = through(c, 0, errorAbout(gre(answer, 1), raw))!;
    assert.deepEqual([...left.slice(-2)], [0x56, 0x78]);
    const back = through(c, 1, errorAbout(gre(after, 1), raw))!;
    assert.deepEqual([...back.slice(-2)], [0x12, 0x34]);
  });
});

describe('redirects', () => {
  const { inside, outside, server } = places[4];
  const before: Hop = { src: inside, dst: server, sport: 5000, dport: 80 };
  const after: Hop = { src: outside, dst: server, sport: 6000, dport: 80 };
  const redirect = (hop: Hop) =>
    loadPacket(errorAbout(datagram('udp', hop), { ...raw, type: 5, code: 1, rest: 1 }), 'raw');

  test('of a translated connection are dropped', () => {
    const { row, errors } = connection(4, 'udp', before, after, Status.SrcNat);
    for (const manip of [Manip.Destination, Manip.Source]) {
      assert.equal(errors.translate(redirect(after), row, 1, manip), ErrorNat.Refused);
    }
  });

  test('of one that is settled to be untranslated pass', () => {
    const { row, errors } = connection(4, 'udp', before, before, 0);
    assert.equal(errors.translate(redirect(before), row, 1, Manip.Destination), ErrorNat.Unchanged);
  });

  test('of one that is not settled are dropped', () => {
    const table = new ConntrackTable(new Arena(), 4, 1);
    const row = table.allocate();
    const errors = new IcmpErrorNat(table);
    assert.equal(errors.translate(redirect(before), row, 1, Manip.Destination), ErrorNat.Refused);
  });
});
