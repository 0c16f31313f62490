import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Prng } from '../../src/base/index.ts';
import { compileFilter } from '../../src/cli/conntrack/filter.ts';
import { Direction, Field, Status, Tuple } from '../../src/conntrack/index.ts';
import {
  type ConntrackDto,
  type ConntrackFilterDto,
  connectionDto,
  serveStream,
} from '../../src/control/index.ts';
import { compileRowFilter } from '../../src/control/row-filter.ts';
import { RowText } from '../../src/control/row-text.ts';
import { EntryGateway, ftpEntry, udpEntry } from './entry-gateway.ts';

/** Rows that one turn goes through before it looks at the clock. */
const ROWS_PER_LOOK = 16;

/** A clock by which every look ends the turn. */
function shortTurns(gateway: EntryGateway): void {
  let now = 0;
  gateway.monotonicMs = () => now++;
}

/** Connections straight into the table: `n` of UDP, told apart by their source port. */
function fill(gateway: EntryGateway, n: number): number[] {
  return Array.from({ length: n }, (_, i) => add(gateway, 1000 + i));
}

function add(gateway: EntryGateway, sport: number): number {
  const { conntrack } = gateway;
  const original = new Tuple();
  const reply = new Tuple();
  original.meta = (4 << 8) | 17;
  original.s0 = 0x0a000001;
  original.d0 = 0x0a000002;
  original.setPorts(sport, 53);
  reply.invertFrom(original);
  const row = conntrack.begin(original, reply);
  conntrack.table.refresh(row, gateway.gateway.clock, 1000);
  assert.ok(conntrack.confirm(row));
  return row;
}

function idOf(gateway: EntryGateway, row: number): number {
  return gateway.conntrack.table.get(row, Field.Id) >>> 0;
}

describe('a dump', () => {
  test('while entries come and go: what lives through it is listed once, nothing is mixed', async () => {
    const random = new Prng(20_261_121);
    for (let round = 0; round < 10; round++) {
      const gateway = new EntryGateway();
      gateway.gateway.engine.listener = null;
      const portOf = new Map<number, number>();
      const living = new Set(fill(gateway, 500));
      for (const row of living) portOf.set(idOf(gateway, row), 1000 + row);
      const before = new Set(portOf.keys());
      let nextPort = 10_000;
      const change = () => {
        for (let i = 0; i < 20; i++) {
          const rows = [...living];
          const row = rows[random.below(rows.length)]!;
          before.delete(idOf(gateway, row));
          gateway.conntrack.destroy(row);
          living.delete(row);
          if (random.below(4) === 0) continue;
          const made = add(gateway, nextPort);
          living.add(made);
          portOf.set(idOf(gateway, made), nextPort++);
        }
      };
      shortTurns(gateway);
      let turns = 0;
      gateway.betweenTurns = () => {
        if (turns++ > 0) change();
      };
      const listed = await gateway.list();
      assert.ok(turns > 10);
      const ids = listed.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length, 'none is listed twice');
      for (const id of before) assert.ok(ids.includes(id), 'what lived through it is listed');
      for (const { id, orig } of listed) assert.equal(orig.sport, portOf.get(id), 'none is mixed');
    }
  });

  test('turns are bounded by the clock, not by rows', async () => {
    const gateway = new EntryGateway();
    fill(gateway, 640);
    let turns = 0;
    gateway.betweenTurns = () => {
      turns++;
    };
    assert.equal((await gateway.list()).length, 640);
    assert.equal(turns, 1 + pieces(640), 'no turn ends while no time passes');
    shortTurns(gateway);
    turns = 0;
    await gateway.list({ origSport: 1 });
    assert.equal(turns, 1 + 640 / ROWS_PER_LOOK, 'rows that are passed over take turns as well');
  });

  for (const cmd of ['conntrack.flush', 'conntrack.delete', 'conntrack.update'] as const) {
    test(`${cmd} of many entries goes in turns too`, async () => {
      const gateway = new EntryGateway();
      const ids = fill(gateway, 320).map((row) => idOf(gateway, row));
      shortTurns(gateway);
      let turns = 0;
      gateway.betweenTurns = () => {
        turns++;
      };
      const args = { ids, change: { timeout: 5 } };
      for await (const _ of gateway.client.request(cmd, cmd === 'conntrack.flush' ? {} : args));
      assert.ok(turns >= 320 / ROWS_PER_LOOK, `${turns} turns`);
      assert.equal(gateway.gateway.connections, cmd === 'conntrack.update' ? 320 : 0);
    });
  }

  test('waits for a slow reader, and holds no more than a piece for it', async () => {
    const gateway = new EntryGateway();
    fill(gateway, 2000);
    const [ours, theirs] = duplexPair();
    let written = 0;
    const write = theirs.write.bind(theirs);
    theirs.write = ((text: string) => {
      written += text.length;
      return write(text);
    }) as typeof theirs.write;
    serveStream(theirs, gateway.handler, {});
    ours.write('{"id":1,"cmd":"conntrack.list"}\n');
    await settled();
    assert.ok(written > 0 && written < 70_000, `${written} characters for a reader that is away`);
    let text = '';
    for await (const chunk of ours) {
      text += String(chunk);
      if (text.endsWith('"done":{}}\n')) break;
    }
    assert.equal(text.trim().split('\n').length, 2001);
    theirs.destroy();
  });

  test('ends when the reader goes', async () => {
    const gateway = new EntryGateway();
    fill(gateway, 2000);
    const answer = gateway.client.request('conntrack.list', {});
    for await (const _ of answer) break;
    gateway.client.close();
    let turns = 0;
    gateway.betweenTurns = () => {
      turns++;
    };
    await settled();
    assert.ok(turns <= 1);
  });

  test('zero clears the counters that it has shown', async () => {
    const gateway = new EntryGateway();
    const [row] = fill(gateway, 2);
    gateway.conntrack.table.countPacket(row!, Direction.Reply, 100);
    const args = { zero: true, filter: { origSport: 1000 } };
    const [first] = await gateway.ask('conntrack.list', args);
    const [second] = await gateway.ask('conntrack.list', args);
    assert.deepEqual([first?.reply.bytes, second?.reply.bytes], [100, 0]);
  });

  test('tables: unconfirmed entries are in their own, dying ones are nowhere', async () => {
    const gateway = new EntryGateway();
    fill(gateway, 3);
    const tuple = new Tuple();
    tuple.meta = (4 << 8) | 6;
    gateway.conntrack.begin(tuple, tuple);
    const lengths = [];
    for (const table of ['conntrack', 'unconfirmed', 'dying'] as const) {
      lengths.push((await gateway.ask('conntrack.list', { table })).length);
    }
    assert.deepEqual(lengths, [3, 1, 0]);
    const refused = await gateway.refusal('conntrack.list', { filter: 5 } as never);
    assert.equal(refused, 'BAD_REQUEST');
  });
});

