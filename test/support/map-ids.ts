import { type Libc, nativeBytes } from '../../src/datapath/gate/sys/index.ts';

/** enum bpf_cmd of linux/bpf.h. */
const MAP_GET_NEXT_ID = 12;
const ATTR_BYTES = 16;

/**
 * Whether the kernel has a map with this id. It is not opened for that: closing what only programs hold
 * has the kernel empty an array of programs (`prog_array_map_clear` of kernel/bpf/arraymap.c), which
 * holds the array for ever where it is done again before the first time is over.
 */
export function isMap(libc: Libc, id: number): boolean {
  const attributes = nativeBytes(ATTR_BYTES);
  attributes.writeUInt32LE(id - 1, 0);
  return (
    libc.bpf(MAP_GET_NEXT_ID, attributes, ATTR_BYTES) >= 0 && attributes.readUInt32LE(4) === id
  );
}
