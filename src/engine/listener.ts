import type { ConntrackListener } from '../conntrack/index.ts';
import type { FtpRefusal } from '../helpers/index.ts';

/** Told of all that happens in an engine beside the passing of packets. */
export interface EngineListener extends ConntrackListener {
  announcementRefused(refusal: FtpRefusal): void;
  /** A line of `-j LOG`, without its level. */
  logged(line: string, level: number): void;
}
