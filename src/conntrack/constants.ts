/**
 * The connection states that rules ask for, as bits. The values are the kernel's XT_CONNTRACK_STATE
 * bits (include/uapi/linux/netfilter/xt_conntrack.h), so a mask prints and compares as there.
 */
export const CtStateBit = {
  Invalid: 1,
  Established: 2,
  Related: 4,
  New: 8,
  Untracked: 64,
  Snat: 128,
  Dnat: 256,
} as const;

/** Direction of a packet relative to the connection. */
export const Direction = { Original: 0, Reply: 1 } as const;
export type DirectionCode = 0 | 1;

/**
 * Status bits of a connection entry, numbered as the kernel's IPS_* bits. Those above `Visible` are
 * Pinhole's own and are not shown.
 */
export const Status = {
  Expected: 1 << 0,
  SeenReply: 1 << 1,
  Assured: 1 << 2,
  Confirmed: 1 << 3,
  SrcNat: 1 << 4,
  DstNat: 1 << 5,
  SeqAdjust: 1 << 6,
  SrcNatDone: 1 << 7,
  DstNatDone: 1 << 8,
  Dying: 1 << 9,
  FixedTimeout: 1 << 10,
  /** Lost a clash at its confirmation and lives beside the winner for a moment (IPS_NAT_CLASH). */
  NatClash: 1 << 12,
  Helper: 1 << 13,
  /** Mask of the bits that the kernel has too. */
  Visible: 0xffff,
  /** Its counters are shown (it began under `acct`). */
  Accounting: 1 << 16,
  /** Its times are shown (it began under `timestamp`). */
  Timestamped: 1 << 17,
  /** Stands in the index of sources. */
  InSourceIndex: 1 << 18,
  /** Has labels, see `Labels`. */
  Labelled: 1 << 19,
  /** Began under `events` 0: nobody is told of it, or of what it expects. */
  Silent: 1 << 20,
  /** Its original (reply) packets may pass without the tracker seeing them: see `CarriedFlows`. */
  OriginalCarried: 1 << 21,
  ReplyCarried: 1 << 22,
  /** Either of them. */
  Carried: 3 << 21,
  /** The carrier knows it, and hands every packet over. */
  KnownToCarrier: 1 << 23,
  /** The carrier has something of it. */
  InGate: 7 << 21,
  /** For `CarriedFlows`: of packets that came although they are carried, three bits a direction. */
  Strays: 63 << 24,
  /** Carried packets of the original (reply) direction are for this host. */
  OriginalComesIn: 1 << 30,
  ReplyComesIn: 1 << 31,
} as const;
