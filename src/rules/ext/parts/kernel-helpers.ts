import { Proto } from '../../../wire/index.ts';
import type { Family } from '../../model.ts';

/**
 * Connection tracking helpers of Linux that rules may name and that nothing here carries out, with
 * the families and protocols they are registered for (nf_conntrack_*.c).
 */

interface KernelHelper {
  readonly families: readonly Family[];
  readonly protocols: readonly number[];
}

const both: readonly Family[] = [4, 6];
const tcp = [Proto.Tcp];
const udp = [Proto.Udp];

const helpers: ReadonlyMap<string, KernelHelper> = new Map([
  ['amanda', { families: both, protocols: udp }],
  ['tftp', { families: both, protocols: udp }],
  ['RAS', { families: both, protocols: udp }],
  ['Q.931', { families: both, protocols: tcp }],
  ['H.245', { families: both, protocols: udp }],
  ['irc', { families: [4], protocols: tcp }],
  ['netbios-ns', { families: [4], protocols: udp }],
  ['pptp', { families: [4], protocols: tcp }],
  ['sane', { families: both, protocols: tcp }],
  ['sip', { families: both, protocols: [Proto.Tcp, Proto.Udp] }],
  ['snmp', { families: [4], protocols: udp }],
]);

/** True for a helper that the kernel has and Pinhole has not. */
export function isKernelHelper(name: string): boolean {
  return helpers.has(name);
}

/** Whether the kernel would find that helper for connections of this family and protocol. */
export function kernelHasHelper(name: string, family: Family, protocol: number): boolean {
  const helper = helpers.get(name);
  if (helper === undefined) return false;
  return helper.families.includes(family) && helper.protocols.includes(protocol);
}
