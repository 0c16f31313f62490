/**
 * datapath: where packets come from and go to. A capture file, a live capture, or memory (for
 * tests); and the kernel's routes and addresses. Each hands packets, interfaces and the time to the
 * same engine. Knows neither rule text nor the command line. Native addons are loaded here only,
 * when a live capture is opened.
 */

export { type CaptureOptions, prepareCapture } from './capture/index.ts';
export { type Diagnosis, examine, type Finding, type HostProbe, thisHost } from './doctor/index.ts';
export { type GateOptions, prepareGate } from './gate/index.ts';
export { DatapathUnavailable } from './host/index.ts';
export {
  type LiveDatapath,
  type LiveDatapathName,
  liveDatapathNames,
  type OnExit,
  onExitValues,
} from './live.ts';
export { MemoryDatapath, type Passed, type SentPacket } from './memory/index.ts';
export {
  type NflogOutputOptions,
  NflogOutputs,
  type NflogTarget,
  type PacketTime,
} from './nflog/index.ts';
export {
  CapturedFrame,
  CaptureError,
  type CaptureReader,
  CaptureWriter,
  type InterfacePrefix,
  openCapture,
  openCaptureFile,
  ReplayDatapath,
  type ReplayObserver,
} from './pcapfile/index.ts';
