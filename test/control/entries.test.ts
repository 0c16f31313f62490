import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from '../../src/conntrack/index.ts';
import type { ConntrackCreateDto } from '../../src/control/index.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { EntryGateway, ftpEntry, udpEntry } from './entry-gateway.ts';

const cause = { portid: 24892, program: 'conntrack' };

describe('conntrack.create', () => {
  test('an entry as it was asked for, and its NEW event with who asked', async () => {
    const gateway = new EntryGateway();
    const entry = udpEntry(5, { mark: { value: 5, mask: 0xffffffff } });
    const [made] = await gateway.ask('conntrack.create', { entry, cause });
    assert.ok(made);
    assert.deepEqual([made.timeout, made.mark, made.state, made.use], [60, 5, '', 1]);
    assert.equal(made.status, Status.Confirmed);
    assert.deepEqual(await gateway.list(), [made]);
    assert.deepEqual(gateway.told, [
      { event: 'NEW', time: gateway.gateway.clock.epochSeconds(), cause, entry: made },
    ]);
  });

  test('a packet finds it', async () => {
    const gateway = new EntryGateway();
    const reply = { src: '203.0.113.9', dst: '192.168.1.10', sport: 53, dport: 5000 };
    const orig = { src: reply.dst, dst: reply.src, sport: 5000, dport: 53 };
    await gateway.create(udpEntry(0, { orig, reply }));
    const { src, dst, sport, dport } = orig;
    const { outcome } = gateway.gateway.inject('lan', buildUdp({ src, dst, sport, dport }));
    assert.equal(outcome, 1);
    const [entry] = await gateway.list();
    assert.deepEqual([entry?.orig.packets, entry?.timeout], [1, 30]);
    assert.equal(gateway.gateway.connections, 1);
  });

  const cases: readonly (readonly [string, ConntrackCreateDto, string])[] = [
    ['no timeout', withoutTimeout(udpEntry(9)), 'INVALID'],
    ['the same original tuple', udpEntry(5), 'EXISTS'],
    ['the original is the reply of another', inverted(udpEntry(5)), 'EXISTS'],
    ['the reply is the reply of another', udpEntry(9, { reply: udpEntry(5).reply }), 'EXISTS'],
    ['the EXPECTED bit', udpEntry(9, { status: Status.Expected }), 'BUSY'],
    ['the DYING bit', udpEntry(9, { status: Status.Dying }), 'BUSY'],
    ['an unknown state', ftpEntry(9, { state: 'BOGUS' }), 'INVALID'],
    ['a state of SCTP without tags', ftpEntry(9, { proto: 132 }), 'INVALID'],
    ['an unknown helper', ftpEntry(9, { helper: 'sane' }), 'NOT_SUPPORTED'],
    ['a helper of another protocol', udpEntry(9, { helper: 'ftp' }), 'NOT_SUPPORTED'],
    ['no such master', udpEntry(9, { master: udpEntry(8).orig }), 'NO_MASTER'],
    ['a label too far', udpEntry(9, { addLabels: [128] }), 'INVALID'],
    ['a port too far', udpEntry(65_536), 'INVALID'],
    ['an address of the other family', udpEntry(9, { family: 6 }), 'INVALID'],
    ['protocol 256', udpEntry(9, { proto: 256 }), 'INVALID'],
    ['an ICMP error', icmpEntry(3), 'INVALID'],
    ['an address to translate to that is none', udpEntry(9, { srcNat: nat('1.2.3') }), 'INVALID'],
  ];
  for (const [name, entry, code] of cases) {
    test(`refused: ${name}`, async () => {
      const gateway = new EntryGateway();
      await gateway.create(udpEntry(5));
      gateway.takeEvents();
      assert.equal(await gateway.createRefusal(entry), code);
      assert.equal(gateway.gateway.connections, 1, 'nothing is left of it');
      assert.deepEqual(gateway.takeEvents(), []);
    });
  }

  test('an entry whose time is over keeps nobody from its tuple', async () => {
    const gateway = new EntryGateway();
    await gateway.create(udpEntry(5));
    gateway.gateway.clock.set(59, 999_000);
    assert.equal(await gateway.createRefusal(udpEntry(5)), 'EXISTS');
    gateway.gateway.clock.set(60, 0);
    assert.equal(await gateway.createRefusal(udpEntry(5)), '');
    assert.deepEqual(gateway.takeEvents(), ['NEW 5', 'DESTROY 5', 'NEW 5']);
  });

  test('timeout 0 is over at once; a very long one is cut to what the clock holds', async () => {
    const gateway = new EntryGateway();
    await gateway.create(udpEntry(5, { timeout: 0 }));
    assert.deepEqual(await gateway.list(), []);
    const { timeout } = await gateway.create(udpEntry(6, { timeout: 99_999_999 }));
    assert.equal(timeout, 2_147_483);
  });

  test('status: what may be set is set, the rest is passed over', async () => {
    const gateway = new EntryGateway();
    const asked =
      Status.SeenReply | Status.Assured | Status.FixedTimeout | Status.SrcNat | Status.SeqAdjust;
    const { status } = await gateway.create(udpEntry(5, { status: asked }));
    const set = Status.SeenReply | Status.Assured | Status.FixedTimeout;
    assert.equal(status, set | Status.Confirmed);
  });

  test('states of TCP and SCTP by name, old names too', async () => {
    const gateway = new EntryGateway();
    assert.equal((await gateway.create(ftpEntry(1))).state, 'ESTABLISHED');
    assert.equal((await gateway.create(ftpEntry(2, { state: 'LISTEN' }))).state, 'SYN_SENT2');
    const tags = { origVtag: 1, replyVtag: 258 };
    const sctp = await gateway.create(ftpEntry(3, { proto: 132, state: 'COOKIE_WAIT', ...tags }));
    const { origVtag, replyVtag } = sctp;
    assert.deepEqual([sctp.state, origVtag, replyVtag], ['COOKIE_WAIT', 1, 258]);
    assert.equal((await gateway.create(udpEntry(4, { state: 'ESTABLISHED' }))).state, '');
  });

  test('translations: both sides decided, the reply as the answers will come', async () => {
    const gateway = new EntryGateway();
    const source = { minAddress: '1.2.3.4', maxAddress: '1.2.3.4', minPort: 1000, maxPort: 1000 };
    const made = await gateway.create(udpEntry(7, { srcNat: source }));
    const { src, dst, sport, dport } = made.reply;
    assert.deepEqual({ src, dst, sport, dport }, tuple('10.0.0.2', '1.2.3.4', 53, 1000));
    const both = Status.SrcNatDone | Status.DstNatDone;
    assert.equal(made.status, Status.Confirmed | Status.SrcNat | both);
    // The only port is held by the entry before.
    assert.equal(await gateway.createRefusal(udpEntry(9, { srcNat: source })), 'EXISTS');
    const elsewhere = { minAddress: '1.2.3.5', maxAddress: '1.2.3.5', minPort: 5353 };
    const other = await gateway.create(udpEntry(8, { dstNat: elsewhere }));
    assert.deepEqual([other.reply.src, other.reply.sport], ['1.2.3.5', 5353]);
    assert.equal(gateway.gateway.connections, 2);
  });

  test('a master: EXPECTED, its id and helper, one more user of it', async () => {
    const gateway = new EntryGateway();
    const master = await gateway.create(ftpEntry(1, { helper: 'ftp' }));
    assert.equal(master.helper, 'ftp');
    const { orig } = ftpEntry(1);
    const child = await gateway.create(ftpEntry(2, { master: orig }));
    assert.equal(child.masterId, master.id);
    assert.equal(child.status, Status.Confirmed | Status.Expected);
    const [seen] = await gateway.list({ id: master.id });
    assert.equal(seen?.use, 2);
  });

  test('zones tell the same tuples apart', async () => {
    const gateway = new EntryGateway();
    await gateway.create(udpEntry(5));
    const zoned = await gateway.create(udpEntry(5, { zone: 7 }));
    assert.deepEqual([zoned.zone, zoned.origZone, zoned.replyZone], [7, 0, 0]);
    assert.equal(await gateway.createRefusal(udpEntry(5, { zone: 7 })), 'EXISTS');
    const oneSided = await gateway.create(udpEntry(6, { origZone: 3 }));
    assert.deepEqual([oneSided.zone, oneSided.origZone, oneSided.replyZone], [0, 3, 0]);
  });

  test('protocols without ports and with numbers of their own', async () => {
    const gateway = new EntryGateway();
    const { orig } = await gateway.create(icmpEntry(8));
    assert.deepEqual(
      [orig.icmpType, orig.icmpCode, orig.icmpId, orig.sport],
      [8, 0, 77, undefined],
    );
    const ospf = await gateway.create(udpEntry(0, { proto: 89 }));
    assert.deepEqual(Object.keys(ospf.orig), ['src', 'dst', 'packets', 'bytes']);
    const gre = await gateway.create(udpEntry(5, { proto: 47 }));
    assert.deepEqual([gre.orig.sport, gre.orig.dport], [5, 53], 'the keys');
  });

  test('a full table', async () => {
    const defaults = new EntryGateway().conntrack.settings;
    const gateway = new EntryGateway({ settings: { conntrack: { ...defaults, maximum: 2 } } });
    const assured = { status: Status.SeenReply | Status.Assured };
    for (const sport of [1, 2]) await gateway.create(udpEntry(sport, assured));
    assert.equal(await gateway.createRefusal(udpEntry(3)), 'FULL');
    assert.equal(gateway.gateway.connections, 2);
  });

  test('orChange: a held original is changed instead, but gets no new translation', async () => {
    const gateway = new EntryGateway();
    const before = await gateway.create(udpEntry(5));
    gateway.takeEvents();
    const entry = udpEntry(5, { timeout: 90 });
    const [after] = await gateway.ask('conntrack.create', { entry, orChange: true });
    assert.deepEqual([after?.id, after?.timeout], [before.id, 90]);
    assert.deepEqual(gateway.takeEvents(), ['UPDATE 5']);
    const translated = { ...entry, srcNat: nat('1.2.3.4') };
    const args = { entry: translated, orChange: true };
    assert.equal(await gateway.refusal('conntrack.create', args), 'NOT_SUPPORTED');
  });

  test('a request without an entry is none', async () => {
    const gateway = new EntryGateway();
    assert.equal(await gateway.refusal('conntrack.create', {} as never), 'BAD_REQUEST');
  });
});

