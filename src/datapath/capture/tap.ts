import type { Cap } from 'cap';
import { macWords } from '../routes/index.ts';
import { DatapathUnavailable } from './errors.ts';

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
 * Seen: the first frame after a handle was opened does not arrive. The likely cause, not isolated, is
 * that libpcap runs a new filter over the first frame of the ring itself, where a direction cannot be
 * asked for. Whoever sent it sends it again.
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
