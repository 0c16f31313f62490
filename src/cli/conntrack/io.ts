import type { EventCauseDto } from '../../control/index.ts';
import type { GatewayIo } from '../gateway-io.ts';
import type { FormatOptions } from './format-options.ts';

/** What the command has of the world. */
export interface ConntrackIo extends GatewayIo {
  /** Aborted when the user interrupts. */
  signal: AbortSignal;
  /** Unix time in seconds, for `-L expect -o timestamp`. */
  now?: () => number;
  /** What is shown without `-o`. */
  format?: FormatOptions;
  /** Who the events name as the cause of what this command changes. */
  cause?: EventCauseDto;
}
