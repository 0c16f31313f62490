import { type Libc, nativeBytes, nativeString } from './ffi.ts';
import { Errno } from './sys-error.ts';

/** enum bpf_cmd of linux/bpf.h. */
const Command = {
  MapCreate: 0,
  MapLookup: 1,
  MapUpdate: 2,
  MapDelete: 3,
  ProgLoad: 5,
  ObjPin: 6,
  ObjGet: 7,
  TestRun: 10,
  ProgFdById: 13,
  MapFdById: 14,
  Info: 15,
  ProgQuery: 16,
} as const;

/** enum bpf_map_type. */
export const MapType = { Hash: 1, Array: 2, ProgArray: 3, PerCpuArray: 6, RingBuffer: 27 } as const;
export const MAP_FLAG_MMAPABLE = 1 << 10;
const PROG_TYPE_SCHED_CLS = 3;
/** enum bpf_attach_type: programs attached without a qdisc, from Linux 6.6 on. */
export const TcxHook = { ingress: 46, egress: 47 } as const;

/** Room for every attribute used here; the kernel wants zeros behind what it knows. */
const ATTR_BYTES = 128;
/** BPF_OBJ_NAME_LEN with its closing zero. */
const NAME_BYTES = 16;
const LOAD_TRIES = 5;
/** More than our programs have. */
const MAPS_OF_PROGRAM = 64;
const VERIFIER_LOG_BYTES = 1 << 20;

export interface MapShape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly entries: number;
  readonly flags: number;
}

export interface MapInfo extends MapShape {
  readonly id: number;
  readonly name: string;
}

export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  readonly name: string;
}

export interface TestRun {
  readonly data: Uint8Array;
  /** struct __sk_buff, at most 192 bytes; what may not be set must be 0. */
  readonly context?: Uint8Array;
  readonly repeat?: number;
}

export interface TestResult {
  /** What the program returned, as TC_ACT_OK. */
  readonly verdict: number;
  readonly data: Uint8Array;
  readonly context: Uint8Array;
  /** Mean of one run. */
  readonly durationNs: number;
}

/** The kernel's attribute, field by field, with what it points to kept from the collector. */
class Attributes {
  readonly bytes = nativeBytes(ATTR_BYTES);
  private readonly referred: Uint8Array[] = [];
  private readonly libc: Libc;

  constructor(libc: Libc) {
    this.libc = libc;
  }

  u32(at: number, value: number): this {
    this.bytes.writeUInt32LE(value >>> 0, at);
    return this;
  }

  pointer(at: number, memory: Uint8Array): this {
    this.referred.push(memory);
    this.bytes.writeBigUInt64LE(BigInt(this.libc.addressOf(memory)), at);
    return this;
  }

  name(at: number, name: string): this {
    this.bytes.write(name.slice(0, NAME_BYTES - 1).replaceAll(/[^\w.]/g, '_'), at);
    return this;
  }

  /** Result of the call, -1 on failure. */
  run(command: number): number {
    const result = this.libc.bpf(command, this.bytes, ATTR_BYTES);
    // Also what keeps `referred` alive until here.
    this.referred.length = 0;
    return result;
  }
}

/** bpf(2), one method a command. Cold: every call makes its attribute anew. Throws `SysError`. */
export class Bpf {
  readonly libc: Libc;

  constructor(libc: Libc) {
    this.libc = libc;
  }

  createMap(name: string, shape: MapShape): number {
    const fd = this.attributes()
      .u32(0, shape.type)
      .u32(4, shape.keySize)
      .u32(8, shape.valueSize)
      .u32(12, shape.entries)
      .u32(16, shape.flags)
      .name(28, name)
      .run(Command.MapCreate);
    return this.checked(fd, `bpf(MAP_CREATE ${name})`);
  }

  /**
   * False where there is no such element. `value` is of `nativeBytes`; for a per-processor map it
   * holds the value of every possible processor.
   */
  lookup(map: number, key: Uint8Array, value: Uint8Array): boolean {
    const done = this.element(map, key).pointer(16, value).run(Command.MapLookup);
    if (done < 0 && this.libc.errno() === Errno.ENOENT) return false;
    this.checked(done, 'bpf(MAP_LOOKUP_ELEM)');
    return true;
  }

