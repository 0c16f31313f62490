/**
 * wire: bytes to integers and back. One file per header, checksums full and incremental, sequence
 * arithmetic. Knows no flows, no rules, no time, and keeps no state beyond the packet cursor.
 *
 * Invariant: `decodeFrame` checks every length once; after `Decode.Ok` every offset in the cursor
 * lies within the frame. Nothing here throws on packet bytes and nothing allocates per packet. Hot.
 */
export { formatAddress, formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from './address-text.ts';
export {
  addressSum,
  checksum,
  foldSum,
  sumBytes,
  updateChecksum16,
  updateChecksum32,
} from './checksum.ts';
export {
  Decode,
  type DecodeCode,
  decodeName,
  EtherType,
  LinkType,
  type LinkTypeCode,
  Proto,
  TcpFlag,
} from './codes.ts';
export { decodeFrame } from './decode.ts';
export {
  icmpQueryReplyType,
  isIcmpError,
  isIcmpv6Error,
  isNeighbourDiscovery,
} from './icmp.ts';
export {
  completeL4Checksum,
  hasPartialChecksum,
  L4Checksum,
  type L4ChecksumCode,
  l4ChecksumOffset,
  verifyL4Checksum,
  verifyTrackedChecksum,
} from './l4-checksum.ts';
export { HEADROOM_BYTES, MAX_FRAME_BYTES, Packet, TAILROOM_BYTES } from './packet.ts';
export {
  completeQuotedSctp,
  isEnhancedGre,
  QuotedDatagram,
  quotesDatagram,
} from './quoted.ts';
export { SCTP_HEADER_LEN, sctpTag } from './sctp.ts';
export { seqAfter, seqBefore, seqDiff } from './seq.ts';
export { findTcpOption, TcpOption } from './tcp-options.ts';
