import {
  type CarriedFlows,
  type Conntrack,
  type ConntrackTable,
  Direction,
  type DirectionCode,
  Field,
  Status,
} from '../conntrack/index.ts';
import { type Packet, Proto, quotesDatagram, TcpFlag } from '../wire/index.ts';
import type { Flight } from './flight.ts';

/**
 * Of a TCP connection, both ways: the packet from which on it may be taken over. One that is opened,
 * says a little and is closed has no more before its first FIN, and never pays for being handed
 * over: three of the handshake, a request, an answer, their acknowledgements.
 */
const TCP_PACKETS = 8;
/**
 * The same of a connection that a helper announced, which will carry data, and of one that a helper
 * follows: the last ACK of its handshake.
 */
const HANDSHAKE_PACKETS = 3;
/** Queries of ICMP and their answers: three of each, so that a short ping stays here. */
const ICMP_PACKETS = 6;
/** Packets of UDP that nobody has answered: a stream by then, not a question. */
const ONE_WAY_PACKETS = 16;

/** In TCP, what a plain segment has of these: ACK alone. */
const TELLING_FLAGS = TcpFlag.Syn | TcpFlag.Fin | TcpFlag.Rst | TcpFlag.Urg | TcpFlag.Ack;

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/** What is not offered: what the carrier knows already, and what is to be over in a moment. */
export const KEPT = Status.KnownToCarrier | Status.NatClash;

/** Whether a helper has anything to do with acknowledgements of a connection that it follows. */
export interface FollowedConnections {
  isQuiet(row: number): boolean;
}

/** Tells whether the connection of the packet in hand may be handed over with it. Hot. */
export class Ripeness {
  private readonly carried: CarriedFlows;
  private readonly flight: Flight;
  private readonly followed: FollowedConnections;
  private readonly table: ConntrackTable;

  constructor(conntrack: Conntrack, flight: Flight, followed: FollowedConnections) {
    this.carried = conntrack.carried;
    this.flight = flight;
    this.followed = followed;
    this.table = conntrack.table;
  }

  /**
   * Whether this is the SYN/ACK of a connection that a helper has announced: from here on all of it is
   * plain, and its data may come right behind the ACK that completes the handshake.
   */
  isOpening(packet: Packet): boolean {
    const { row } = this.flight;
    const { table } = this;
    return (
      row >= 0 &&
      (packet.tcpFlags & TELLING_FLAGS) === (TcpFlag.Syn | TcpFlag.Ack) &&
      packet.protocol === Proto.Tcp &&
      (table.get(row, Field.Status) & (Status.Expected | KEPT | Status.SeqAdjust)) ===
        Status.Expected &&
      table.helper(row) === 0 &&
      packet.payloadLen === 0 &&
      isPlain(packet) &&
      !isZoned(table, row) &&
      this.carried.mayOpen(row)
    );
  }

  /** Whether its direction may be, if rules and routes do not say otherwise. */
  isCandidate(packet: Packet): boolean {
    const { row, direction } = this.flight;
    const { table } = this;
    if (row < 0) return false;
    const status = table.get(row, Field.Status);
    if ((status & (KEPT | Status.SeqAdjust)) !== 0) return false;
    return (
      this.isRipe(packet, row, direction, status) &&
      isPlain(packet) &&
      !isZoned(table, row) &&
      (table.helper(row) === 0 || this.followed.isQuiet(row)) &&
      this.carried.mayOffer(row, direction)
    );
  }

  /** Whether a connection has come so far that the rest of it is to be expected like the present. */
  private isRipe(packet: Packet, row: number, direction: DirectionCode, status: number): boolean {
    switch (packet.protocol) {
      case Proto.Tcp: {
        if ((status & Status.Assured) === 0) return false;
        if ((packet.tcpFlags & TELLING_FLAGS) !== TcpFlag.Ack) return false;
        const isEarly = (status & (Status.Expected | Status.Helper)) !== 0;
        if (this.packets(row) < (isEarly ? HANDSHAKE_PACKETS : TCP_PACKETS)) return false;
        return this.carried.fitsWindows(row, direction, packet);
      }
      case Proto.Udp:
        if ((status & Status.Assured) !== 0) return true;
        return (status & Status.SeenReply) === 0 && this.packets(row) >= ONE_WAY_PACKETS;
      case Proto.Icmp:
      case Proto.Icmpv6:
        if (quotesDatagram(packet)) return false;
        return (status & Status.SeenReply) !== 0 && this.packets(row) >= ICMP_PACKETS;
      default:
        return false;
    }
  }

  private packets(row: number): number {
    return this.table.packets(row, Direction.Original) + this.table.packets(row, Direction.Reply);
  }
}

/** As the gate takes them (`FlowGate`); flags of TCP are looked at elsewhere. */
function isPlain(packet: Packet): boolean {
  if (packet.isFragment || packet.hasFragmentHeader || packet.fragMaxSize > 0) return false;
  return packet.l3HeaderLen === (packet.family === 4 ? IPV4_HEADER : IPV6_HEADER);
}

/** The gate knows no zones. */
export function isZoned(table: ConntrackTable, row: number): boolean {
  return table.zone(row, Direction.Original) !== 0 || table.zone(row, Direction.Reply) !== 0;
}
