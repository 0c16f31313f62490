import { InterfaceTable } from '../../base/index.ts';
import {
  type Engine,
  Outcome,
  type OutcomeCode,
  type PacketOutput,
  RouteTable,
} from '../../engine/index.ts';
import { LinkType, type LinkTypeCode, Packet } from '../../wire/index.ts';

/** A packet that the engine sent of itself, as an IP datagram. */
export interface SentPacket {
  readonly interfaceName: string;
  readonly datagram: Uint8Array;
}

/** What became of an injected frame. */
export interface Passed {
  readonly outcome: OutcomeCode;
  /** Interface it left by; '' unless it was forwarded. */
  readonly interfaceName: string;
  /** The frame as it left or was delivered; empty where it was dropped or is kept. */
  readonly frame: Uint8Array;
  /** The same as it goes out on the wire: cut into fragments where that is wanted. */
  readonly frames: readonly Uint8Array[];
}

/** One engine, one packet cursor, no I/O. Make it, give its ports to an engine, then attach. */
export class MemoryDatapath {
  readonly interfaces = new InterfaceTable();
  readonly routes = new RouteTable();
  readonly packet = new Packet();
  /** Answers of the engine, in order. The caller may empty it. */
  readonly sent: SentPacket[] = [];
  readonly output: PacketOutput = {
    emit: (packet, towardsIf) => {
      const datagram = packet.bytes.slice(packet.l3Offset, packet.l3End);
      this.sent.push({ interfaceName: this.interfaces.name(towardsIf), datagram });
    },
  };
  private engine: Engine | null = null;

  attach(engine: Engine): void {
    this.engine = engine;
  }

  /** Sends a frame in on an interface and says what became of it. */
  inject(
    interfaceName: string,
    frame: Uint8Array,
    linkType: LinkTypeCode = LinkType.Ethernet,
  ): Passed {
    const engine = this.attached();
    if (!this.packet.load(frame, linkType)) throw new RangeError('frame does not fit the cursor');
    const outcome = engine.process(this.packet, this.interfaces.id(interfaceName));
    return this.passed(outcome);
  }

  /** The same for a packet of this host on its way out. */
  injectOutput(
    interfaceName: string,
    frame: Uint8Array,
    linkType: LinkTypeCode = LinkType.Ethernet,
  ): Passed {
    const engine = this.attached();
    if (!this.packet.load(frame, linkType)) throw new RangeError('frame does not fit the cursor');
    return this.passed(engine.processOutput(this.packet, this.interfaces.id(interfaceName)));
  }

  private passed(outcome: OutcomeCode): Passed {
    const isGone = outcome === Outcome.Drop || outcome === Outcome.Hold;
    const left = outcome === Outcome.Forward ? this.attached().outIf : -1;
    const frame = isGone ? new Uint8Array(0) : this.packet.copyFrame();
    return {
      outcome,
      interfaceName: this.interfaces.name(left),
      frame,
      frames: outcome === Outcome.Forward ? this.cut(frame) : isGone ? [] : [frame],
    };
  }

  private cut(frame: Uint8Array): readonly Uint8Array[] {
    const { packet, routes } = this;
    const { fragmenter } = this.attached().assembly;
    if (!fragmenter.mustCut(packet, routes.mtu)) return [frame];
    // Super-frames are cut by other means, which a wire of this kind does not need.
    if (packet.dontFragment && packet.fragMaxSize === 0) return [frame];
    if (!fragmenter.begin(packet, routes.mtu)) return [frame];
    const frames: Uint8Array[] = [];
    while (fragmenter.next()) frames.push(fragmenter.fragment.copyFrame());
    return frames;
  }

  private attached(): Engine {
    if (this.engine === null) throw new Error('attach an engine first');
    return this.engine;
  }
}
