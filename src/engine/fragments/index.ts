/**
 * fragments: IPv4 and IPv6 fragments are put together before anything else looks at them
 * (nf_defrag_ipv4, nf_defrag_ipv6), and what came in fragments is cut again for the way out.
 *
 * Invariants: memory is of a fixed size, whatever comes; a fragment costs a bounded number of steps;
 * what is given up is counted. Packets that are no fragments never get here. Hot.
 */
export { Cuts } from './cuts.ts';
export { Gathered, type GatheredCode } from './datagrams.ts';
export { IpFragmenter } from './fragmenter.ts';
export { Ipv4Reassembler } from './ipv4.ts';
export { Ipv6Reassembler } from './ipv6.ts';
export { Have, Queue } from './queues.ts';
export type { Reassembler } from './reassembler.ts';
export { defaultFragmentSettings, type FragmentSettings } from './settings.ts';
