/**
 * helpers: what looks into the payload of control connections and announces other connections. The
 * registry, and the FTP helper. Knows neither sockets nor rule text.
 *
 * Invariants: a helper opens nothing that does not lead from one end of its control connection to
 * the other; rewritten bytes are rewritten the same way when retransmitted; no text of a control
 * connection but announcing lines leaves this room. Warm: control connections only.
 */
export { kindName } from './ftp/grammar/grammar.ts';
export { quoteLine } from './ftp/grammar/quote.ts';
export { FtpHelper } from './ftp/helper.ts';
export {
  defaultFtpOptions,
  defaultFtpPolicy,
  type FtpMode,
  type FtpOptions,
  type FtpPolicy,
  type FtpRefusalAction,
  ftpModes,
} from './ftp/policy.ts';
export type { ServerRefusals } from './ftp/refusal-counts.ts';
export {
  type FtpCounters,
  type FtpEncrypted,
  type FtpListener,
  FtpReason,
  type FtpReasonName,
  type FtpRefusal,
  type FtpSessionView,
} from './ftp/report.ts';
export {
  type Helper,
  HelperId,
  type HelperPromise,
  HelperVerdict,
  type HelperVerdictCode,
  helperId,
  helperName,
} from './helper.ts';
