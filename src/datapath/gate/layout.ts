/**
 * Where things stand in the memory that the gate's program and this process share. The twin of this
 * file is `bpf/layout.h`; a test holds the two against each other.
 *
 * Shared memory is BPF array maps that are mapped here (BPF_F_MMAPABLE): a flow is written with plain
 * stores, and counters are read with plain loads, without a system call.
 *
 * Words are 32 bits in the order of the machine, except where "as in the packet" is said: those hold
 * the four bytes as they stand in the packet, and are compared without being turned round.
 */

/** Changes with every change of anything in this file: older memory is not adopted. */
export const LAYOUT_VERSION = 4;
/** "PHG1": the first word of the configuration. */
export const CONFIG_MAGIC = 0x31474850;

/**
 * One flow: a tracked connection, both directions. 30 words, 120 bytes (the kernel rounds them up to
 * eight). An IPv6 flow takes two units: the second one, its annex, holds the address words that do not
 * fit the first.
 */
export const FLOW_WORDS = 30;
export const FlowWord = {
  /** protocol | family << 8 | scale of original << 16 | scale of reply << 20 | `FlowFlag` << 24. */
  Meta: 0,
  /** `ConfigWord.NowMs` when the last packet passed. */
  LastSeenMs: 1,
  /** Row of the connection in the tracker's table: the program does not read it. */
  Connection: 2,
  /** Source, destination and ports of the original tuple, as in the packet; ICMP: id, type, code. */
  Original: 3,
  /** The same of the reply tuple. */
  Reply: 6,
  /** `DirectionWord`s of the original direction, then of the reply direction. */
  Directions: 9,
  /** Number of the counting path of original | of reply << 16: the program does not read it. */
  Paths: 17,
  /** `SideWord`s of what the original direction has sent, then of the reply direction. */
  Sides: 18,
  /** `FlowAction.Acks`: the timestamp (TSval) that passed last, original direction, then reply; 0: none. */
  Stamps: 26,
  /** TCP: behind the last segment that was within the windows (last_end there), of whichever side. */
  LastEnd: 28,
  /** TCP: how far the connection has been closed: `Closing`. Both write it, by adding only. */
  Closing: 29,
} as const;

/** Words of one direction. */
export const DIRECTION_WORDS = 4;
export const DirectionWord = {
  /**
   * Kernel index of the way in << 8 | `WAY_CLOSES` | `FlowAction`; 0: not taken over. For host's own
   * packets the way out.
   */
  Way: 0,
  /** Generation << 16 | number of the hop, or of the host's own packets their mark. */
  Hop: 1,
  /** Packets since they were last collected. */
  Packets: 2,
  /** Bytes of IP datagram since they were last collected. */
  Bytes: 3,
} as const;

/** Words of one side of a TCP connection: nf_conntrack_proto_tcp.c's td_end and its neighbours. */
export const SIDE_WORDS = 4;
export const SideWord = { End: 0, MaxEnd: 1, MaxWindow: 2, MaxAck: 3 } as const;

/** First words of an IPv6 flow's annex: words 1 to 3 of the addresses, as in the packet. */
export const AnnexWord = {
  OriginalSource: 0,
  OriginalDestination: 3,
  ReplySource: 6,
  ReplyDestination: 9,
} as const;

/** Low four bits of `DirectionWord.Way`. */
export const FlowAction = {
  None: 0,
  /** Translate, one hop less to live, out by the hop. */
  Forward: 1,
  /** Came in for this host: translate, and up. */
  Local: 2,
  /** Sent by this host (at egress): translate, and on. */
  Out: 3,
  /** Known to the engine, which keeps it: punted through the ring for known connections. */
  Punt: 4,
  /**
   * As Forward, but only TCP segments without data: those that acknowledge more than any before, and
   * the FIN that answers one.
   */
  Acks: 5,
} as const;
export const ACTION_MASK = 0x0f;

/** Of `DirectionWord.Way`, above the action: FINs pass as well. Only together with `CheckWindow`. */
export const WAY_CLOSES = 0x10;

/**
 * Fields of `FlowWord.Closing`. Packets of a connection may pass on several processors at once, and all
 * that Linux 5.10 has for that is to add: so each fact is a small number, added to where it was 0 (FINs:
 * less than 2), with room for more processors than could do so at the same time. 0: no FIN has passed.
 */
export const Closing = {
  /** FINs of either direction, retransmitted ones too: 1 is FIN_WAIT, 2 LAST_ACK. */
  Fins: 0x1,
  FinsMask: 0xff,
  /** A segment without FIN behind the first FIN: CLOSE_WAIT. */
  Waits: 0x100,
  WaitsMask: 0xff00,
  /** The same behind the second: TIME_WAIT. */
  Over: 0x10000,
  OverMask: 0xff0000,
  /** The first FIN was of the original direction, of the reply direction. */
  ByOriginal: 0x1000000,
  ByOriginalMask: 0xf000000,
  ByReply: 0x10000000,
  ByReplyMask: 0xf0000000,
} as const;