describe('conntrack.get', () => {
  test('by either tuple, with the asker as a user of it', async () => {
    const gateway = new EntryGateway();
    const { id } = await gateway.create(udpEntry(5));
    const { family, proto, orig, reply } = udpEntry(5);
    for (const args of [{ orig }, { reply }, { orig: reply }]) {
      const [found] = await gateway.ask('conntrack.get', { family, proto, ...args });
      assert.deepEqual([found?.id, found?.use], [id, 2]);
    }
    const asked = { family, proto, orig: { ...orig, sport: 6 } };
    assert.equal(await gateway.refusal('conntrack.get', asked), 'NOT_FOUND');
    const elsewhere = { family, proto, orig, zone: 1 };
    assert.equal(await gateway.refusal('conntrack.get', elsewhere), 'NOT_FOUND');
    assert.equal(await gateway.refusal('conntrack.get', { family, proto }), 'INVALID');
  });
});

describe('conntrack.update', () => {
  async function updated(entry: ConntrackCreateDto, change: object) {
    const gateway = new EntryGateway();
    const { id } = await gateway.create(entry);
    gateway.takeEvents();
    gateway.told.length = 0;
    const args = { ids: [id], change, cause };
    const code = await gateway.refusal('conntrack.update', args);
    const [now] = await gateway.list();
    return { gateway, code, now: now!, events: gateway.told };
  }

  test('timeout, status, mark, labels and state; UPDATE tells who asked', async () => {
    const change = {
      timeout: 50,
      status: Status.SeenReply | Status.Assured,
      mark: { value: 0x12, mask: 0xf0 },
      addLabels: [3, 127],
      state: 'FIN_WAIT',
    };
    const marked = ftpEntry(1, { mark: { value: 0x0f, mask: 0xffffffff } });
    const { code, now, events } = await updated(marked, change);
    assert.equal(code, '');
    // (mark & ~mask) ^ value: what is outside the mask is changed by the value all the same.
    assert.deepEqual([now.timeout, now.mark, now.state], [50, 0x0f ^ 0x12, 'FIN_WAIT']);
    assert.deepEqual(now.labels, [3, 127]);
    assert.equal(now.status, Status.Confirmed | Status.SeenReply | Status.Assured);
    assert.deepEqual(events, [{ event: 'UPDATE', time: events[0]?.time, cause, entry: now }]);
  });

  test('an UPDATE that changes nothing is told as well', async () => {
    const { events } = await updated(udpEntry(5), {});
    assert.equal(events.length, 1);
  });

  test('a fixed timeout stays, and nothing is told', async () => {
    const fixed = udpEntry(5, { status: Status.FixedTimeout });
    const { code, now, events } = await updated(fixed, { timeout: 90 });
    assert.deepEqual([code, now.timeout, events.length], ['NOT_PERMITTED', 60, 0]);
  });

  test('bits that are there cannot be taken back, those of the tracker not be given', async () => {
    const { code, now } = await updated(udpEntry(5), { status: Status.Expected });
    assert.deepEqual([code, now.status], ['BUSY', Status.Confirmed]);
    const assured = udpEntry(5, { status: Status.Assured });
    const none = await updated(assured, { status: 0 });
    assert.deepEqual([none.code, none.now.status], ['', Status.Confirmed | Status.Assured]);
  });

  test('helpers: the same again is well, another one or a first one is not, none is', async () => {
    const ftp = ftpEntry(1, { helper: 'ftp' });
    assert.equal((await updated(ftp, { helper: 'ftp' })).code, '');
    assert.equal((await updated(ftpEntry(1), { helper: 'ftp' })).code, 'NOT_SUPPORTED');
    assert.equal((await updated(ftp, { helper: 'sane' })).code, 'NOT_SUPPORTED');
    const { code, now } = await updated(ftp, { helper: '' });
    assert.deepEqual([code, now.helper], ['', '']);
  });

  test('one that refuses keeps nobody else from being changed', async () => {
    const gateway = new EntryGateway();
    const fixed = await gateway.create(udpEntry(5, { status: Status.FixedTimeout }));
    const free = await gateway.create(udpEntry(6));
    const items: unknown[] = [];
    const args = { ids: [fixed.id, free.id, 999], change: { timeout: 90 } };
    const answer = gateway.client.request('conntrack.update', args);
    await assert.rejects(
      async () => {
        for await (const { id, timeout, failure } of answer) items.push([id, timeout, failure]);
      },
      { code: 'NOT_PERMITTED' },
    );
    assert.deepEqual(items, [
      [fixed.id, 60, 'NOT_PERMITTED'],
      [free.id, 90, undefined],
    ]);
  });

  test('labels: taken away and given; none at all is null', async () => {
    const labelled = udpEntry(5, { addLabels: [1, 2] });
    const { now } = await updated(labelled, { removeLabels: [1], addLabels: [4] });
    assert.deepEqual(now.labels, [2, 4]);
    const bare = await updated(labelled, { removeLabels: [1, 2] });
    assert.equal(bare.now.labels, null);
  });

  test('labels go with their row', async () => {
    const gateway = new EntryGateway();
    const { id } = await gateway.create(udpEntry(5, { addLabels: [9] }));
    await gateway.ask('conntrack.delete', { ids: [id] });
    assert.equal((await gateway.create(udpEntry(6))).labels, null);
    assert.deepEqual((await gateway.create(udpEntry(7, { addLabels: [8] }))).labels, [8]);
  });

  test('what is no change is refused', async () => {
    const gateway = new EntryGateway();
    const change = {};
    assert.equal(
      await gateway.refusal('conntrack.update', { ids: 5, change } as never),
      'BAD_REQUEST',
    );
    assert.equal(await gateway.refusal('conntrack.update', { ids: [5] } as never), 'BAD_REQUEST');
  });
});

