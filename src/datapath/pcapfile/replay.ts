import type { InterfaceTable } from '../../base/index.ts';
import { type Engine, Outcome, type OutcomeCode, type PacketOutput } from '../../engine/index.ts';
import {
  completeL4Checksum,
  Decode,
  type DecodeCode,
  decodeFrame,
  EtherType,
  LinkType,
  type LinkTypeCode,
  Packet,
} from '../../wire/index.ts';
import { CapturedFrame, type CaptureReader } from './capture.ts';
import { InterfaceMap, type InterfacePrefix } from './interface-map.ts';
import { mendFrame } from './mend-frame.ts';
import { PeerView } from './peer-view.ts';
import { CaptureWriter } from './writer.ts';

/** Told of every packet of the input, in order, after the engine has decided. */
export interface ReplayObserver {
  /** `number` counts from 1; `time` is in seconds since the first packet. */
  packetDone(number: number, time: number, outcome: OutcomeCode, packet: Packet): void;
}

/**
 * The engine's time at the first packet. The file's own seconds would do, were it not for files that
 * a broken clock has stamped: the tables hold seconds in 32 bits.
 */
const START_SEC = 86_400;
const MAX_CLOCK_SEC = 1 << 30;

/**
 * A capture file as a datapath: packets come from a reader, at the file's own pace of time; what
 * leaves goes to a writer, if there is one. Needs no privileges.
 */
export class ReplayDatapath {
  readonly routes;
  readonly output: PacketOutput = { emit: (packet) => this.writeAnswer(packet) };
  /** Number and time of the packet in hand. */
  number = 0;
  time = 0;

  /** Unix time of the packet in hand, as the file has it. */
  readonly packetTime = { epochSec: 0, usec: 0 };

  private readonly map: InterfaceMap;
  private readonly reader: CaptureReader;
  private readonly outPath: string | null;
  private readonly packet = new Packet();
  private readonly frame = new CapturedFrame();
  private view: PeerView | null = null;
  private writer: CaptureWriter | null = null;
  private writerLink: LinkTypeCode = LinkType.Ethernet;
  private firstEpoch = Number.NaN;
  /** Bytes of the packet in hand that the snap length has cut off. */
  private missing = 0;

  constructor(
    reader: CaptureReader,
    prefixes: readonly InterfacePrefix[],
    interfaces: InterfaceTable,
    outPath: string | null,
  ) {
    this.reader = reader;
    this.outPath = outPath;
    this.map = new InterfaceMap(prefixes, interfaces);
    this.routes = this.map.routes;
  }

  /** Replays the whole file. Throws CaptureError where the file cannot be read on. */
  run(engine: Engine, observer: ReplayObserver): void {
    try {
      while (this.next(engine, observer));
      this.openWriter(LinkType.Ethernet);
    } finally {
      this.writer?.close();
    }
  }

  /**
   * Replays one packet; false at the end of the file. Always with the same engine. Throws CaptureError
   * where the file cannot be read on.
   */
  next(engine: Engine, observer: ReplayObserver): boolean {
    const { packet } = this;
    if (!this.reader.next(this.frame)) return false;
    this.view ??= new PeerView(engine);
    this.number++;
    this.setTime(engine);
    this.loadFrame();
    if (this.decode(engine) === Decode.Ok) this.view.adapt(packet);
    const outcome = engine.process(packet, this.map.ingressOf(packet));
    if (outcome === Outcome.Deliver) this.writePacket(packet);
    else if (outcome === Outcome.Forward) this.writeForwarded(engine, packet);
    observer.packetDone(this.number, this.time, outcome, packet);
    return true;
  }

