/**
 * capture: the live datapath over `cap` (libpcap) and `raw-socket`.
 */
export {
  CaptureDatapath,
  type CaptureOptions,
  prepareCapture,
} from './capture-datapath.ts';
export { type DatapathCode, DatapathUnavailable } from './errors.ts';
export { HostChanges, type HostChangesOptions } from './host-changes.ts';
export type { CaptureEngine } from './packet-path.ts';
export type { CaptureStats } from './stats.ts';
