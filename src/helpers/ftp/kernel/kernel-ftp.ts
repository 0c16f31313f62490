import type { DirectionCode } from '../../../conntrack/index.ts';
import type { Packet } from '../../../wire/index.ts';
import { HelperVerdict, type HelperVerdictCode } from '../../helper.ts';
import type { FtpParts } from '../parts.ts';
import type { FtpCounters } from '../report.ts';

/** The twin of nf_conntrack_ftp and nf_nat_ftp. */
export class KernelFtp {
  /** Segments whose payload was changed. */
  edited = 0;
  readonly loose: boolean;
  private readonly parts: FtpParts;
  private readonly counters: FtpCounters;

  constructor(parts: FtpParts, loose: boolean, counters: FtpCounters) {
    this.parts = parts;
    this.loose = loose;
    this.counters = counters;
  }

  handle(_packet: Packet, _row: number, _direction: DirectionCode): HelperVerdictCode {
    return HelperVerdict.Accept;
  }

  forget(_row: number): void {}
}
