import { type Libc, type Mapping, nativeBytes, Prot } from './ffi.ts';

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_MARK = 36;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
const MSG_DONTWAIT = 0x40;

/**
 * struct mmsghdr, iovec, sockaddr_ll and a cmsghdr with the mark, of a 64-bit Linux, in words; the
 * last two are padded.
 */
const HEADER_WORDS = 16;
const VECTOR_WORDS = 4;
const ADDRESS_WORDS = 8;
const CONTROL_WORDS = 6;
const SLOT_RECORD_BYTES = (HEADER_WORDS + VECTOR_WORDS + ADDRESS_WORDS + CONTROL_WORDS) * 4;
/** In a header: msg_controllen. In a control message: the mark. */
const CONTROL_LENGTH_WORD = 10;
const CONTROL_MARK_WORD = 4;
/** CMSG_LEN(sizeof(__u32)). */
const CONTROL_BYTES = 20;
const SOCKADDR_LL_BYTES = 20;
const HIGHEST_ERRNO = 133;

export interface PacketSocketOptions {
  /** Mark of what is sent, by which the program at egress knows it; 0: none. */
  readonly mark?: number;
  /** Past the queueing discipline and all programs at egress: quicker, and no traffic shaping. */
  readonly bypassQdisc?: boolean;
  /** Frames a batch. */
  readonly slots?: number;
  /** Room for one, a multiple of 64. */
  readonly slotBytes?: number;
  /** Bytes in flight before frames are refused with EAGAIN. */
  readonly sendBufferBytes?: number;
}

const SLOTS = 256;
/** Jumbo frames, in an odd number of cache lines: slots shall not begin in the same set of a cache. */
const SLOT_BYTES = 161 * 64;
const SEND_BUFFER_BYTES = 8 << 20;

/**
 * A raw packet socket that only sends: it has no protocol, so the kernel hands it nothing. Frames are
 * written into slots of one piece of memory, queued, and handed over in one system call. Hot: `queue`
 * and `flush` make no object.
 */
export class PacketSocket {
  readonly slots: number;
  readonly slotBytes: number;
  /** The memory of the slots, one behind the other, in three forms. */
  readonly slab: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** Frames queued since the last flush: the next slot to use. At `slots`, flush. */
  queued = 0;
  /** Frames that the kernel took, and that it did not take: since the start. */
  sent = 0;
  failed = 0;
  /** Frames not taken, by error: ENOBUFS (queue full), ENETDOWN, EMSGSIZE, ENXIO (no interface)... */
  readonly failures = new Float64Array(HIGHEST_ERRNO + 1);
  private readonly libc: Libc;
  private readonly fd: number;
  private readonly memory: Mapping;
  private readonly headers: Int32Array;
  private readonly vectors: Int32Array;
  private readonly addresses: Int32Array;
  private readonly controls: Int32Array;
  /** Addresses of the headers: made once, because a BigInt is an object. */
  private readonly headerAt: readonly bigint[];
  private readonly slabLow: number;
  private readonly slabHigh: number;

  /** Throws `SysError` (EPERM: CAP_NET_RAW is missing). */
  constructor(libc: Libc, options: PacketSocketOptions = {}) {
    const { slots = SLOTS, slotBytes = SLOT_BYTES } = options;
    this.libc = libc;
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.fd = openSocket(libc, options);
    const slabOffset = slots * SLOT_RECORD_BYTES;
    const length = slabOffset + slots * slotBytes;
    this.memory = libc.map('mmap(frames)', length, Prot.ReadWrite, -1, 0);
    const { buffer, address } = this.memory;
    this.slab = new Uint8Array(buffer, slabOffset, slots * slotBytes);
    this.words = new Int32Array(buffer, slabOffset, (slots * slotBytes) / 4);
    this.view = new DataView(buffer, slabOffset, slots * slotBytes);
    const vectorOffset = slots * HEADER_WORDS * 4;
    const addressOffset = vectorOffset + slots * VECTOR_WORDS * 4;
    const controlOffset = addressOffset + slots * ADDRESS_WORDS * 4;
    this.headers = new Int32Array(buffer, 0, slots * HEADER_WORDS);
    this.vectors = new Int32Array(buffer, vectorOffset, slots * VECTOR_WORDS);
    this.addresses = new Int32Array(buffer, addressOffset, slots * ADDRESS_WORDS);
    this.controls = new Int32Array(buffer, controlOffset, slots * CONTROL_WORDS);
    const slabAddress = address + BigInt(slabOffset);
    this.slabLow = Number(BigInt.asUintN(32, slabAddress));
    this.slabHigh = Number(slabAddress >> 32n);
    this.headerAt = prepareHeaders(this.memory, slots, {
      vectorOffset,
      addressOffset,
      controlOffset,
    });
  }

