/**
 * sys: everything of the gate that talks to the kernel: FFI, bpf(2), the loader of the object file,
 * maps, pins, hooks, the punt pair, the packet socket and waiting.
 *
 * Invariants: the FFI addon is loaded at the first `loadLibc`, and its absence is one clear error;
 * what the gate decides is not known here; errors of the kernel are `SysError`s that name the call,
 * the error and the mend. Cold, but for `PacketSocket` and `Waiter`, whose
 * calls make no object.
 */
export { Bpf, type MapInfo, type ProgramInfo, type TestResult, type TestRun } from './bpf.ts';
export { type MapReference, type ObjectProgram, readObject } from './elf.ts';
export { type Libc, loadLibc, nativeBytes } from './ffi.ts';
export { FormerMaps } from './former-maps.ts';
export {
  addClsact,
  attachProgram,
  filterQuery,
  foreignFilters,
  type Hook,
  hasClsact,
  hasIngressQdisc,
  PUNT0,
  PUNT1,
  puntPair,
  puntPairSettings,
  tcxPrograms,
} from './links.ts';
export { createMaps, type GateMaps, type MapSizes } from './maps.ts';
export { PacketSocket, type PacketSocketOptions } from './packet-socket.ts';
export { Pins } from './pins.ts';
export {
  closePrograms,
  fillPrograms,
  loadPrograms,
  type MapFds,
  type ProgramFds,
  type ProgramName,
  programNames,
  readObjectFile,
} from './programs.ts';
export type { Ring, SharedArray } from './shared-array.ts';
export { Errno, SysError } from './sys-error.ts';
export { type RingWatch, Waiter } from './waiting.ts';
