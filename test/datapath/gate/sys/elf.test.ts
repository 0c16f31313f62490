import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAYOUT_VERSION } from '../../../../src/datapath/gate/layout.ts';
import { readObject, readObjectFile } from '../../../../src/datapath/gate/sys/index.ts';
import { withMaps } from '../../../../src/datapath/gate/sys/programs.ts';
import { type FakeObject, objectFile, returns, smallGate } from './object-file.ts';

const fds = {
  config: 3,
  flows: 4,
  buckets: 5,
  hops: 6,
  counters: 7,
  known_ring: 8,
  other_ring: 9,
  programs: 0x1234,
  watched: 0x1235,
};

function refuses(file: Uint8Array, why: RegExp): void {
  assert.throws(
    () => readObject(file),
    (error: Error & { code?: string }) => error.code === 'bad-object' && why.test(error.message),
  );
}

const one = (change: Partial<FakeObject['programs'][number]>): FakeObject => ({
  programs: [{ name: 'ingress', instructions: returns(0), ...change }],
  maps: ['flows'],
  constants: ['greeting'],
});
const load = [0x18, 1, ...Array<number>(14).fill(0)];

describe('reading the object file', () => {
  test('refuses one that was not built for this shared memory', () => {
    const directory = mkdtempSync(join(tmpdir(), 'gate-object-'));
    const path = join(directory, 'gate.bpf.o');
    writeFileSync(path, objectFile(smallGate));
    const why = new RegExp(`layout 0, this version needs ${LAYOUT_VERSION}.*build-gate`, 's');
    assert.throws(() => readObjectFile(path), why);
    rmSync(directory, { recursive: true });
  });

  test('finds programs by section, and what they refer to', () => {
    const programs = readObject(objectFile(smallGate));
    const wanted = smallGate.programs.map(({ name }) => name);
    assert.deepEqual(
      programs.map(({ name }) => name),
      wanted,
    );
    assert.deepEqual(programs[0]?.maps, [{ offset: 0, map: 'programs' }]);
    assert.deepEqual(programs[4]?.instructions, Uint8Array.from(returns(0)));
  });

  test('puts descriptors in place, and leaves what was read as it is', () => {
    const program = readObject(objectFile(smallGate))[0]!;
    const before = program.instructions.slice();
    const linked = withMaps(program, fds);
    assert.equal(linked[1], 0x12, 'register 2, pseudo source 1');
    assert.deepEqual([...linked.subarray(4, 8)], [0x34, 0x12, 0, 0]);
    assert.deepEqual(program.instructions, before);
  });

  test('refuses what is not a BPF object', () => {
    const good = objectFile(smallGate);
    refuses(new Uint8Array(0), /too short/);
    refuses(Buffer.alloc(64), /not an ELF file/);
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(good);
      copy[at] = value;
      return copy;
    };
    refuses(changed(4, 1), /not 64 bits/);
    refuses(changed(5, 2), /not 64 bits, little endian/);
    refuses(changed(18, 62), /for machine 62/);
    refuses(changed(16, 2), /not a relocatable/);
  });

  test('refuses every truncation', () => {
    const good = objectFile(smallGate);
    for (let length = 0; length < good.length; length += 7) {
      refuses(good.subarray(0, length), /too short|truncated/);
    }
  });

  test('refuses references that it does not know', () => {
    const instructions = [...load, ...returns(0)];
    const relocated = (symbol: string, kind: number, offset = 0): Buffer =>
      objectFile(one({ instructions, relocations: [[offset, symbol, kind]] }));
    refuses(relocated('flows', 10), /calls flows: it must be always_inline/);
    refuses(relocated('flows', 2), /relocation kind 2 is unknown/);
    refuses(relocated('greeting', 1), /greeting in .rodata: only maps/);
    refuses(relocated('flows', 1, 16), /not a load/);
    refuses(relocated('flows', 1, 24), /relocation outside/);
  });

  test('refuses functions that were not inlined', () => {
    const callNext = [0x85, 0x10, 0, 0, 1, 0, 0, 0];
    refuses(objectFile(one({ instructions: [...callNext, ...returns(0)] })), /calls a function/);
    refuses(objectFile(one({ name: '.text' })), /outside a program section/);
    refuses(objectFile(one({ instructions: returns(0).slice(1) })), /not whole instructions/);
    refuses(objectFile({ programs: [], maps: [] }), /no program/);
  });

  test('refuses a map that the daemon does not make', () => {
    const file = objectFile({
      programs: [{ name: 'ingress', instructions: load, relocations: [[0, 'sessions']] }],
      maps: ['sessions'],
    });
    assert.throws(() => withMaps(readObject(file)[0]!, fds), /unknown map sessions/);
  });
});
