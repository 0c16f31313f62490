/** Looking at a cursor as a whole, for tests that compare two of them or check its promises. */
import assert from 'node:assert/strict';
import { HEADROOM_BYTES, type LinkTypeCode, Packet } from '../../src/wire/index.ts';

/** Every number and flag of the cursor by name; not its memory. */
export function packetFields(packet: Packet): Record<string, number | boolean> {
  const entries = Object.entries(packet).filter(([, value]) => typeof value !== 'object');
  return Object.fromEntries(entries);
}

/**
 * A cursor whose buffer ends where the frame ends: a `DataView` read beyond it throws. Nothing but a
 * test has such a buffer; the engine's has tailroom.
 */
export function tightPacket(frame: Uint8Array, linkType: LinkTypeCode): Packet {
  const packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + frame.length));
  packet.bytes.fill(0xa5);
  packet.bytes.set(frame, HEADROOM_BYTES);
  packet.begin(frame.length, linkType);
  return packet;
}

/** A cursor with room behind the frame, filled with `dirt`. */
export function packetOver(frame: Uint8Array, linkType: LinkTypeCode, dirt: number): Packet {
  const packet = new Packet(new ArrayBuffer(HEADROOM_BYTES + frame.length + 1024));
  packet.bytes.fill(dirt);
  assert.ok(packet.load(frame, linkType));
  return packet;
}

/** What the wire room promises after `Decode.Ok`: the layers follow each other inside the frame. */
export function assertInsideFrame(packet: Packet): void {
  const { frameOffset, l3Offset, l3HeaderLen, l4Offset, payloadOffset, payloadLen } = packet;
  const { l3End, frameEnd } = packet;
  const orderly =
    frameOffset <= l3Offset &&
    l3HeaderLen >= 20 &&
    l3Offset + l3HeaderLen === l4Offset &&
    l4Offset <= payloadOffset &&
    payloadLen >= 0 &&
    payloadOffset + payloadLen <= l3End &&
    l3End <= frameEnd;
  assert.ok(orderly, JSON.stringify(packetFields(packet)));
}
