import type { Clock } from '../../base/index.ts';
import { Proto } from '../../wire/index.ts';
import type { ConntrackSettings } from '../settings.ts';
import type { ConntrackTable } from '../table.ts';
import { TcpTracker } from '../tcp/tracker.ts';
import type { ProtocolTracker } from '../tracked.ts';
import { DatagramTracker } from './datagrams.ts';

/** The trackers of all protocols, one object of each kind. */
export class ProtocolTrackers {
  readonly tcp: TcpTracker;
  private readonly datagrams: DatagramTracker;

  constructor(table: ConntrackTable, clock: Clock, settings: ConntrackSettings) {
    this.tcp = new TcpTracker(table, clock, settings);
    this.datagrams = new DatagramTracker(table, clock);
  }

  /** The one that follows connections of a protocol number. */
  of(protocol: number): ProtocolTracker {
    return protocol === Proto.Tcp ? this.tcp : this.datagrams;
  }
}
