import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status, Tuple } from '../../src/conntrack/index.ts';
import type { ExpectCreateDto } from '../../src/control/index.ts';
import { buildTcp } from '../support/packets.ts';
import { EntryGateway, ftpEntry } from './entry-gateway.ts';

const client = '192.168.1.10';
const server = '203.0.113.9';

/** A gateway with one control connection, from the client's port 4000. */
async function withMaster(helper = 'ftp'): Promise<EntryGateway> {
  const gateway = new EntryGateway();
  const orig = { src: client, dst: server, sport: 4000, dport: 21 };
  const reply = { src: server, dst: client, sport: 21, dport: 4000 };
  await gateway.create(ftpEntry(0, { orig, reply, helper, mark: { value: 6, mask: 0xffffffff } }));
  return gateway;
}

/** From the server, any port, to port 200 of the client. */
function expected(changes: Partial<ExpectCreateDto> = {}): ExpectCreateDto {
  return {
    family: 4,
    timeout: 30,
    proto: 6,
    src: server,
    dst: client,
    sport: 0,
    dport: 200,
    maskSrc: '255.255.255.255',
    maskDst: '255.255.255.255',
    maskSport: 0,
    maskDport: 65_535,
    master: { src: client, dst: server, sport: 4000, dport: 21 },
    masterProto: 6,
    ...changes,
  };
}

/** The first segment of a connection from the server's side. */
function opening(src = server, sport = 20, dport = 200): Uint8Array {
  return buildTcp({ src, dst: client, sport, dport, flags: 'S' });
}

describe('expect.create', () => {
  test('as it was asked for; how long is for the helper of the master to say', async () => {
    const gateway = await withMaster();
    const [made] = await gateway.ask('expect.create', { expect: expected() });
    const { id: _, ...shown } = made!;
    const { timeout: __, masterProto: ___, ...asked } = expected();
    const kept = { class: 0, flags: 0, zone: 0, helper: 'ftp', kind: '' };
    assert.deepEqual(shown, { ...asked, ...kept, timeout: 300 });
    gateway.gateway.clock.set(0, 1000);
    const [listed] = await gateway.ask('expect.list', {});
    assert.deepEqual(listed, { ...made, timeout: 299 });
    assert.deepEqual(await gateway.ask('expect.list', { family: 6 }), []);
  });

  const cases: readonly (readonly [string, Partial<ExpectCreateDto>, string])[] = [
    ['no such master', { master: { src: client, dst: server, sport: 1, dport: 21 } }, 'NO_MASTER'],
    ['a class that the helper has not got', { class: 1 }, 'INVALID'],
    ['a mask that is no address', { maskSrc: '255' }, 'INVALID'],
    ['an address of the other family', { dst: 'fd00::1' }, 'INVALID'],
    ['an unknown helper', { helper: 'sane' }, 'NOT_SUPPORTED'],
    ['a port too far', { dport: 65_536 }, 'INVALID'],
  ];
  for (const [name, changes, code] of cases) {
    test(`refused: ${name}`, async () => {
      const gateway = await withMaster();
      assert.equal(await gateway.refusal('expect.create', { expect: expected(changes) }), code);
      assert.equal(gateway.gateway.expectations, 0);
    });
  }

  test('refused: a master without a helper', async () => {
    const gateway = await withMaster('');
    const refused = await gateway.refusal('expect.create', { expect: expected() });
    assert.equal(refused, 'NOT_SUPPORTED');
  });

  test('EXISTS where the tuple fulfils one that is there, under its masks', async () => {
    const gateway = await withMaster();
    const wide = expected({ maskSrc: '255.255.255.0' });
    await gateway.ask('expect.create', { expect: wide });
    const inside = expected({ src: '203.0.113.77' });
    assert.equal(await gateway.refusal('expect.create', { expect: inside }), 'EXISTS');
    const outside = expected({ src: '203.0.114.77' });
    assert.equal(await gateway.refusal('expect.create', { expect: outside }), '');
    assert.equal(gateway.gateway.expectations, 1, 'one for a master: the older one is gone');
  });

  test('BUSY where some connection would fulfil both, though the tuple itself does not', async () => {
    const gateway = await withMaster();
    await gateway.ask('expect.create', { expect: expected({ sport: 5, maskSport: 65_535 }) });
    const open = expected({ sport: 6, maskSport: 0 });
    assert.equal(await gateway.refusal('expect.create', { expect: open }), 'BUSY');
  });
});

