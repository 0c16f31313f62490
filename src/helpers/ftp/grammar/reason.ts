import { FtpReason, type FtpReasonName } from '../report.ts';
import { FtpParse, type FtpParseCode } from './announcement.ts';

/** Why a line with this answer of the grammar opens nothing. Not for `Ok`, `NotForUs`, `Incomplete`. */
export function reasonOf(code: FtpParseCode): FtpReasonName {
  if (code === FtpParse.NumberOutOfRange) return FtpReason.NumberOutOfRange;
  return code === FtpParse.PortZero ? FtpReason.PortZero : FtpReason.Malformed;
}
