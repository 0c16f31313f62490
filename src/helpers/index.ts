/**
 * helpers: what looks into the payload of control connections and announces other connections. The
 * registry, and the FTP helper. Knows neither sockets nor rule text.
 *
 * Invariants: a helper opens nothing that does not lead from one end of its control connection to
 * the other; rewritten bytes are rewritten the same way when retransmitted; no text of a control
 * connection but announcing lines leaves this room. Warm: control connections only.
 */
export { kindName } from './ftp/grammar.ts';
export { type FtpCounters, FtpHelper } from './ftp/helper.ts';
export {
  type BounceAction,
  bounceActions,
  defaultFtpPolicy,
  type FtpListener,
  type FtpPolicy,
  type FtpRefusal,
  RefusalReason,
} from './ftp/policy.ts';
export {
  type Helper,
  HelperId,
  HelperVerdict,
  type HelperVerdictCode,
  helperId,
  helperName,
} from './helper.ts';
