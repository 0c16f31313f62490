import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FLOW_WORDS } from '../../../../src/datapath/gate/layout.ts';
import {
  Bpf,
  closePrograms,
  createMaps,
  FormerMaps,
  fillPrograms,
  type Libc,
  loadLibc,
  loadPrograms,
  PacketSocket,
  Pins,
  readObject,
  readObjectFile,
  SysError,
  Waiter,
} from '../../../../src/datapath/gate/sys/index.ts';
import { untilTrue } from '../../../live/until.ts';
import { isMap } from '../../../support/map-ids.ts';
import { objectFile, smallGate } from './object-file.ts';

const sizes = { units: 1000, buckets: 64, ringBytes: 65536, knownRingBytes: 32768 };
const object = fileURLToPath(
  new URL('../../../../src/datapath/gate/bpf/gate.bpf.o', import.meta.url),
);
const NOT_BUILT = 'gate.bpf.o is not built: scripts/build-gate.sh';
const TC_ACT_SHOT = 2;
const frame = new Uint8Array(64).fill(0xa5);
const isRoot = process.getuid?.() === 0;
const options = isRoot ? {} : { skip: 'needs root: bpf(2), mounts and packet sockets' };

/** The gate's own maps and programs, and the ids of these. */
async function loadGate() {
  const bpf = new Bpf(await loadLibc());
  const maps = createMaps(bpf, { ...sizes, units: 1024, buckets: 256 });
  const programs = loadPrograms(bpf, readObjectFile(object), maps.fds);
  const ids = Object.values(programs).map((fd) => bpf.programInfo(fd).id);
  return { bpf, maps, programs, ids };
}

describe('the kernel', options, () => {
  const directory = mkdtempSync(join(tmpdir(), 'pinhole-sys-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  test('programs count, punt and are called through the map of programs', async () => {
    const bpf = new Bpf(await loadLibc());
    const maps = createMaps(bpf, sizes);
    const programs = loadPrograms(bpf, readObject(objectFile(smallGate)), maps.fds);
    const enter = (): number => bpf.testRun(programs.entry_ingress, { data: frame }).verdict;
    assert.equal(enter(), 0, 'no program in the slot: on to the kernel');
    fillPrograms(bpf, maps.fds, programs);
    assert.equal(enter(), TC_ACT_SHOT);
    assert.equal(enter(), TC_ACT_SHOT);
    const counters = new Float64Array(12);
    maps.readCounters(counters);
    assert.deepEqual([...counters.subarray(0, 2)], [2, 0]);
    const { words, producer, size } = maps.knownRing;
    assert.deepEqual([...producer], [32, 0]);
    assert.deepEqual([words[0], words[2], words[4]], [8, 0x1234, 8]);
    assert.equal(words[size / 4 + 2], 0x1234, 'the data stands there twice');
    closePrograms(bpf, programs);
    maps.close();
  });

  test('a program that the verifier refuses: its text is in the error', async () => {
    const bpf = new Bpf(await loadLibc());
    const nothing = Uint8Array.of(0x95, 0, 0, 0, 0, 0, 0, 0);
    assert.throws(
      () => bpf.loadProgram('bad', nothing, 'Apache-2.0'),
      (error) => error instanceof SysError && /PROG_LOAD bad.*R0 !read_ok/s.test(error.message),
    );
  });

  test('what is pinned has a name, until the names are removed', async () => {
    const bpf = new Bpf(await loadLibc());
    const pins = new Pins(bpf, join(directory, 'gate-1'));
    assert.deepEqual(pins.list(), []);
    pins.mount();
    pins.mount();
    const maps = createMaps(bpf, sizes);
    for (const [name, fd] of Object.entries(maps.fds)) pins.pin(name, fd);
    assert.equal(pins.list().length, 9);
    assert.ok(pins.unpin('hops'));
    assert.equal(pins.open('hops'), -1);
    maps.close();
    pins.remove();
    pins.remove();
    assert.ok(!existsSync(pins.directory));
  });

  test('the memory of a former process is found by its programs', async (t) => {
    if (!existsSync(object)) return t.skip(NOT_BUILT);
    const { bpf, maps, programs, ids } = await loadGate();
    maps.flows.words[1000 * FLOW_WORDS - 1] = 77;
    maps.close();
    const former = FormerMaps.of(bpf, ids);
    assert.equal(former?.flows.words[1000 * FLOW_WORDS - 1], 77);
    assert.equal(former?.flows.words.length, 1024 * FLOW_WORDS);
    former?.close();
    closePrograms(bpf, programs);
    assert.equal(FormerMaps.of(bpf, ids.slice(0, 1)), null, 'programs that are gone');
  });

  test('an array of programs is not opened by whoever looks for that memory', async (t) => {
    if (!existsSync(object)) return t.skip(NOT_BUILT);
    const { bpf, maps, programs, ids } = await loadGate();
    const array = bpf.mapInfo(maps.fds.programs).id;
    assert.ok(bpf.mapsOfProgram(programs.entry_ingress).includes(array));
    maps.close();
    const { mock } = t.mock.method(bpf, 'mapById');
    FormerMaps.of(bpf, ids)?.close();
    const opened = mock.calls.map(({ arguments: [id] }) => id);
    assert.ok(opened.length >= 4);
    assert.ok(!opened.includes(array), 'the array of programs was opened');
    closePrograms(bpf, programs);
    await untilTrue('it to go', () => !isMap(bpf.libc, array), 30_000);
  });

  test('sizes that the kernel cannot map are refused before', async () => {
    const bpf = new Bpf(await loadLibc());
    assert.throws(() => createMaps(bpf, { ...sizes, ringBytes: 5000 }), RangeError);
    assert.throws(() => createMaps(bpf, { ...sizes, buckets: 3 }), RangeError);
    assert.throws(() => createMaps(bpf, { ...sizes, units: 0 }), RangeError);
  });

  test('a frame that cannot be sent is counted, and the others go', async () => {
    const libc = await loadLibc();
    const socket = new PacketSocket(libc, { slots: 4, mark: 1 });
    const loopback = 1;
    for (let slot = 0; slot < 4; slot++) {
      const at = socket.slotOffset(slot);
      socket.slab.fill(0xff, at, at + 64);
      // An EtherType for experiments: nobody listens.
      socket.view.setUint16(at + 12, 0x88b5);
      socket.queue(slot, 0, 64, slot === 1 ? 0x7fffffff : loopback);
    }
    assert.equal(socket.flush(), 3);
    assert.deepEqual([socket.sent, socket.failed, socket.queued], [3, 1, 0]);
    assert.equal(socket.failures[6], 1, 'ENXIO');
    assert.equal(socket.flush(), 0);
    socket.close();
  });
});

