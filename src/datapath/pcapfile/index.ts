/**
 * pcapfile: capture files in and out. Reads classic pcap and pcapng (also in gzip) from memory,
 * writes classic pcap, and replays a file through an engine.
 *
 * Invariants: a frame handed out lies inside the file's bytes; a damaged file ends in a
 * `CaptureError`, or in a clean end with `truncated` set, after every whole packet before the damage;
 * the walk always moves forward. Opening is cold; `next()` and `write()` are hot and allocate nothing
 * per frame.
 */
export {
  CapturedFrame,
  type CaptureInterface,
  type CaptureReader,
  MAX_CAPTURED_BYTES,
} from './capture.ts';
export { CaptureError, type CaptureErrorCode } from './errors.ts';
export type { InterfacePrefix } from './interface-map.ts';
export { type OpenOptions, openCapture, openCaptureFile } from './reader.ts';
export { ReplayDatapath, type ReplayObserver } from './replay.ts';
export { CaptureWriter, type CaptureWriterOptions } from './writer.ts';
