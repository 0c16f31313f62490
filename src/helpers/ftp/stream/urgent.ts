import { clearTcpFlag } from '../../../nat/index.ts';
import { type Packet, TcpFlag } from '../../../wire/index.ts';

/** The lowest Telnet command that follows IAC, SE (RFC 854). No text of FTP has such bytes. */
const FIRST_TELNET_CONTROL = 0xf0;

/**
 * Receivers take the byte that the urgent pointer names out of the stream, so it must be one that no
 * line is made of: clients send Telnet's IP and Synch in this way in front of ABOR (RFC 959 section
 * 4.1.3). Any other pointer is taken away; true where that was done.
 */
export function clearMisleadingUrgent(packet: Packet): boolean {
  if ((packet.tcpFlags & TcpFlag.Urg) === 0 || namesTelnetControl(packet)) return false;
  clearTcpFlag(packet, TcpFlag.Urg);
  return true;
}

/** The pointer is read as systems do, not as in RFC 1122: see RFC 6093 section 3.1. */
function namesTelnetControl(packet: Packet): boolean {
  const offset = packet.view.getUint16(packet.l4Offset + 18) - 1;
  if (offset < 0 || offset >= packet.payloadLen) return false;
  return packet.bytes[packet.payloadOffset + offset]! >= FIRST_TELNET_CONTROL;
}