/** A ring, and a program that writes to it. */
function makeRing(libc: Libc): { fd: number; punt(): void; release(): void; close(): void } {
  const bpf = new Bpf(libc);
  const maps = createMaps(bpf, sizes);
  const programs = loadPrograms(bpf, readObject(objectFile(smallGate)), maps.fds);
  return {
    fd: maps.fds.known_ring,
    punt: () => void bpf.testRun(programs.ingress, { data: frame }),
    release(): void {
      maps.knownRing.consumer.set(maps.knownRing.producer);
    },
    close(): void {
      closePrograms(bpf, programs);
      maps.close();
    },
  };
}

describe('waiting', options, () => {
  test('the loop calls as long as a ring holds something, and not after', async () => {
    const libc = await loadLibc();
    const ring = makeRing(libc);
    const waiter = new Waiter(libc, [ring.fd]);
    let turns = 0;
    await new Promise<void>((resolve) => {
      waiter.watch(() => {
        turns += 1;
        if (turns === 3) ring.release();
        if (turns === 4) resolve();
      });
      ring.punt();
      // Two turns of the loop after the release: nobody calls; a new record does.
      const again = (): void => void setImmediate(() => (turns < 3 ? again() : ring.punt()));
      again();
    });
    assert.equal(turns, 4);
    waiter.close();
    ring.close();
  });

  test('what a turn throws is an uncaught exception, and no crash', async () => {
    const libc = await loadLibc();
    const ring = makeRing(libc);
    const waiter = new Waiter(libc, [ring.fd]);
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
    waiter.watch(() => {
      ring.release();
      throw new Error('from a turn');
    });
    ring.punt();
    assert.equal((await caught).message, 'from a turn');
    for (const listener of listeners) process.on('uncaughtException', listener);
    waiter.close();
    ring.close();
  });
});
