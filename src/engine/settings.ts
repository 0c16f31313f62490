import { type ConntrackSettings, defaultConntrackSettings } from '../conntrack/index.ts';
import { defaultFtpOptions, type FtpOptions } from '../helpers/index.ts';
import { defaultFragmentSettings, type FragmentSettings } from './fragments/index.ts';

/** Which transport checksums are checked before a packet is tracked (nf_conntrack_checksum). */
export const checksumPolicies = ['verify', 'ignore'] as const;
export type ChecksumPolicy = (typeof checksumPolicies)[number];

export interface EngineSettings {
  readonly conntrack: ConntrackSettings;
  readonly ftp: FtpOptions;
  readonly fragments: FragmentSettings;
  /** Ports that get the FTP helper by themselves, as `modprobe ip_conntrack_ftp ports=` did. */
  readonly ftpPorts: readonly number[];
  readonly checksums: ChecksumPolicy;
  /** ICMP errors sent at most, per second (net.ipv4.icmp_msgs_per_sec). Resets are not counted. */
  readonly answersPerSecond: number;
}

export function defaultEngineSettings(): EngineSettings {
  return {
    conntrack: defaultConntrackSettings(),
    ftp: defaultFtpOptions,
    fragments: defaultFragmentSettings(),
    ftpPorts: [21],
    checksums: 'verify',
    answersPerSecond: 1000,
  };
}