describe('an expectation made by command', () => {
  test('makes its connection RELATED, with the mark of the master, and is used up', async () => {
    const gateway = await withMaster();
    await gateway.ask('expect.create', { expect: expected() });
    gateway.gateway.inject('wan', opening());
    const [entry] = await gateway.list({ origDport: 200 });
    assert.ok(entry);
    assert.equal(entry.status & Status.Expected, Status.Expected);
    assert.deepEqual([entry.mark, entry.helper], [6, '']);
    assert.equal(gateway.gateway.expectations, 0);
    const [stats] = await gateway.ask('conntrack.stats', {});
    assert.deepEqual([stats?.expect_new, stats?.expect_create, stats?.expect_delete], [1, 1, 1]);
  });

  test('masks: what they leave open does not matter, the rest does', async () => {
    const wide = expected({ maskSrc: '255.255.255.0', sport: 0x1200, maskSport: 0xff00 });
    for (const [src, sport, isExpected] of [
      ['203.0.113.77', 0x12ab, true],
      ['203.0.114.77', 0x12ab, false],
      ['203.0.113.77', 0x13ab, false],
    ] as const) {
      const gateway = await withMaster();
      await gateway.ask('expect.create', { expect: wide });
      gateway.gateway.inject('wan', opening(src, sport));
      const [entry] = await gateway.list({ origDport: 200 });
      assert.equal(entry!.masterId !== null, isExpected, `${src}:${sport}`);
    }
  });

  test('permanent: is fulfilled again and again; inactive: never', async () => {
    const gateway = await withMaster();
    const [made] = await gateway.ask('expect.create', { expect: expected({ flags: 1 }) });
    assert.equal(made?.flags, 1);
    for (const sport of [20, 21]) gateway.gateway.inject('wan', opening(server, sport));
    const related = await gateway.list({ origDport: 200, status: { value: 1, mask: 1 } });
    assert.deepEqual([related.length, gateway.gateway.expectations], [2, 1]);

    const other = await withMaster();
    await other.ask('expect.create', { expect: expected({ flags: 2 }) });
    other.gateway.inject('wan', opening());
    const [entry] = await other.list({ origDport: 200 });
    assert.deepEqual([entry?.masterId, other.gateway.expectations], [null, 1]);
  });

  test('nobody marks one as of user space; a helper of its own is for its connection', async () => {
    const gateway = await withMaster();
    const asked = expected({ flags: 4 | 1, helper: 'ftp' });
    const [made] = await gateway.ask('expect.create', { expect: asked });
    assert.equal(made?.flags, 1);
    gateway.gateway.inject('wan', opening());
    const [entry] = await gateway.list({ origDport: 200 });
    assert.equal(entry?.helper, 'ftp');
  });

  test('goes with its master, and when its time is over', async () => {
    const gateway = await withMaster();
    await gateway.ask('expect.create', { expect: expected() });
    await gateway.ask('conntrack.flush', {});
    assert.equal(gateway.gateway.expectations, 0);

    const other = await withMaster();
    const [master] = await other.list();
    await other.ask('conntrack.update', { ids: [master!.id], change: { timeout: 1000 } });
    await other.ask('expect.create', { expect: expected() });
    other.gateway.clock.set(300, 0);
    assert.deepEqual(await other.ask('expect.list', {}), []);
    other.gateway.now(300);
    assert.deepEqual(await other.ask('expect.count', {}), []);
    assert.equal(other.gateway.expectations, 0);
  });
});

test('a helper’s range of ports: listed with its last one, counted, deleted, in no way', async () => {
  const gateway = await withMaster();
  const { conntrack } = gateway.gateway.engine.tracking;
  const [ours] = await gateway.ask('expect.create', { expect: expected() });
  const [{ id: _, ...exact }] = [conntrack.expectations.all()[0]!];
  const span = { ...exact, client: new Tuple(), dport: 300, dportLast: 399 };
  conntrack.expectations.add(span, gateway.gateway.clock.ms, 100);
  const listed = await gateway.ask('expect.list', {});
  assert.deepEqual(
    listed.map(({ dport, dportLast, flags }) => [dport, dportLast, flags]),
    [
      [200, undefined, 0],
      [300, 399, 1],
    ],
  );
  assert.deepEqual(Object.keys(listed[0]!), Object.keys(ours!));
  const within = expected({ dport: 350 });
  assert.equal(await gateway.refusal('expect.create', { expect: within }), '');
  await gateway.ask('expect.delete', { ids: [listed[1]!.id] });
  assert.deepEqual(
    conntrack.expectations.all().map(({ dport }) => dport),
    [350],
  );
});

describe('expect.delete, expect.flush and expect.events', () => {
  test('by id, the expectation as it was; flush takes all', async () => {
    const gateway = await withMaster();
    const [made] = await gateway.ask('expect.create', { expect: expected() });
    assert.deepEqual(await gateway.ask('expect.delete', { ids: [made!.id + 1] }), []);
    assert.deepEqual(await gateway.ask('expect.delete', { ids: [made!.id] }), [made]);
    assert.equal(gateway.gateway.expectations, 0);
    await gateway.ask('expect.create', { expect: expected() });
    await gateway.ask('expect.flush', {});
    assert.equal(gateway.gateway.expectations, 0);
    assert.equal(await gateway.refusal('expect.delete', {} as never), 'BAD_REQUEST');
  });

  test('events: 300 seconds when it comes, 299 a moment later', async () => {
    const gateway = await withMaster();
    const events: unknown[] = [];
    gateway.events.watchExpectations((event) => {
      if ('entry' in event) events.push([event.event, event.entry.timeout]);
    });
    const [made] = await gateway.ask('expect.create', { expect: expected() });
    gateway.gateway.clock.set(0, 1000);
    await gateway.ask('expect.delete', { ids: [made!.id] });
    assert.deepEqual(events, [
      ['NEW', 300],
      ['DESTROY', 299],
    ]);
  });
});
