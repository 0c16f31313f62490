import { type Packet, TcpOption } from '../../wire/index.ts';
import { isAfter, SideFlag } from './words.ts';

/** RFC 7323 section 2.3. */
const MAX_SCALE = 14;
const TCP_HEADER_LEN = 20;
const SACK_BLOCK_LEN = 8;
/** Two NOPs and a timestamp: all the options that most segments have. */
const PLAIN_TIMESTAMP_LEN = 12;
const PLAIN_TIMESTAMP = 0x0101_080a;
/** In the result of `offeredOptions`: where the scale begins, behind the flags. */
const SCALE_SHIFT = 8;

/**
 * What a SYN offers: WindowScale and SackPermitted of `SideFlag`, and the scale above them (see
 * `offeredScale`). -1 where it has no options at all: then what was offered before holds. A damaged
 * list counts up to the damage (tcp_options).
 */
export function offeredOptions(packet: Packet): number {
  const { bytes } = packet;
  const end = packet.l4Offset + packet.tcpHeaderLen;
  let flags = 0;
  let scale = 0;
  let at = packet.l4Offset + TCP_HEADER_LEN;
  if (at === end) return -1;
  for (; at < end; at = nextOption(bytes, at, end)) {
    const length = optionLength(bytes, at, end);
    if (bytes[at] === TcpOption.SackPermitted && length === 2) flags |= SideFlag.SackPermitted;
    if (bytes[at] === TcpOption.WindowScale && length === 3) {
      flags |= SideFlag.WindowScale;
      scale = Math.min(bytes[at + 2]!, MAX_SCALE);
    }
  }
  return flags | (scale << SCALE_SHIFT);
}

export function offeredFlags(offer: number): number {
  return offer & 0xff;
}

export function offeredScale(offer: number): number {
  return offer >> SCALE_SHIFT;
}

/**
 * The highest right edge in the segment's first SACK option (RFC 2018), or `ack` where none lies
 * above it. Options that are no whole number of blocks are passed over (tcp_sack).
 */
export function highestSackEdge(packet: Packet, ack: number): number {
  const { bytes, view } = packet;
  const begin = packet.l4Offset + TCP_HEADER_LEN;
  const end = packet.l4Offset + packet.tcpHeaderLen;
  if (end - begin === PLAIN_TIMESTAMP_LEN && view.getInt32(begin) === PLAIN_TIMESTAMP) return ack;
  for (let at = begin; at < end; at = nextOption(bytes, at, end)) {
    if (bytes[at] !== TcpOption.Sack) continue;
    const blocks = optionLength(bytes, at, end) - 2;
    if (blocks <= 0 || blocks % SACK_BLOCK_LEN !== 0) continue;
    let highest = ack;
    for (let block = at + 2; block < at + 2 + blocks; block += SACK_BLOCK_LEN) {
      const edge = view.getInt32(block + 4);
      if (isAfter(edge, highest)) highest = edge;
    }
    return highest;
  }
  return ack;
}

/** Length of the option at `at`: 1 for NOP, 0 where the list is over or damaged. */
function optionLength(bytes: Uint8Array, at: number, end: number): number {
  const kind = bytes[at]!;
  if (kind === TcpOption.Nop) return 1;
  if (kind === TcpOption.End || at + 2 > end) return 0;
  const length = bytes[at + 1]!;
  return length < 2 || at + length > end ? 0 : length;
}

function nextOption(bytes: Uint8Array, at: number, end: number): number {
  const length = optionLength(bytes, at, end);
  return length === 0 ? end : at + length;
}
