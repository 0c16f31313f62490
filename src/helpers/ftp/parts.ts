import type { Clock, Prng } from '../../base/index.ts';
import type { Conntrack } from '../../conntrack/index.ts';
import type { SeqAdjustTable } from '../../nat/index.ts';

/** What the FTP helper works on. */
export interface FtpParts {
  readonly conntrack: Conntrack;
  readonly seqAdjust: SeqAdjustTable;
  readonly clock: Clock;
  readonly random: Prng;
}
