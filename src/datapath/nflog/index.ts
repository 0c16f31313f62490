/**
 * nflog: where packets of NFLOG rules go: pcap streams of link type NFLOG, into files or to readers
 * of a socket. Adding is hot and allocates nothing; nothing here waits for anybody.
 */
export { type NflogOutputOptions, NflogOutputs, type NflogTarget } from './outputs.ts';
export type { PacketTime } from './records.ts';
