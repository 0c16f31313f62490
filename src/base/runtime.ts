import { getPriority, setPriority } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/**
 * Bytes of bytecode that the compiler may inline into one function (V8's own limit is 920). The way
 * of a packet is many short functions deep: with the limit of V8 a packet costs a fifth more
 * (docs/performance.md).
 */
const INLINED_BYTES = 5000;

/**
 * To be called once by a program that is about to pass packets through an engine, before it does: what
 * is compiled already stays as it is.
 *
 * V8's memory reducer is switched off: when little is allocated it compacts the heap to give a few
 * megabytes back, and stops the packet loop for 25 ms to do so.
 */
export function tuneForPackets(): void {
  setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${INLINED_BYTES}`);
  setFlagsFromString('--no-memory-reducer');
}

/**
 * On a busy machine, twice the sessions a second (docs/performance.md): the kernel's own firewall waits
 * for no process at all.
 */
const PRIORITY = -5;

/**
 * To be called by a gateway: from now on it comes before processes of usual priority. Nothing where
 * somebody has given it another one (`nice`, `Nice=` of a unit), or where it may not have a higher one.
 */
export function takePrecedence(): void {
  if (getPriority() !== 0) return;
  try {
    setPriority(PRIORITY);
  } catch {
    // Without CAP_SYS_NICE: no reason not to start.
  }
}
