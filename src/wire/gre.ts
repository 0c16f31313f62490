import { Decode, type DecodeCode } from './codes.ts';
import type { Packet } from './packet.ts';

/** The version bits of the first 16 bits. 1 is the GRE of PPTP (RFC 2637 section 4.1). */
const VERSION_MASK = 7;
const ENHANCED = 1;
const PROTOCOL_AT = 2;
const PROTOCOL_PPP = 0x880b;
const CALL_ID_AT = 6;
const ENHANCED_HEADER_LEN = 8;

/**
 * The call id of PPTP's GRE, in place of a destination port. As nf_conntrack_proto_gre.c: every other
 * GRE, and what is too short to tell, has zero there; PPTP's that carries anything but PPP is bad.
 */
export function decodeGre(packet: Packet): DecodeCode {
  const { view, l4Offset: at } = packet;
  if (at + ENHANCED_HEADER_LEN > packet.l3End) return Decode.Ok;
  if ((view.getUint16(at) & VERSION_MASK) !== ENHANCED) return Decode.Ok;
  if (view.getUint16(at + PROTOCOL_AT) !== PROTOCOL_PPP) return Decode.BadGreProtocol;
  packet.dstPortOrIcmpTypeCode = view.getUint16(at + CALL_ID_AT);
  return Decode.Ok;
}
