import { Direction } from '../../../conntrack/index.ts';
import { type FlowOffer, GateAction } from '../../../engine/index.ts';
import { Proto } from '../../../wire/index.ts';
import { FlowFlag, WAY_CLOSES } from '../layout.ts';
import type { HopTable } from './hops.ts';
import { kindOf } from './keys.ts';

/** A way's kernel index shares its word with the action. */
const MOST_IFINDEX = 0xff_ffff;
const WAY_SHIFT = 8;
/** A path has half of a word, a mark as well. */
const PATH_MASK = 0xffff;
const MARK_MASK = 0xffff;

/** What the gate asks about interfaces, by their id. */
export interface GateInterfaces {
  /** The kernel's number; 0 where the interface is gone. */
  ifindexOf(interfaceId: number): number;
  /** Whether the gate's program sits there. */
  isManaged(interfaceId: number): boolean;
}

/** Whether the memory has words for such a flow at all: it has none for zones and large marks. */
export function isExpressible(offer: FlowOffer): boolean {
  const { original, reply } = offer;
  return (
    original.zone === 0 &&
    reply.zone === 0 &&
    kindOf(original) === kindOf(reply) &&
    (offer.path & ~PATH_MASK) === 0 &&
    (offer.mark & ~MARK_MASK) === 0
  );
}

/**
 * `DirectionWord.Way`: where the packets are met, and what becomes of them. A packet of this host has
 * no way in, it is met on its way out. 0: such an interface cannot be named. The engine's actions
 * have the numbers of the program's.
 */
export function wayOf(offer: FlowOffer, interfaces: GateInterfaces): number {
  const isOwn = offer.action === GateAction.Out || offer.inIf < 0;
  const ifindex = interfaces.ifindexOf(isOwn ? offer.outIf : offer.inIf);
  if (ifindex < 1 || ifindex > MOST_IFINDEX) return 0;
  return (ifindex << WAY_SHIFT) | (closes(offer) ? WAY_CLOSES : 0) | offer.action;
}

/** FINs are let pass only where they are held against the windows. */
function closes(offer: FlowOffer): boolean {
  return offer.closes && offer.checkWindow && offer.original.protocol === Proto.Tcp;
}

/**
 * The number of the hop that packets leave by, or the mark of those of this host; 0 where they do not
 * leave; -1: none is to be had.
 */
export function hopOf(offer: FlowOffer, interfaces: GateInterfaces, hops: HopTable): number {
  if (offer.action === GateAction.Out) return offer.mark;
  if (offer.action !== GateAction.Forward && offer.action !== GateAction.Acks) return 0;
  const ifindex = interfaces.ifindexOf(offer.outIf);
  if (ifindex < 1) return -1;
  return hops.intern(
    ifindex,
    offer.mtu,
    isOnLink(offer) ? 0 : offer.hopFamily,
    offer.hop0,
    offer.hop1,
    offer.hop2,
    offer.hop3,
    interfaces.isManaged(offer.outIf),
  );
}

/** The next hop is where the packet itself goes, which after translation is who answers it. */
function isOnLink(offer: FlowOffer): boolean {
  // RFC 8950: an IPv4 packet may have an IPv6 next hop.
  if (offer.hopFamily !== offer.original.family) return false;
  const answer = offer.direction === Direction.Original ? offer.reply : offer.original;
  return (
    offer.hop0 === answer.s0 &&
    offer.hop1 === answer.s1 &&
    offer.hop2 === answer.s2 &&
    offer.hop3 === answer.s3
  );
}

/** `FlowWord.Meta`. */
export function metaOf(offer: FlowOffer): number {
  const flags =
    (offer.checkWindow ? FlowFlag.CheckWindow : 0) |
    (offer.originalSack ? 0 : FlowFlag.OriginalNoSack) |
    (offer.replySack ? 0 : FlowFlag.ReplyNoSack) |
    // The packet that is being let through.
    FlowFlag.EngineSpokeLast;
  return (
    kindOf(offer.original) |
    ((offer.originalScale & 0x0f) << 16) |
    ((offer.replyScale & 0x0f) << 20) |
    (flags << 24)
  );
}
