import { EtherType, type Packet } from '../../wire/index.ts';

const ADDRESSES_BYTES = 12;
const TAG_BYTES = 4;
const VLAN_ID = 0x0fff;

/**
 * Takes a tag of VLAN 0 off the frame that was just begun: it says a priority, and the frame belongs
 * to the interface itself (IEEE 802.1Q section 6.9). The kernel has taken it off too, but libpcap
 * puts it back. What is within, a second tag perhaps, stays.
 */
export function takePriorityTagOff(packet: Packet): void {
  const { view, frameOffset } = packet;
  const typeAt = frameOffset + ADDRESSES_BYTES;
  if (typeAt + TAG_BYTES + 2 > packet.frameEnd) return;
  const etherType = view.getUint16(typeAt);
  if (etherType !== EtherType.Vlan && etherType !== EtherType.QinQ) return;
  if ((view.getUint16(typeAt + 2) & VLAN_ID) !== 0) return;
  for (let at = typeAt; at > frameOffset; at -= 4) view.setInt32(at, view.getInt32(at - 4));
  packet.frameOffset = frameOffset + TAG_BYTES;
}
