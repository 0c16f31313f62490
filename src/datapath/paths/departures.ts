import type { IpFragmenter } from '../../engine/index.ts';
import { Decode, decodeFrame, type Packet, Proto } from '../../wire/index.ts';
import { MssTable } from './mss-table.ts';
import { TcpSegmenter } from './segment.ts';

/** What `Departures` counts. */
export interface CutStats {
  /** Super-frames cut, and the segments they became. */
  superFrames: number;
  segments: number;
  /** Fragments made of what was too long for the way out, or had come in fragments. */
  fragments: number;
  /** Too long for the way out, and not to be cut. */
  unsegmentable: number;
}

/** Where the pieces go. `towards` is what `cut` was given. */
export interface PieceSink {
  piece(packet: Packet, towards: number): void;
}

/**
 * Cuts what the engine lets through for a way out that does not take it as it is. Right after the
 * packet was processed, since the fragmenter knows the cuts of the last one only.
 */
export class Departures {
  private readonly fragmenter: IpFragmenter;
  private readonly stats: CutStats;
  private readonly segmenter = new TcpSegmenter();
  private readonly mssTable = new MssTable();

  constructor(fragmenter: IpFragmenter, stats: CutStats) {
    this.fragmenter = fragmenter;
    this.stats = stats;
  }

  /** Notes what a SYN announces; to be called before the packet is translated. */
  learn(packet: Packet): void {
    this.mssTable.learn(packet);
  }

  /** True where the packet cannot leave in one piece by a way out of that MTU. */
  mustCut(packet: Packet, mtu: number): boolean {
    return this.fragmenter.mustCut(packet, mtu);
  }

  /**
   * Cuts a packet for which `mustCut` is true. It is longer than the way out takes, and yet the
   * engine let it through: a super-frame, a segment that grew by translation, or an IPv4 datagram
   * that may be fragmented; or it came in fragments. A super-frame of datagrams cannot be cut, since
   * nobody knows any more where one ended.
   */
  cut(packet: Packet, mtu: number, sink: PieceSink, towards: number): void {
    if (packet.fragMaxSize > 0) {
      this.fragment(packet, mtu, sink, towards);
      return;
    }
    const whole = decodeFrame(packet) === Decode.Ok && !packet.isFragment;
    if (whole && packet.protocol === Proto.Tcp) this.segment(packet, mtu, sink, towards);
    else if (packet.family === 4 && !packet.dontFragment) {
      this.fragment(packet, mtu, sink, towards);
    } else this.stats.unsegmentable++;
  }

  private segment(packet: Packet, mtu: number, sink: PieceSink, towards: number): void {
    const { segmenter, stats } = this;
    if (!segmenter.begin(packet, mtu, this.mssTable.towards(packet))) {
      stats.unsegmentable++;
      return;
    }
    stats.superFrames++;
    while (segmenter.next()) {
      stats.segments++;
      sink.piece(segmenter.segment, towards);
    }
  }

  private fragment(packet: Packet, mtu: number, sink: PieceSink, towards: number): void {
    const { fragmenter, stats } = this;
    if (!fragmenter.begin(packet, mtu)) {
      stats.unsegmentable++;
      return;
    }
    while (fragmenter.next()) {
      stats.fragments++;
      sink.piece(fragmenter.fragment, towards);
    }
  }
}
