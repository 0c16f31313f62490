import { readFileSync } from 'node:fs';
import { DatapathUnavailable } from '../../host/index.ts';
import { LAYOUT_VERSION, type MapName, mapNames, ProgramSlot } from '../layout.ts';
import type { Bpf } from './bpf.ts';
import { layoutOf, type ObjectProgram, readObject } from './elf.ts';
import { nativeBytes } from './ffi.ts';

/** Sections of the object file. The first two stand at the hooks, and call the next two. */
export const programNames = [
  'entry_ingress',
  'entry_egress',
  'ingress',
  'egress',
  'reentry',
  'segments',
  'entry_loopback',
  'loopback',
] as const;
export type ProgramName = (typeof programNames)[number];

/** No helper that the kernel keeps for GPL programs is used. */
const LICENCE = 'Apache-2.0';
/** BPF_PSEUDO_MAP_FD: the load's immediate is the descriptor of a map. */
const PSEUDO_MAP_FD = 1;

export type ProgramFds = Readonly<Record<ProgramName, number>>;
export type MapFds = Readonly<Record<MapName, number>>;

const MEND = 'build it with scripts/build-gate.sh';

/**
 * Reads an object file whose programs know the shared memory as this process does. Throws
 * `DatapathUnavailable` ('object-missing', 'bad-object').
 */
export function readObjectFile(path: string): ObjectProgram[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new DatapathUnavailable('object-missing', `cannot read ${path}`, MEND, error);
  }
  const layout = layoutOf(bytes);
  if (layout !== LAYOUT_VERSION) {
    const what = `${path} has layout ${layout}, this version needs ${LAYOUT_VERSION}`;
    throw new DatapathUnavailable('bad-object', what, MEND);
  }
  return readObject(bytes);
}

/**
 * Loads every program of the object with these maps. Nothing is called yet: see `fillPrograms`.
 * Throws 'bad-object' where a section is missing or refers to an unknown map, and `SysError` with
 * the verifier's text where the kernel refuses a program; nothing stays loaded then.
 */
export function loadPrograms(
  bpf: Bpf,
  object: readonly ObjectProgram[],
  maps: MapFds,
): Record<ProgramName, number> {
  const loaded: [ProgramName, number][] = [];
  try {
    for (const name of programNames) loaded.push([name, loadOne(bpf, object, name, maps)]);
  } catch (error) {
    for (const [, fd] of loaded) bpf.close(fd);
    throw error;
  }
  return Object.fromEntries(loaded) as Record<ProgramName, number>;
}

/** Puts the programs where the entries at the hooks find them: from now on they work. */
export function fillPrograms(bpf: Bpf, maps: MapFds, programs: ProgramFds): void {
  setSlot(bpf, maps.programs, ProgramSlot.Ingress, programs.ingress);
  setSlot(bpf, maps.programs, ProgramSlot.Egress, programs.egress);
  setSlot(bpf, maps.programs, ProgramSlot.Loopback, programs.loopback);
}

export function closePrograms(bpf: Bpf, programs: ProgramFds): void {
  for (const name of programNames) bpf.close(programs[name]);
}

function loadOne(
  bpf: Bpf,
  object: readonly ObjectProgram[],
  name: ProgramName,
  maps: MapFds,
): number {
  const program = object.find((candidate) => candidate.name === name);
  if (program === undefined) return refuse(`no section ${name}`);
  return bpf.loadProgram(`ph_${name}`, withMaps(program, maps), LICENCE);
}

/** The instructions with the descriptors of the maps in place. */
export function withMaps(program: ObjectProgram, maps: MapFds): Uint8Array {
  const instructions = new Uint8Array(program.instructions);
  const view = new DataView(instructions.buffer);
  for (const { offset, map } of program.maps) {
    if (!isMapName(map)) refuse(`section ${program.name}: unknown map ${map}`);
    const destination = view.getUint8(offset + 1) & 0x0f;
    view.setUint8(offset + 1, destination | (PSEUDO_MAP_FD << 4));
    view.setInt32(offset + 4, maps[map as MapName], true);
    view.setInt32(offset + 12, 0, true);
  }
  return instructions;
}

function isMapName(name: string): name is MapName {
  return (mapNames as readonly string[]).includes(name);
}

function refuse(why: string): never {
  const mend = 'build it again with scripts/build-gate.sh';
  throw new DatapathUnavailable('bad-object', `the gate's object file: ${why}`, mend);
}

function setSlot(bpf: Bpf, map: number, slot: number, program: number): void {
  bpf.update(map, word(slot), word(program));
}

function word(value: number): Buffer {
  const bytes = nativeBytes(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}
