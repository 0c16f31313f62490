import { fileURLToPath } from 'node:url';
import { DatapathUnavailable } from '../host/index.ts';
import { bucketsFor, type FlowMemory } from './flows/index.ts';
import {
  Bpf,
  closePrograms,
  createMaps,
  fillPrograms,
  type GateMaps,
  loadLibc,
  loadPrograms,
  type MapSizes,
  Pins,
  type ProgramFds,
  type ProgramName,
  programNames,
  readObjectFile,
  SysError,
} from './sys/index.ts';

/** Shipped beside this file. */
const OBJECT = fileURLToPath(new URL('./bpf/gate.bpf.o', import.meta.url));
const KNOWN_RING_BYTES = 4 << 20;
const OTHER_RING_BYTES = 8 << 20;
/** For one that may have any number of connections; and the least and the most. */
const UNITS_WITHOUT_LIMIT = 1 << 20;
const FEWEST_UNITS = 1024;
const MOST_UNITS = 1 << 21;

/** The gate's maps and programs, loaded into the kernel and known to nobody else yet. */
export class KernelPart {
  readonly bpf: Bpf;
  readonly maps: GateMaps;
  private readonly programs: ProgramFds;

  private constructor(bpf: Bpf, maps: GateMaps, programs: ProgramFds) {
    this.bpf = bpf;
    this.maps = maps;
    this.programs = programs;
  }

  /** Loads everything for so many connections (0: no limit). Rejects with `DatapathUnavailable`. */
  static async load(connections: number): Promise<KernelPart> {
    const bpf = new Bpf(await loadLibc());
    const object = readObjectFile(OBJECT);
    const sizes = sizesFor(connections);
    return inWords(() => {
      const maps = createMaps(bpf, sizes);
      try {
        return new KernelPart(bpf, maps, loadPrograms(bpf, object, maps.fds));
      } catch (error) {
        maps.close();
        throw error;
      }
    });
  }

  get memory(): FlowMemory {
    const { config, flows, buckets, hops } = this.maps;
    return {
      config: config.words,
      flows: flows.words,
      buckets: buckets.words,
      hops: hops.words,
    };
  }

  /**
   * Gives the programs names for as long as `use` runs: `tc` finds them by name only. The directory
   * is there for nothing else.
   */
  withNames(directory: string, use: (pathOf: (program: ProgramName) => string) => void): void {
    const pins = new Pins(this.bpf, directory);
    try {
      pins.mount();
      for (const name of programNames) pins.pin(name, this.programs[name]);
      use((name) => pins.path(name));
    } catch (error) {
      throw error instanceof SysError ? lacks(error) : error;
    } finally {
      pins.remove();
    }
  }

  /** From now on the entries at the hooks lead to the programs, until this process ends. */
  openEntries(): void {
    fillPrograms(this.bpf, this.maps.fds, this.programs);
  }

  /** What is at a hook stays there. The shared memory must not be touched any more. */
  close(): void {
    closePrograms(this.bpf, this.programs);
    this.maps.close();
  }
}

function sizesFor(connections: number): MapSizes {
  const wanted = connections === 0 ? UNITS_WITHOUT_LIMIT : connections;
  const units = Math.min(Math.max(wanted, FEWEST_UNITS), MOST_UNITS);
  return {
    units,
    buckets: bucketsFor(units),
    ringBytes: OTHER_RING_BYTES,
    knownRingBytes: KNOWN_RING_BYTES,
  };
}

/** Why the gate's program cannot be loaded into this kernel; null where it can. Loads it to see. */
export async function gateRefusal(): Promise<{ message: string; mend: string } | null> {
  try {
    (await KernelPart.load(FEWEST_UNITS)).close();
    return null;
  } catch (error) {
    if (!(error instanceof DatapathUnavailable)) throw error;
    return { message: error.reason, mend: error.mend };
  }
}

function inWords<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw error instanceof SysError ? lacks(error) : error;
  }
}

function lacks(error: SysError): DatapathUnavailable {
  const detail = error.detail === '' ? '' : `: ${error.detail}`;
  const what = `${error.call}: ${error.code}${detail}`;
  return new DatapathUnavailable('kernel-lacks', what, error.mend, error);
}