  /** First byte of a slot in `slab`. */
  slotOffset(slot: number): number {
    return slot * this.slotBytes;
  }

  /**
   * The frame of `length` bytes from `offset` of a slot on goes out of an interface, in the order of
   * the calls. At most `slots` frames between two flushes; a slot must not change before its flush.
   * `mark`: of this frame; 0: the socket's.
   */
  queue(slot: number, offset: number, length: number, ifindex: number, mark = 0): void {
    const { queued, vectors } = this;
    const low = this.slabLow + slot * this.slotBytes + offset;
    const at = queued * VECTOR_WORDS;
    vectors[at] = low | 0;
    vectors[at + 1] = low < 2 ** 32 ? this.slabHigh : this.slabHigh + 1;
    vectors[at + 2] = length;
    this.addresses[queued * ADDRESS_WORDS + 1] = ifindex;
    this.controls[queued * CONTROL_WORDS + CONTROL_MARK_WORD] = mark;
    this.headers[queued * HEADER_WORDS + CONTROL_LENGTH_WORD] = mark === 0 ? 0 : CONTROL_BYTES;
    this.queued = queued + 1;
  }

  /** Hands over what is queued, and returns how many frames the kernel took. The others are lost. */
  flush(): number {
    const { libc, fd, queued } = this;
    let taken = 0;
    for (let done = 0; done < queued; ) {
      const count = libc.sendmmsg(fd, this.headerAt[done]!, queued - done, MSG_DONTWAIT);
      if (count > 0) {
        taken += count;
        done += count;
      } else {
        // sendmmsg stops before the message that fails, and says why when it comes first.
        this.failures[Math.min(libc.errno(), HIGHEST_ERRNO)]! += 1;
        done += 1;
      }
    }
    this.queued = 0;
    this.sent += taken;
    this.failed += queued - taken;
    return taken;
  }

  /** Afterwards the slots must not be touched any more: their memory is gone. */
  close(): void {
    this.libc.close(this.fd);
    this.libc.unmap(this.memory);
  }
}

function openSocket(libc: Libc, options: PacketSocketOptions): number {
  const fd = libc.socket(AF_PACKET, SOCK_RAW_CLOEXEC, 0);
  if (fd < 0) libc.fail('socket(AF_PACKET)');
  const { mark = 0, bypassQdisc = false, sendBufferBytes = SEND_BUFFER_BYTES } = options;
  try {
    setOption(libc, fd, SOL_SOCKET, SO_SNDBUFFORCE, sendBufferBytes);
    if (mark !== 0) setOption(libc, fd, SOL_SOCKET, SO_MARK, mark);
    if (bypassQdisc) setOption(libc, fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return fd;
}

function setOption(libc: Libc, fd: number, level: number, name: number, value: number): void {
  const bytes = nativeBytes(4);
  bytes.writeUInt32LE(value >>> 0, 0);
  if (libc.setsockopt(fd, level, name, bytes, 4) !== 0) libc.fail(`setsockopt(${level}, ${name})`);
}

/** Where the tables of a socket's memory begin, in bytes; that of headers is the first. */
interface Offsets {
  readonly vectorOffset: number;
  readonly addressOffset: number;
  readonly controlOffset: number;
}

/** Fills in all that stays the same, and returns the addresses of the headers. */
function prepareHeaders(
  { buffer, address }: Mapping,
  slots: number,
  { vectorOffset, addressOffset, controlOffset }: Offsets,
): bigint[] {
  const view = new DataView(buffer);
  return Array.from({ length: slots }, (_, slot) => {
    const header = slot * HEADER_WORDS * 4;
    const vector = vectorOffset + slot * VECTOR_WORDS * 4;
    const name = addressOffset + slot * ADDRESS_WORDS * 4;
    const control = controlOffset + slot * CONTROL_WORDS * 4;
    view.setBigUint64(header, address + BigInt(name), true);
    view.setUint32(header + 8, SOCKADDR_LL_BYTES, true);
    view.setBigUint64(header + 16, address + BigInt(vector), true);
    view.setBigUint64(header + 24, 1n, true);
    view.setBigUint64(header + 32, address + BigInt(control), true);
    view.setUint32(control, CONTROL_BYTES, true);
    view.setUint32(control + 8, SOL_SOCKET, true);
    view.setUint32(control + 12, SO_MARK, true);
    // The protocol stays 0: the kernel reads it from the frame.
    view.setUint16(name, AF_PACKET, true);
    return address + BigInt(header);
  });
}
