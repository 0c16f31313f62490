/**
 * flows: this process's side of the memory that it shares with the gate's program. Which flows the
 * program forwards, how, out of where; what it has counted; what it knows of TCP windows.
 *
 * Everything works on words handed in: views of mapped BPF arrays, or plain arrays in tests. Nothing
 * here makes a system call. The program reads the memory at any time, on other processors: what it
 * finds is always a whole flow. Hot: `install`, `collect`, `readSides`, `writeSides`, `withdraw` and
 * `collectSome` allocate nothing. Cold: `initialise`, `flowsOf`, `sidesOf`.
 */
export { HopTable } from './hops.ts';
export {
  bucketsFor,
  type FlowMemory,
  FlowMemoryError,
  initialise,
  MOST_UNITS,
} from './memory.ts';
export { SharedFlows } from './shared-flows.ts';
export { SEEN_WORDS } from './sides.ts';
export { flowsOf, sidesOf } from './used-flows.ts';