describe('rows as text', () => {
  test('say what the object says, for every kind of entry', async () => {
    const gateway = await variedGateway();
    const { engine } = gateway.gateway;
    const rowText = new RowText(engine);
    const { highWater } = gateway.conntrack.table;
    assert.ok(highWater > 20);
    for (let row = 0; row < highWater; row++) {
      assert.deepEqual(JSON.parse(rowText.of(row)), connectionDto(engine, row));
    }
  });
});

describe('the filter of rows', () => {
  test('says what the filter of conntrack(8) says of the objects', async () => {
    const gateway = await variedGateway();
    const { engine } = gateway.gateway;
    const { highWater } = gateway.conntrack.table;
    const entries = Array.from({ length: highWater }, (_, row) => connectionDto(engine, row));
    let matched = 0;
    const check = (filter: ConntrackFilterDto) => {
      const ofRow = compileRowFilter(engine, filter);
      const ofEntry = compileFilter(filter);
      for (const [row, entry] of entries.entries()) {
        assert.equal(ofRow(row), ofEntry(entry), JSON.stringify([filter, entry]));
        if (ofRow(row)) matched++;
      }
    };
    fc.assert(fc.property(filterOf(entries), check), { seed: 4, numRuns: 200 });
    assert.ok(matched > 100, `${matched} matches`);
  });

  test('an address that is none matches nothing', async () => {
    const gateway = await variedGateway();
    const ofRow = compileRowFilter(gateway.gateway.engine, { origSrc: { address: 'nowhere' } });
    assert.equal(ofRow(0), false);
  });
});

describe('conntrack.events', () => {
  test('only the events asked for', async () => {
    const gateway = new EntryGateway();
    const answer = gateway.client.request('conntrack.events', { events: ['DESTROY'] });
    const reader = answer[Symbol.asyncIterator]();
    const next = reader.next();
    await settled();
    const made = await gateway.create(udpEntry(5));
    await gateway.ask('conntrack.delete', { ids: [made.id] });
    const { value } = await next;
    assert.deepEqual([value?.event, value?.entry.id], ['DESTROY', made.id]);
  });

  test('none at all where the settings say so', async () => {
    const gateway = new EntryGateway();
    gateway.conntrack.settings.events = 0;
    await gateway.create(udpEntry(5));
    assert.deepEqual(gateway.told, []);
  });

  test('a reader that is too slow is told so and cut off', async () => {
    const gateway = new EntryGateway();
    const row = add(gateway, 1000);
    const answer = gateway.client.request('conntrack.events', {});
    const read = (async () => {
      let events = 0;
      for await (const _ of answer) events++;
      return events;
    })();
    await settled();
    for (let i = 0; i < 80_000; i++) gateway.events.connectionUpdate(row);
    await assert.rejects(read, { code: 'EVENTS_LOST' });
  });
});

/** How often a dump waits for its reader in the tests' pipe: at every piece. */
function pieces(entries: number): number {
  const characters = entries * 441;
  return Math.floor(characters / 65_536);
}

