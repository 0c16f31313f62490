const NOT_ECT = 1;
const CE = 8;

/** The bit that stands for the ECN field of a traffic class. */
export function ecnBit(trafficClass: number): number {
  return 1 << (trafficClass & 3);
}

/**
 * What is to be set in the traffic class of a datagram whose fragments had the ECN fields `bits`
 * (RFC 3168 section 5.3): congestion met by one is met by all. -1 where fragments of a sender that
 * knows ECN and of one that does not are mixed: that is no datagram.
 */
export function ecnOfWhole(bits: number): number {
  if ((bits & NOT_ECT) !== 0 && bits !== NOT_ECT) return -1;
  return (bits & CE) !== 0 ? 3 : 0;
}
