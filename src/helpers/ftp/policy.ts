import type { FtpSettings } from '../../rules/index.ts';

export type { FtpRefusalAction } from '../../rules/index.ts';

/** All settings of one control connection. */
export type FtpPolicy = FtpSettings;

/** What holds where nobody says otherwise. */
export const defaultFtpPolicy: FtpPolicy = {
  allow: null,
  deny: [],
  denied: 'reject',
  upload: true,
  download: true,
  list: true,
  anonymousOnly: false,
  files: [],
  denyFiles: [],
  maxLine: 4096,
  thirdParties: [],
  minPort: 1024,
  passiveRange: null,
  maxHoles: 1,
  maxHolesPerClient: 256,
  holeLifetime: 300,
  banner: null,
  maskSyst: false,
  bounce: 'reject',
  zeroAddress: 'own',
  authTls: 'pass',
  repair: false,
};

/** The two helpers in one: the kernel's twin, and the one that is the default. */
export const ftpModes = ['hardened', 'kernel'] as const;
export type FtpMode = (typeof ftpModes)[number];

/** How the FTP helper starts. */
export interface FtpOptions {
  readonly mode: FtpMode;
  /** Kernel mode: `loose=1` of nf_conntrack_ftp, announcements may lead anywhere. */
  readonly loose: boolean;
  /** Hardened mode: what holds before any directive. */
  readonly policy: FtpPolicy;
}

export const defaultFtpOptions: FtpOptions = {
  mode: 'hardened',
  loose: false,
  policy: defaultFtpPolicy,
};
