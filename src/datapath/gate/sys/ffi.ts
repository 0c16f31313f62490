import { DatapathUnavailable } from '../../host/index.ts';
import { SysError } from './sys-error.ts';

type Koffi = typeof import('koffi').default;
type Library = ReturnType<Koffi['load']>;

/** Memory handed to a call; the call's end is the end of its use. */
export type Bytes = Uint8Array | Int32Array | null;

/** A mapping of this process, until `unmap`; afterwards its views must not be touched. */
export interface Mapping {
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
}

/** Functions of libc that the gate uses. Results are those of C; `fail` makes the error of them. */
export interface Libc {
  /** bpf(2) through syscall(2). */
  readonly bpf: (command: number, attributes: Bytes, size: number) => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, at: Bytes, n: number) => number;
  readonly bind: (fd: number, address: Bytes, length: number) => number;
  readonly close: (fd: number) => number;
  /** The vector is an address: this is a hot call, and its memory stands still. */
  readonly sendmmsg: (fd: number, vector: bigint, count: number, flags: number) => number;
  readonly ioctl: (fd: number, request: number, argument: Bytes) => number;
  readonly epollCreate: (flags: number) => number;
  readonly epollCtl: (epoll: number, operation: number, fd: number, event: Bytes) => number;
  readonly mount: (source: string, target: string, type: string, data: string) => number;
  readonly umount: (target: string, flags: number) => number;
  readonly setrlimit: (resource: number, limits: Bytes) => number;
  /** Maps `length` bytes; throws `SysError`. */
  readonly map: (call: string, length: number, prot: number, fd: number, at: number) => Mapping;
  readonly unmap: (mapping: Mapping) => void;
  /** Address of memory that stands still: of a mapping's buffer, or of `nativeBytes`. */
  readonly addressOf: (memory: Uint8Array) => bigint;
  readonly errno: () => number;
  /** Throws the `SysError` of the call that has just failed. */
  readonly fail: (call: string, detail?: string) => never;
  readonly pageSize: number;
}

export const Prot = { Read: 1, ReadWrite: 3 } as const;
const MAP_SHARED = 1;
const MAP_ANONYMOUS = 0x20;
const SC_PAGESIZE = 30;

/**
 * Bytes outside the garbage collector's heap (an ArrayBuffer of its own is), so that their address
 * stands still as long as the array is referred to.
 */
export function nativeBytes(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}

/** A C string. */
export function nativeString(text: string): Buffer {
  const bytes = nativeBytes(Buffer.byteLength(text) + 1);
  bytes.write(text);
  return bytes;
}

let koffi: Koffi | undefined;
let libc: Libc | undefined;

/**
 * Loads the FFI addon and libc, at the first call only: the rest of Pinhole runs without them.
 * Throws `DatapathUnavailable` ('addon-missing').
 */
export async function loadLibc(): Promise<Libc> {
  if (libc === undefined) {
    koffi = await loadKoffi();
    libc = bindLibc(koffi, openLibc(koffi));
  }
  return libc;
}

/**
 * Has the event loop call back as long as `fd` is readable. Only after `loadLibc`. The addon does not
 * carry errors: an exception in its callback would end the process at the next collection of
 * garbage, in words of V8. So it is thrown a tick later, as an uncaught exception like any other.
 */
export function watchFd(fd: number, readable: () => void): { close(): void } {
  if (koffi === undefined) throw new Error('loadLibc first');
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    try {
      readable();
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  });
  return { close: () => handle.close() };
}

async function loadKoffi(): Promise<Koffi> {
  try {
    return (await import('koffi')).default;
  } catch (error) {
    throw missing('koffi', error);
  }
}

function openLibc(ffi: Koffi): Library {
  let last: unknown;
  for (const name of ['libc.so.6', 'libc.so', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']) {
    try {
      return ffi.load(name);
    } catch (error) {
      last = error;
    }
  }
  throw missing('libc', last);
}

function missing(what: string, error: unknown): DatapathUnavailable {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
  const mend = 'npm ci --include=optional, or run with --datapath capture';
  return new DatapathUnavailable('addon-missing', `cannot load ${what}: ${why}`, mend, error);
}

/** Number of bpf(2): include/uapi/asm-generic/unistd.h, and x86's own table. */
function bpfNumber(): number {
  if (process.arch === 'x64') return 321;
  if (process.arch === 'arm64') return 280;
  const mend = 'run with --datapath capture';
  throw new DatapathUnavailable('kernel-lacks', `no eBPF gate on ${process.arch}`, mend);
}

function bindLibc(ffi: Koffi, lib: Library): Libc {
  const nameOf = new Map(Object.entries(ffi.os.errno).map(([name, number]) => [number, name]));
  const fail = (call: string, detail?: string): never => {
    const errno = ffi.errno();
    throw new SysError(call, errno, nameOf.get(errno) ?? `E${errno}`, detail);
  };
  const syscall: (nr: number, command: number, at: Bytes, size: number) => number = lib.func(
    'long syscall(long, int, void*, uint32_t)',
  );
  const nr = bpfNumber();
  const sysconf: (name: number) => number = lib.func('long sysconf(int)');
  return {
    bpf: (command, attributes, size) => Number(syscall(nr, command, attributes, size)),
    socket: lib.func('int socket(int, int, int)'),
    setsockopt: lib.func('int setsockopt(int, int, int, void*, uint32_t)'),
    bind: lib.func('int bind(int, void*, uint32_t)'),
    close: lib.func('int close(int)'),
    sendmmsg: lib.func('int sendmmsg(int, void*, uint32_t, int)'),
    ioctl: lib.func('int ioctl(int, unsigned long, void*)'),
    epollCreate: lib.func('int epoll_create1(int)'),
    epollCtl: lib.func('int epoll_ctl(int, int, int, void*)'),
    setrlimit: lib.func('int setrlimit(int, void*)'),
    umount: lib.func('int umount2(const char*, int)'),
    ...bindMount(lib),
    ...bindMappings(ffi, lib, fail),
    addressOf: (memory) => ffi.address(memory),
    errno: () => ffi.errno(),
    fail,
    pageSize: Number(sysconf(SC_PAGESIZE)),
  };
}

function bindMount(lib: Library): Pick<Libc, 'mount'> {
  const mount: (from: string, to: string, type: string, flags: number, data: string) => number =
    lib.func('int mount(const char*, const char*, const char*, unsigned long, const char*)');
  return { mount: (source, target, type, data) => mount(source, target, type, 0, data) };
}

function bindMappings(ffi: Koffi, lib: Library, fail: Libc['fail']): Pick<Libc, 'map' | 'unmap'> {
  const mmap: (
    at: null,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint = lib.func('void* mmap(void*, size_t, int, int, int, long)');
  const munmap: (at: bigint, length: number) => number = lib.func('int munmap(void*, size_t)');
  return {
    map(call, length, prot, fd, offset) {
      const flags = fd === -1 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
      const address = mmap(null, length, prot, flags, fd, offset);
      if (BigInt.asIntN(64, BigInt(address)) === -1n) fail(call);
      return { address, buffer: ffi.view(address, length) };
    },
    unmap({ address, buffer }) {
      if (munmap(address, buffer.byteLength) !== 0) fail('munmap');
    },
  };
}