/** Bits of `FlowWord.Meta` from bit 24 on. */
export const FlowFlag = {
  /** TCP: segments outside the windows go to the engine; without it they pass, and teach nothing. */
  CheckWindow: 1,
  /** TCP: the original direction (the reply direction) did not permit SACK: none sent to it counts. */
  OriginalNoSack: 2,
  ReplyNoSack: 4,
  /** TCP: the last segment that passed was of the reply direction. Written by the program. */
  ReplySpokeLast: 8,
  /** TCP: the engine has seen a segment, and none has passed since. Taken away by the program. */
  EngineSpokeLast: 16,
  /** TCP: the last segment that passed was a FIN. Written by the program. */
  FinLast: 32,
} as const;

/** Bytes counted of one direction from which on its packets go to the engine, which collects. */
export const BYTES_TO_COLLECT = 0xc0000000;

/**
 * The index: buckets of 16 slots, one cache line each. A flow's direction stands in the bucket that
 * its hash names, or in the next one. A slot is 0, or
 *
 *     tag (the hash without its low RefBits bits) | (unit << 1 | direction) + 1 in the low RefBits
 *
 * The search of a bucket begins at slot `hash >>> 28` and goes round.
 */
export const BUCKET_SLOTS = 16;

/** One way out. 8 words. */
export const HOP_WORDS = 8;
export const HopWord = {
  Ifindex: 0,
  /** In bytes of IP datagram. */
  Mtu: 1,
  /** Of the next hop's address, as in sockaddr: `HopFamily`. */
  Family: 2,
  Flags: 3,
  /** Address of the next hop, as in the packet. */
  Address: 4,
} as const;
export const HopFlag = {
  /** The gate's program sits at this way out: packets carry the mark. */
  Managed: 1,
} as const;
/** AF_INET, AF_INET6; or the packet's own destination. */
export const HopFamily = { None: 0, Ipv4: 2, Ipv6: 10 } as const;
export const HOPS = 4096;

/** The configuration: one value of 32 words. */
export const CONFIG_WORDS = 32;
export const ConfigWord = {
  Magic: 0,
  Version: 1,
  /** 1 to 65535: flows of another generation are not there. */
  Generation: 2,
  /** The engine's clock, in wrapping milliseconds; written several times a second. */
  NowMs: 3,
  Seed: 4,
  /** Number of buckets - 1. */
  BucketMask: 5,
  RefBits: 6,
  /** Kernel index of punt0, where super-frames are sent to be cut; 0: drop them. */
  PuntIfindex: 7,
  /** Mark of packets that the gate itself has sent on. Random, never 0. */
  Mark: 8,
  /** Units in the map of flows. */
  Units: 9,
  /** Entries of the map of what is watched on `lo`. */
  Watched: 10,
} as const;

/**
 * Key of the map of what is watched on `lo`: packets of these ends go to the engine. As in the packet,
 * but for the kind: protocol | family << 8.
 */
export const WATCH_KEY_WORDS = 10;
export const WatchKeyWord = { Source: 0, Destination: 4, Ports: 8, Kind: 9 } as const;
/** Connections that OUTPUT has turned back to this host, at once. */
export const MOST_WATCHED = 65_536;

/** Slots of the map of programs that the entries at the hooks call. */
export const ProgramSlot = { Ingress: 0, Egress: 1, Loopback: 2 } as const;

/**
 * What is punted comes as a record in a ring (BPF_MAP_TYPE_RINGBUF): 16 bytes of `PuntWord`s, then
 * the frame from its Ethernet header on, checksums perhaps partial. Records have one of a few sizes.
 */
export const PUNT_HEADER_BYTES = 16;
export const PuntWord = {
  /** Bytes of frame. */
  Length: 0,
  /** Kernel index of the interface it came in by, or is to leave by, << 8 | `PuntFlag`. */
  Way: 1,
  /** Owner of the sending socket, for the host's own packets; -1 where there is none. */
  Uid: 2,
  /** Mark of the host's own packets (SO_MARK), else 0. */
  Mark: 3,
} as const;
export const PuntFlag = {
  /** Sent by this host: caught at egress. */
  Output: 1,
  /** Cut from a super-frame: destination (Output: source) MAC are not what they were. */
  Segment: 2,
} as const;
/** Payload sizes of records, header included: the smallest that fits is taken. */
export const PUNT_RECORD_BYTES = [120, 504, 1608, 9264] as const;

/**
 * Frames for `punt1`, which come in again at `punt0`. Destination MAC: 02, `ReentryOp`, kernel index
 * (4 bytes, network order).
 * Forward: source MAC 02, 00, number of the hop (4 bytes, network order).
 * Up: source MAC: what the destination MAC shall be. Goes up the stack as received on the interface.
 * Segment (made by the program, punt0 to punt1): what is to be punted, in the destination MAC where
 * it came in, in the source MAC where it is this host's own (there 07 in place of 02).
 */
export const ReentryOp = { Forward: 1, Up: 2, Segment: 3 } as const;

/** Events of the program, counted per processor (u64), in this order. */
export const gateCounterNames = [
  'forwarded',
  'delivered',
  'sent',
  'punted',
  'puntedKnown',
  'ringFull',
  'oversized',
  'outOfWindow',
  'tooBig',
  'superFrames',
  'reentered',
  'badInstruction',
] as const;

/** Names of the maps; the program's ELF file has them as symbols. */
export const mapNames = [
  'config',
  'flows',
  'buckets',
  'hops',
  'counters',
  'known_ring',
  'other_ring',
  'programs',
  'watched',
] as const;
export type MapName = (typeof mapNames)[number];
