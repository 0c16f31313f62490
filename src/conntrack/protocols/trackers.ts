import type { Clock } from '../../base/index.ts';
import { Proto } from '../../wire/index.ts';
import type { ConntrackSettings } from '../settings.ts';
import type { ConntrackTable } from '../table.ts';
import { TcpTracker } from '../tcp/tracker.ts';
import type { ProtocolTracker } from '../tracked.ts';
import { GenericTracker } from './generic.ts';
import { GreTracker } from './gre.ts';
import { IcmpTracker } from './icmp.ts';
import { SctpTracker } from './sctp.ts';
import { UdpLiteTracker, UdpTracker } from './udp.ts';

/** The trackers of all protocols, one object of each kind. */
export class ProtocolTrackers {
  readonly tcp: TcpTracker;
  private readonly udp: UdpTracker;
  private readonly udpLite: UdpLiteTracker;
  private readonly icmp: IcmpTracker;
  private readonly gre: GreTracker;
  private readonly sctp: SctpTracker;
  private readonly generic: GenericTracker;

  constructor(table: ConntrackTable, clock: Clock, settings: ConntrackSettings) {
    this.tcp = new TcpTracker(table, clock, settings);
    this.udp = new UdpTracker(table, clock);
    this.udpLite = new UdpLiteTracker(table, clock);
    this.icmp = new IcmpTracker(table, clock);
    this.gre = new GreTracker(table, clock);
    this.sctp = new SctpTracker(table, clock);
    this.generic = new GenericTracker(table, clock);
  }

  /** The one that follows connections of a protocol number. */
  of(protocol: number): ProtocolTracker {
    switch (protocol) {
      case Proto.Tcp:
        return this.tcp;
      case Proto.Udp:
        return this.udp;
      case Proto.UdpLite:
        return this.udpLite;
      case Proto.Icmp:
      case Proto.Icmpv6:
        return this.icmp;
      case Proto.Gre:
        return this.gre;
      case Proto.Sctp:
        return this.sctp;
      default:
        return this.generic;
    }
  }
}