/** Lets everything that can go on without input go on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** Entries of both families, several protocols, with translations, zones, marks, labels, masters. */
async function variedGateway(): Promise<EntryGateway> {
  const gateway = new EntryGateway();
  const random = new Prng(7);
  const master = ftpEntry(1, { helper: 'ftp' });
  await gateway.create(master);
  for (let i = 0; i < 12; i++) {
    const mark = { value: random.below(4), mask: 0xffffffff };
    const zones = [{}, { zone: 3 }, { origZone: 4 }, { replyZone: 5 }][random.below(4)]!;
    const addLabels = random.below(2) === 0 ? [] : [random.below(128)];
    await gateway.create(udpEntry(100 + i, { mark, addLabels, ...zones }));
    const minAddress = `192.0.2.${1 + random.below(3)}`;
    const range = { minAddress, maxAddress: minAddress, minPort: 2000 + i, maxPort: 2000 + i };
    const side = random.below(2) === 0 ? { srcNat: range } : { dstNat: range };
    await gateway.create(ftpEntry(200 + i, { ...side, state: 'SYN_SENT', mark }));
  }
  await gateway.create(ftpEntry(2, { master: master.orig }));
  await gateway.create(udpEntry(9, { proto: 89 }));
  await gateway.create(
    udpEntry(9, { proto: 132, state: 'ESTABLISHED', origVtag: 1, replyVtag: 2 }),
  );
  await gateway.create(udpEntry(9, { proto: 47, status: Status.SeenReply | Status.Assured }));
  const numbers = { icmpType: 8, icmpCode: 0, icmpId: 9 };
  const orig = { src: 'fd00::1', dst: 'fd00::2' };
  const reply = { src: orig.dst, dst: orig.src };
  const ports = { sport: 5, dport: 53 };
  await gateway.create(
    udpEntry(5, { family: 6, orig: { ...orig, ...ports }, reply: { ...reply, ...ports } }),
  );
  const echo = { src: '10.0.0.1', dst: '10.0.0.2', ...numbers };
  const answer = { src: echo.dst, dst: echo.src, ...numbers, icmpType: 0 };
  await gateway.create(udpEntry(0, { proto: 1, orig: echo, reply: answer }));
  gateway.conntrack.table.countPacket(1, Direction.Original, 2 ** 33);
  gateway.gateway.clock.set(3, 0);
  return gateway;
}

/** Filters of one or two parts whose values mostly stand in some entry. */
function filterOf(entries: readonly ConntrackDto[]): fc.Arbitrary<ConntrackFilterDto> {
  const from = <T>(read: (entry: ConntrackDto) => T) =>
    fc.constantFrom(...entries.map(read).filter((value) => value !== undefined));
  const address = (read: (entry: ConntrackDto) => string) =>
    fc.record({ address: from(read) }).chain((match) => {
      const mask = match.address.includes(':') ? 'ffff::' : '255.255.255.0';
      return fc.constantFrom<{ address: string; mask?: string }>(match, { ...match, mask });
    });
  const translated = fc.oneof(
    fc.constant({}),
    fc.record({ address: from(({ reply }) => reply.dst) }),
    fc.record({ address: from(({ reply }) => reply.src) }),
    fc.record({ port: fc.integer({ min: 2000, max: 2003 }) }),
  );
  const bits = fc
    .record({ value: fc.nat(15), mask: fc.constantFrom(1, 2, 3, 15, 0xffffffff) })
    .map(({ value, mask }) => ({ value: (value & mask) >>> 0, mask }));
  return fc
    .record(
      {
        family: from(({ family }) => family),
        proto: from(({ proto }) => proto),
        origSrc: address(({ orig }) => orig.src),
        origDst: address(({ orig }) => orig.dst),
        replySrc: address(({ reply }) => reply.src),
        replyDst: address(({ reply }) => reply.dst),
        origSport: from(({ orig }) => orig.sport!),
        origDport: from(({ orig }) => orig.dport!),
        replySport: from(({ reply }) => reply.sport!),
        replyDport: from(({ reply }) => reply.dport!),
        icmpType: fc.nat(8),
        icmpCode: fc.nat(1),
        icmpId: fc.nat(9),
        state: from(({ state }) => state),
        status: bits,
        mark: bits,
        zone: from(({ zone }) => zone),
        origZone: from(({ origZone }) => origZone),
        replyZone: from(({ replyZone }) => replyZone),
        srcNat: translated,
        dstNat: translated,
        anyNat: translated,
        id: from(({ id }) => id),
        timeout: from(({ timeout }) => timeout),
      },
      { requiredKeys: [] },
    )
    .chain((all) => {
      const keys = Object.keys(all) as (keyof typeof all)[];
      return fc
        .subarray(keys, { maxLength: 2 })
        .map((kept) => Object.fromEntries(kept.map((key) => [key, all[key]])));
    });
}
