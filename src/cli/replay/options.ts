import type { NflogOutputs } from '../../datapath/index.ts';
import type { FtpOptions } from '../../helpers/index.ts';
import type { StartSysctls } from '../sysctl/index.ts';

export interface ReplayOptions {
  readonly rules: readonly string[];
  /** What is read and not enforced is an error. */
  readonly strict: boolean;
  readonly read: string;
  readonly write: string | null;
  readonly interfaces: readonly string[];
  readonly json: boolean;
  /** Both modes of the FTP helper, and where they disagree. */
  readonly compare?: boolean;
  readonly ftpPorts: readonly number[] | null;
  readonly ftp: FtpOptions;
  readonly verifyChecksums: boolean;
  /** Settings of connection tracking; none if absent. */
  readonly sysctls?: StartSysctls;
  /** Where packets of NFLOG rules go. Stays the caller's to close. */
  readonly nflog?: NflogOutputs | null;
}
