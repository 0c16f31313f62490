import type { Packet } from '../../wire/index.ts';
import type { DirectionCode } from '../constants.ts';
import type { Timeouts } from '../timeouts.ts';
import { Tracked, type TrackedCode } from '../tracked.ts';
import { StatelessTracker } from './stateless.ts';

/**
 * Every protocol without a tracker of its own, told apart by addresses and number only
 * (nf_conntrack_proto_generic.c). DCCP is one since Linux 6.17.
 */
export class GenericTracker extends StatelessTracker {
  override follow(row: number, _: DirectionCode, __: Packet, timeouts: Timeouts): TrackedCode {
    this.table.refresh(row, this.clock, timeouts.generic);
    return Tracked.Ok;
  }
}
