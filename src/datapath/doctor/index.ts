/**
 * doctor: what this host offers a live datapath, and the mend for what is missing. Asks, and changes
 * nothing. Cold.
 */
export { type Diagnosis, examine } from './examine.ts';
export type { Finding, FindingState } from './finding.ts';
export type { HostProbe, Refusal } from './probe.ts';
export { thisHost } from './this-host.ts';
