import { HEADROOM_BYTES, type Packet } from '../../wire/index.ts';

/**
 * `cap.send` takes a Buffer and sends from its first byte; where a frame begins in the cursor's
 * memory changes by a few bytes when the engine grows a header. So there is one Buffer for each
 * place a frame has begun at, made at first use and kept.
 */
export class FrameViews {
  private readonly packet: Packet;
  private readonly views: Buffer[] = [];
  /** The whole memory. */
  readonly all: Buffer;

  constructor(packet: Packet) {
    this.packet = packet;
    this.all = Buffer.from(packet.bytes.buffer as ArrayBuffer, packet.bytes.byteOffset);
  }

  /** Where a capture handle writes a frame of up to `length` bytes. */
  frame(length: number): Buffer {
    const { buffer, byteOffset } = this.packet.bytes;
    return Buffer.from(buffer as ArrayBuffer, byteOffset + HEADROOM_BYTES, length);
  }

  /** A Buffer that begins at `offset` and reaches to the end of the memory. */
  from(offset: number): Buffer {
    const known = this.views[offset];
    if (known !== undefined) return known;
    const { buffer, byteOffset } = this.packet.bytes;
    const view = Buffer.from(buffer as ArrayBuffer, byteOffset + offset);
    this.views[offset] = view;
    return view;
  }
}
