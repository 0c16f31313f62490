/**
 * host: what both live datapaths do to the machine they run on, and take back. Cold.
 *
 * Invariant: the way back is on disk before a change is made; the next start adopts what a killed
 * process left behind.
 */
export { type DatapathCode, DatapathUnavailable } from './errors.ts';
export {
  type CommandRunner,
  failureText,
  type HostChange,
  HostChanges,
  type HostChangesOptions,
  runCommand,
} from './host-changes.ts';
export { needEthernet } from './need-ethernet.ts';
export { missEthtool, needPrograms, needRoot, stateFileOf } from './preconditions.ts';