  /** The engine's clock follows the file; expiry is complete whenever the second changes. */
  private setTime(engine: Engine): void {
    const { frame } = this;
    if (!frame.hasTimestamp) return;
    this.packetTime.epochSec = frame.epochSec;
    this.packetTime.usec = Math.floor(frame.nanos / 1000);
    const epoch = frame.epochSec + frame.nanos / 1e9;
    if (Number.isNaN(this.firstEpoch)) this.firstEpoch = epoch;
    this.time = Math.round((epoch - this.firstEpoch) * 1e6) / 1e6;
    const before = engine.clock.sec;
    const sec = Math.min(START_SEC + this.time, MAX_CLOCK_SEC);
    engine.clock.setEpochMs((engine.clock.baseEpochSec + sec) * 1000);
    if (engine.clock.sec !== before) engine.sweep(Number.MAX_SAFE_INTEGER);
  }

  /** A packet cut by the snap length is filled up with zeros: its headers are still good. */
  private loadFrame(): void {
    const { frame, packet } = this;
    const kept = Math.min(frame.length, packet.capacity);
    packet.loadRange(frame.bytes, frame.offset, kept, frame.linkType);
    this.missing = Math.max(0, Math.min(frame.originalLength, packet.capacity) - kept);
    packet.bytes.fill(0, packet.frameEnd, packet.frameEnd + this.missing);
    packet.frameEnd += this.missing;
  }

  /** Checksums count where they are to be verified, and cannot where bytes are missing. */
  private decode(engine: Engine): DecodeCode {
    if (engine.settings.checksums === 'ignore') return mendFrame(this.packet);
    const decoded = decodeFrame(this.packet);
    if (decoded === Decode.Ok && this.missing > 0) completeL4Checksum(this.packet);
    return decoded;
  }

  /** What came in fragments leaves in fragments. */
  private writeForwarded(engine: Engine, packet: Packet): void {
    const { fragmenter } = engine.assembly;
    const { mtu } = engine.routes;
    // Bytes that one fragment lacked are not those at the end of the whole.
    if (packet.fragMaxSize > 0) this.missing = 0;
    const cut = packet.fragMaxSize > 0 && fragmenter.mustCut(packet, mtu);
    if (!cut || !fragmenter.begin(packet, mtu)) this.writePacket(packet);
    else while (fragmenter.next()) this.writePacket(fragmenter.fragment);
  }

  private writePacket(packet: Packet): void {
    const writer = this.openWriter(packet.linkType);
    if (writer === null) return;
    if (packet.linkType === this.writerLink) {
      this.write(writer, packet, packet.frameOffset, packet.frameEnd, this.missing);
    } else this.writeDatagram(writer, packet, this.missing);
  }

  private writeAnswer(packet: Packet): void {
    const writer = this.openWriter(this.frame.linkType);
    if (writer !== null) this.writeDatagram(writer, packet, 0);
  }

  /** Cooked headers cannot be written back: their packets go out as plain IP. */
  private openWriter(linkType: LinkTypeCode): CaptureWriter | null {
    if (this.outPath === null) return null;
    if (this.writer === null) {
      this.writerLink = linkType === LinkType.Ethernet ? LinkType.Ethernet : LinkType.RawIp;
      this.writer = new CaptureWriter(this.outPath, { linkType: this.writerLink });
    }
    return this.writer;
  }

  /** An IP datagram, with an Ethernet header of zero addresses where the file wants one. */
  private writeDatagram(writer: CaptureWriter, packet: Packet, missing: number): void {
    if (this.writerLink !== LinkType.Ethernet) {
      this.write(writer, packet, packet.l3Offset, packet.l3End, missing);
      return;
    }
    const at = packet.l3Offset - 14;
    packet.bytes.fill(0, at, packet.l3Offset);
    packet.view.setUint16(at + 12, packet.family === 4 ? EtherType.Ipv4 : EtherType.Ipv6);
    this.write(writer, packet, at, packet.l3End, missing);
  }

  /** What the snap length has cut off is not made up. */
  private write(
    writer: CaptureWriter,
    packet: Packet,
    from: number,
    to: number,
    missing: number,
  ): void {
    const { epochSec, nanos } = this.frame;
    const keptEnd = Math.min(to, packet.frameEnd - missing);
    writer.write(packet.bytes, from, keptEnd - from, to - from, epochSec, nanos);
  }
}
