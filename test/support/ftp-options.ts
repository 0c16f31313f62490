import {
  defaultFtpOptions,
  defaultFtpPolicy,
  type FtpOptions,
  type FtpPolicy,
} from '../../src/helpers/index.ts';

/** The defaults of the FTP helper, but for what is given. */
export function ftpWith(
  policy: Partial<FtpPolicy>,
  options: Partial<Omit<FtpOptions, 'policy'>> = {},
): FtpOptions {
  return { ...defaultFtpOptions, ...options, policy: ftpPolicy(policy) };
}

export function ftpPolicy(policy: Partial<FtpPolicy>): FtpPolicy {
  return { ...defaultFtpPolicy, ...policy };
}
