import type { Cap } from 'cap';
import { DatapathUnavailable } from '../host/index.ts';
import { macWords } from '../routes/index.ts';

/** Of the handle that only sends: it captures an EtherType kept for experiments (IEEE 802a). */
const PRIMER_RING_BYTES = 256 * 1024;

/**
 * One capture handle. The addon keeps a raw pointer to the Buffer and no reference to it, so this
 * object holds it; and the object itself is held by the datapath for as long as the handle is open.
 */
export class Tap {
  readonly cap: Cap;
  readonly macHigh: number;
  readonly macLow: number;
  private readonly buffer: Buffer;

  /** Opens at once. Throws 'open-failed' with what libpcap says. */
  constructor(
    cap: Cap,
    ifName: string,
    mac: string,
    ringBytes: number,
    memory: { readonly buffer: Buffer },
  ) {
    const words = macWords(mac);
    if (words === null) throw notEthernet(ifName, `its address is ${mac}`);
    this.cap = cap;
    this.macHigh = words.high;
    this.macLow = words.low;
    this.buffer = memory.buffer;
    const linkType = openHandle(cap, ifName, tapFilter(mac), ringBytes, this.buffer);
    if (linkType === 'ETHERNET') return;
    cap.close();
    throw notEthernet(ifName, `its link type is ${linkType}`);
  }

  /** Frames are in the buffer during the call, and only then. */
  listen(onPacket: (length: number, truncated: boolean) => void): void {
    this.cap.on('packet', onPacket);
  }

  /**
   * Sacrifices a frame. libpcap passes the first one of a new handle through its filter a second
   * time, outside the kernel, where it cannot tell directions and so throws it away: without this,
   * the first packet after each start is lost, and a TCP connection begins a second late. The frame
   * is sent by `second`, a handle of its own since none sees what it sends itself; it goes from this
   * interface to its own address with an IP header that nobody would accept.
   */
  prime(second: Cap, ifName: string): void {
    const frame = Buffer.alloc(60);
    frame.writeUInt16BE(this.macHigh, 0);
    frame.writeInt32BE(this.macLow, 2);
    frame.writeUInt16BE(this.macHigh, 6);
    frame.writeInt32BE(this.macLow, 8);
    frame.writeUInt16BE(0x0800, 12);
    try {
      second.open(ifName, 'ether proto 0x88b5', PRIMER_RING_BYTES, frame);
      second.send(frame, frame.length);
    } catch {
      // A packet may then be lost, as on any network.
    } finally {
      second.close();
    }
  }

  close(): void {
    this.cap.removeAllListeners('packet');
    this.cap.close();
  }
}

/**
 * What the tap sees: frames for this host's MAC, and frames that this host sent. In this filter the
 * source address tells the two apart beyond doubt: what comes in under our own address, as if we had
 * sent it, is left out, for a neighbour could otherwise make the tracker believe in connections that
 * this host never opened. One handle sees both directions in their order, which two would not.
 *
 * Outside the kernel libpcap cannot ask for directions; see `prime` for what follows.
 */
export function tapFilter(mac: string): string {
  const sent = `outbound and ether src ${mac}`;
  const received = `inbound and ether dst ${mac} and not ether src ${mac}`;
  return `(ip or ip6) and ((${sent}) or (${received}))`;
}

function openHandle(
  cap: Cap,
  ifName: string,
  filter: string,
  ringBytes: number,
  buffer: Buffer,
): string {
  try {
    return cap.open(ifName, filter, ringBytes, buffer);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const mend = `see that it is up (ip link set ${ifName} up) and that this process may capture`;
    throw new DatapathUnavailable(
      'open-failed',
      `cannot capture on ${ifName}: ${why}`,
      mend,
      error,
    );
  }
}

function notEthernet(ifName: string, why: string): DatapathUnavailable {
  const mend = 'manage Ethernet-like interfaces only';
  return new DatapathUnavailable('not-ethernet', `${ifName} is no Ethernet: ${why}`, mend);
}