describe('conntrack.delete and conntrack.flush', () => {
  test('by id: the entry as it was, and DESTROY with who asked', async () => {
    const gateway = new EntryGateway();
    const entry = await gateway.create(udpEntry(5));
    await gateway.create(udpEntry(6));
    gateway.told.length = 0;
    assert.deepEqual(await gateway.ask('conntrack.delete', { ids: [entry.id], cause }), [entry]);
    assert.deepEqual(
      gateway.told.map(({ event, cause: by }) => [event, by]),
      [['DESTROY', cause]],
    );
    assert.deepEqual(await gateway.ask('conntrack.delete', { ids: [entry.id] }), []);
    assert.equal(gateway.gateway.connections, 1);
  });

  test('by a filter, and by both', async () => {
    const gateway = new EntryGateway();
    const made = [];
    for (const sport of [5, 6, 7]) made.push(await gateway.create(udpEntry(sport)));
    const args = { ids: [made[0]!.id, made[1]!.id], filter: { origSport: 6 } };
    assert.deepEqual(await gateway.ask('conntrack.delete', args), [made[1]]);
    const gone = await gateway.ask('conntrack.delete', { filter: { proto: 17 } });
    assert.deepEqual(gone, [made[0], made[2]]);
    assert.equal(await gateway.refusal('conntrack.delete', {}), 'BAD_REQUEST');
  });

  test('flush: all of one family, or all, each with its DESTROY', async () => {
    const gateway = new EntryGateway();
    const orig = { src: 'fd00::1', dst: 'fd00::2', sport: 5, dport: 53 };
    const reply = { src: orig.dst, dst: orig.src, sport: 53, dport: 5 };
    await gateway.create(udpEntry(5, { family: 6, orig, reply }));
    for (const sport of [6, 7]) await gateway.create(udpEntry(sport));
    gateway.told.length = 0;
    await gateway.ask('conntrack.flush', { family: 6, cause });
    assert.deepEqual(
      gateway.told.map(({ cause: by }) => by),
      [cause],
    );
    assert.equal(gateway.gateway.connections, 2);
    await gateway.ask('conntrack.flush', {});
    assert.equal(gateway.gateway.connections, 0);
    assert.equal(gateway.told.at(-1)?.cause, undefined);
  });

  test('a command that ends leaves no cause to the packets after it', async () => {
    const gateway = new EntryGateway();
    await gateway.ask('conntrack.create', { entry: udpEntry(5), cause });
    const frame = buildTcp({
      src: '192.168.1.10',
      dst: '203.0.113.9',
      sport: 1,
      dport: 2,
      flags: 'S',
    });
    gateway.gateway.inject('lan', frame);
    assert.deepEqual(
      gateway.told.map(({ cause: by }) => by),
      [cause, undefined],
    );
  });
});

function tuple(src: string, dst: string, sport: number, dport: number) {
  return { src, dst, sport, dport };
}

function inverted(entry: ConntrackCreateDto): ConntrackCreateDto {
  return { ...entry, orig: entry.reply, reply: entry.orig };
}

function withoutTimeout({ timeout: _, ...entry }: ConntrackCreateDto): ConntrackCreateDto {
  return entry;
}

function icmpEntry(icmpType: number): ConntrackCreateDto {
  const numbers = { icmpType, icmpCode: 0, icmpId: 77 };
  const orig = { src: '10.0.0.1', dst: '10.0.0.2', ...numbers };
  const reply = { src: '10.0.0.2', dst: '10.0.0.1', ...numbers, icmpType: icmpType === 8 ? 0 : 3 };
  return { family: 4, proto: 1, orig, reply, timeout: 60 };
}

function nat(address: string) {
  return { minAddress: address, maxAddress: address };
}
