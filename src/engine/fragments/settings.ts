/** Limits of reassembly, under the names and with the defaults of the kernel. */
export interface FragmentSettings {
  /** Seconds after which an incomplete datagram is given up: net.ipv4.ipfrag_time. */
  ipv4TimeoutSec: number;
  /** net.netfilter.nf_conntrack_frag6_timeout. */
  ipv6TimeoutSec: number;
  /**
   * Fragments of one source that may come in between two of one datagram; 0 for any number
   * (net.ipv4.ipfrag_max_dist). IPv4 only: its identifications come round again soon.
   */
  ipv4MaxDistance: number;
  /**
   * Bytes of memory for each family, taken when the engine is made: ipfrag_high_thresh,
   * nf_conntrack_frag6_high_thresh.
   */
  memoryBytes: number;
  /** nf_conntrack_frag6_low_thresh: kept and shown, and without effect in Linux since 4.17. */
  ipv6LowBytes: number;
}

export function defaultFragmentSettings(): FragmentSettings {
  return {
    ipv4TimeoutSec: 30,
    ipv6TimeoutSec: 60,
    ipv4MaxDistance: 64,
    memoryBytes: 4 << 20,
    ipv6LowBytes: 3 << 20,
  };
}
