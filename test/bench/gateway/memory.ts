/** What connections cost in memory. */
import { readdirSync, readFileSync } from 'node:fs';

export interface MemoryReading {
  /** Bytes that grow with the number of connections. */
  readonly growing: number;
  /** Bytes that are set aside for connections at the start, whether there are any or not. */
  readonly reserved: number;
}

/** Bytes per connection: what grew between two readings, and all that was set aside. */
export function bytesPerConnection(
  before: MemoryReading,
  after: MemoryReading,
  connections: number,
): number {
  return (after.growing - before.growing + after.reserved) / connections;
}

function kibibytes(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  if (found === null) throw new Error(`no ${name} where the kernel tells of memory`);
  return Number(found[1]) * 1024;
}

/**
 * The kernel's connections and their extensions are slab objects that are not reclaimed. Its hash
 * table, which has one size whatever it holds, is not counted.
 */
export function kernelMemory(): MemoryReading {
  return { growing: kibibytes(readFileSync('/proc/meminfo', 'utf8'), 'SUnreclaim'), reserved: 0 };
}

/** BPF_MAP_TYPE_ARRAY: flows, buckets, hops. Rings have another type; they belong to no connection. */
const MAP_TYPE_ARRAY = 2;

/** Empty where it is gone: a process closes files, such as a control connection, while others look. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Memory of the array maps that this process holds. */
function arrayMapBytes(pid: number): number {
  const dir = `/proc/${pid}/fdinfo`;
  const bytesById = new Map<string, number>();
  for (const fd of readdirSync(dir)) {
    const text = readIfThere(`${dir}/${fd}`);
    const field = (name: string) => new RegExp(`^${name}:\\s+(\\d+)$`, 'm').exec(text)?.[1];
    const id = field('map_id');
    if (id !== undefined && Number(field('map_type')) === MAP_TYPE_ARRAY) {
      bytesById.set(id, Number(field('memlock') ?? 0));
    }
  }
  return [...bytesById.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Pinhole: anonymous memory of the process, which is the engine's tables and the rest of Node, and
 * all of the maps, which are set aside for the greatest number of connections.
 */
export function processMemory(pid: number): MemoryReading {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { growing: kibibytes(status, 'RssAnon'), reserved: arrayMapBytes(pid) };
}