  update(map: number, key: Uint8Array, value: Uint8Array): void {
    const done = this.element(map, key).pointer(16, copy(value)).run(Command.MapUpdate);
    this.checked(done, 'bpf(MAP_UPDATE_ELEM)');
  }

  /** False where there was no such element. */
  delete(map: number, key: Uint8Array): boolean {
    const done = this.element(map, key).run(Command.MapDelete);
    if (done < 0 && this.libc.errno() === Errno.ENOENT) return false;
    this.checked(done, 'bpf(MAP_DELETE_ELEM)');
    return true;
  }

  /**
   * Loads a program for tc. It is loaded without a log first, which is cheap; where the verifier
   * refuses it, once more, and the error holds the end of the verifier's text.
   */
  loadProgram(name: string, instructions: Uint8Array, licence: string): number {
    const load = (): Attributes =>
      this.attributes()
        .u32(0, PROG_TYPE_SCHED_CLS)
        .u32(4, instructions.length / 8)
        .pointer(8, copy(instructions))
        .pointer(16, nativeString(licence))
        .name(48, name);
    let fd = load().run(Command.ProgLoad);
    // The verifier gives way to a signal that is pending (bpf_check: -EAGAIN).
    for (let i = 0; fd < 0 && i < LOAD_TRIES && this.libc.errno() === Errno.EAGAIN; i++) {
      fd = load().run(Command.ProgLoad);
    }
    if (fd >= 0) return fd;
    const call = `bpf(PROG_LOAD ${name})`;
    if (this.libc.errno() === Errno.EPERM) return this.libc.fail(call);
    const log = nativeBytes(VERIFIER_LOG_BYTES);
    const again = load().u32(24, 1).u32(28, log.length).pointer(32, log).run(Command.ProgLoad);
    return again >= 0 ? again : this.libc.fail(call, `verifier: ${endOfText(log)}`);
  }

  pin(fd: number, path: string): void {
    const done = this.attributes().pointer(0, nativeString(path)).u32(8, fd).run(Command.ObjPin);
    this.checked(done, `bpf(OBJ_PIN ${path})`);
  }

  /** Opens what is pinned; -1 where nothing is. */
  open(path: string): number {
    const fd = this.attributes().pointer(0, nativeString(path)).run(Command.ObjGet);
    if (fd < 0 && this.libc.errno() === Errno.ENOENT) return -1;
    return this.checked(fd, `bpf(OBJ_GET ${path})`);
  }

  mapInfo(fd: number): MapInfo {
    const info = this.info(fd, 'map');
    return {
      type: info.readUInt32LE(0),
      id: info.readUInt32LE(4),
      keySize: info.readUInt32LE(8),
      valueSize: info.readUInt32LE(12),
      entries: info.readUInt32LE(16),
      flags: info.readUInt32LE(20),
      name: nameAt(info, 24),
    };
  }

  programInfo(fd: number): ProgramInfo {
    const info = this.info(fd, 'program');
    return { type: info.readUInt32LE(0), id: info.readUInt32LE(4), name: nameAt(info, 64) };
  }

  /** Ids of the maps that a program works on. */
  mapsOfProgram(fd: number): number[] {
    const ids = nativeBytes(MAPS_OF_PROGRAM * 4);
    const info = nativeBytes(256);
    info.writeUInt32LE(MAPS_OF_PROGRAM, 52);
    info.writeBigUInt64LE(BigInt(this.libc.addressOf(ids)), 56);
    const attributes = this.attributes().u32(0, fd).u32(4, info.length).pointer(8, info);
    this.checked(attributes.run(Command.Info), 'bpf(OBJ_GET_INFO program)');
    const count = Math.min(info.readUInt32LE(52), MAPS_OF_PROGRAM);
    return Array.from({ length: count }, (_, i) => ids.readUInt32LE(i * 4));
  }

