import { BUCKET_SLOTS, CONFIG_WORDS, FLOW_WORDS, HOP_WORDS } from '../layout.ts';
import type { Bpf } from './bpf.ts';
import { type Mapped, mapArray, type SharedArray } from './shared-array.ts';

/** Prefix of the names of our maps and programs. */
const OURS = 'ph_';
/** Those of programs that only lead to the others, by an array of programs. */
const ENTRY = `${OURS}entry_`;

const wordsOf = {
  config: CONFIG_WORDS,
  flows: FLOW_WORDS,
  buckets: BUCKET_SLOTS,
  hops: HOP_WORDS,
} as const;
type Name = keyof typeof wordsOf;
const names = Object.keys(wordsOf) as Name[];

/**
 * The shared memory of a gate whose daemon is gone while its programs still stand at their hooks:
 * these hold it. Whether its layout is ours is for the reader to judge.
 */
export class FormerMaps {
  readonly config: SharedArray;
  readonly flows: SharedArray;
  readonly buckets: SharedArray;
  readonly hops: SharedArray;
  private readonly bpf: Bpf;
  private readonly fds: readonly number[];
  private readonly mapped: Mapped<SharedArray>[] = [];

  private constructor(bpf: Bpf, fds: Readonly<Record<Name, number>>) {
    this.bpf = bpf;
    this.fds = Object.values(fds);
    this.config = this.map('config', fds.config);
    this.flows = this.map('flows', fds.flows);
    this.buckets = this.map('buckets', fds.buckets);
    this.hops = this.map('hops', fds.hops);
  }

  /** Finds it by the ids of programs at the hooks; null where they are none of ours. Throws `SysError`. */
  static of(bpf: Bpf, programIds: readonly number[]): FormerMaps | null {
    const fds = new Map<string, number>();
    for (const id of programIds) collect(bpf, id, fds);
    const [config, flows, buckets, hops] = names.map((name) => fds.get(name));
    const isWhole =
      config !== undefined && flows !== undefined && buckets !== undefined && hops !== undefined;
    if (isWhole) return new FormerMaps(bpf, { config, flows, buckets, hops });
    for (const fd of fds.values()) bpf.close(fd);
    return null;
  }

  close(): void {
    for (const { mappings } of this.mapped.splice(0)) {
      for (const mapping of mappings) this.bpf.libc.unmap(mapping);
    }
    for (const fd of this.fds) this.bpf.close(fd);
  }

  private map(name: Name, fd: number): SharedArray {
    const { entries, valueSize } = this.bpf.mapInfo(fd);
    const array = mapArray(this.bpf, name, fd, (entries * valueSize) / 4);
    this.mapped.push(array);
    return array;
  }
}

/**
 * Opens the arrays that a program of ours works on, each once; their values must be of our size. Not
 * that of an entry: whoever closes an array of programs that only programs hold has the kernel empty it
 * by and by, and the second one to do so in the meantime has it kept for ever (prog_array_map_clear of
 * kernel/bpf/arraymap.c takes a reference each time, and schedules one and the same work).
 */
function collect(bpf: Bpf, programId: number, into: Map<string, number>): void {
  const program = bpf.programById(programId);
  if (program < 0) return;
  const { name } = bpf.programInfo(program);
  const isAtWork = name.startsWith(OURS) && !name.startsWith(ENTRY);
  const ids = isAtWork ? bpf.mapsOfProgram(program) : [];
  bpf.close(program);
  for (const id of ids) {
    const fd = bpf.mapById(id);
    if (fd < 0) continue;
    const info = bpf.mapInfo(fd);
    const known = names.find((each) => info.name === OURS + each);
    const isNew = known !== undefined && !into.has(known);
    if (isNew && info.valueSize === wordsOf[known] * 4) into.set(known, fd);
    else bpf.close(fd);
  }
}