  /** The map with this id, as a file descriptor; -1 where it is gone. */
  mapById(id: number): number {
    const fd = this.attributes().u32(0, id).run(Command.MapFdById);
    if (fd < 0 && this.libc.errno() === Errno.ENOENT) return -1;
    return this.checked(fd, `bpf(MAP_GET_FD_BY_ID ${id})`);
  }

  /** The program with this id, as a file descriptor; -1 where it is gone. */
  programById(id: number): number {
    const fd = this.attributes().u32(0, id).run(Command.ProgFdById);
    if (fd < 0 && this.libc.errno() === Errno.ENOENT) return -1;
    return this.checked(fd, `bpf(PROG_GET_FD_BY_ID ${id})`);
  }

  /** Ids of the programs at a tcx hook, in order; none where the kernel has no tcx (before 6.6). */
  tcxPrograms(ifindex: number, hook: keyof typeof TcxHook): number[] {
    const ids = nativeBytes(64 * 4);
    const attributes = this.attributes()
      .u32(0, ifindex)
      .u32(4, TcxHook[hook])
      .pointer(16, ids)
      .u32(24, 64);
    if (attributes.run(Command.ProgQuery) < 0) {
      const { EINVAL, ENOENT } = Errno;
      if (this.libc.errno() === EINVAL || this.libc.errno() === ENOENT) return [];
      return this.libc.fail('bpf(PROG_QUERY)');
    }
    const count = attributes.bytes.readUInt32LE(24);
    return Array.from({ length: count }, (_, i) => ids.readUInt32LE(i * 4));
  }

  /** Runs a program over a frame, outside any interface. For tests. */
  testRun(program: number, { data, context, repeat = 1 }: TestRun): TestResult {
    const output = nativeBytes(data.length + 4096);
    const contextOut = nativeBytes(192);
    const attributes = this.attributes()
      .u32(0, program)
      .u32(8, data.length)
      .u32(12, output.length)
      .pointer(16, copy(data))
      .pointer(24, output)
      .u32(32, repeat);
    if (context !== undefined) {
      attributes.u32(40, context.length).pointer(48, copy(context));
      attributes.u32(44, contextOut.length).pointer(56, contextOut);
    }
    this.checked(attributes.run(Command.TestRun), 'bpf(PROG_TEST_RUN)');
    const { bytes } = attributes;
    return {
      verdict: bytes.readInt32LE(4),
      data: output.subarray(0, bytes.readUInt32LE(12)),
      context: contextOut.subarray(0, bytes.readUInt32LE(44)),
      durationNs: bytes.readUInt32LE(36),
    };
  }

  close(fd: number): void {
    if (fd >= 0) this.libc.close(fd);
  }

  private attributes(): Attributes {
    return new Attributes(this.libc);
  }

  /** Copies the key: it may live where addresses do not stand still. */
  private element(map: number, key: Uint8Array): Attributes {
    return this.attributes().u32(0, map).pointer(8, copy(key));
  }

  private info(fd: number, what: string): Buffer {
    const info = nativeBytes(256);
    const attributes = this.attributes().u32(0, fd).u32(4, info.length).pointer(8, info);
    this.checked(attributes.run(Command.Info), `bpf(OBJ_GET_INFO ${what})`);
    return info;
  }

  private checked(result: number, call: string): number {
    return result < 0 ? this.libc.fail(call) : result;
  }
}

function nameAt(info: Buffer, at: number): string {
  return info.toString('latin1', at, at + NAME_BYTES).replace(/\0.*$/s, '');
}

function copy(bytes: Uint8Array): Buffer {
  const still = nativeBytes(Math.max(1, bytes.length));
  still.set(bytes);
  return still;
}

/** The last lines of the verifier's text: they say why. */
function endOfText(log: Buffer): string {
  const end = log.indexOf(0);
  const lines = log
    .toString('utf8', 0, end < 0 ? log.length : end)
    .trim()
    .split('\n');
  return lines.slice(-12).join('\n');
}
