import { type Expectation, Status } from '../../../conntrack/index.ts';
import type { Engine } from '../../../engine/index.ts';
import { formatAddress } from '../../../wire/index.ts';
import { endText } from '../../end-text.ts';

/** Expectations that are remembered after their end, of the latest. */
const REMEMBERED = 65_536;

/** What became of one expectation while a packet was processed. */
export type HoleChange = 'opened' | 'closed';

interface Known {
  isOpen: boolean;
  /** Number of the packet of its last change. */
  at: number;
}

/** The expectations of one mode, told apart by who may connect to what. */
export class HoleLedger {
  /** Of the packet in hand, by expectation. */
  readonly changes = new Map<string, HoleChange[]>();
  opened = 0;
  private readonly known = new Map<string, Known>();

  change(hole: string, change: HoleChange, at: number): void {
    const changes = this.changes.get(hole) ?? [];
    // Opened anew at once, as for a line that comes again: only its time begins anew.
    if (change === 'opened' && changes.at(-1) === 'closed') {
      changes.pop();
      if (changes.length === 0) this.changes.delete(hole);
      this.known.set(hole, { isOpen: true, at });
      return;
    }
    if (change === 'opened') this.opened++;
    changes.push(change);
    this.changes.set(hole, changes);
    this.remember(hole, { isOpen: change === 'opened', at });
  }

  /** The latest stand last; of those that have ended, the oldest is forgotten. */
  private remember(hole: string, now: Known): void {
    this.known.delete(hole);
    this.known.set(hole, now);
    if (this.known.size <= REMEMBERED) return;
    for (const [oldest, { isOpen }] of this.known) {
      if (isOpen) continue;
      this.known.delete(oldest);
      return;
    }
  }

  /** What this mode does about an expectation now, or did before. */
  story(hole: string): string {
    const changes = this.changes.get(hole);
    if (changes !== undefined)
      return changes.map((c) => (c === 'opened' ? 'opens it' : 'closes it')).join(' and ');
    const known = this.known.get(hole);
    if (known === undefined) return 'never opened it';
    return known.isOpen ? `keeps it open since #${known.at}` : `closed it at #${known.at}`;
  }
}

/** `192.0.2.2 -> 10.0.1.2:51210`, with where it leads behind a translation. */
export function holeName(engine: Engine, expectation: Expectation): string {
  const { family, src, srcMask, dst, dport, dportLast, savedAddress, savedPort } = expectation;
  const { table } = engine.tracking.conntrack;
  const isTranslated = table.hasStatus(expectation.masterRow, Status.SrcNat | Status.DstNat);
  const isAnyone = srcMask.every((word) => word === 0);
  const from = isAnyone ? 'anyone' : formatAddress(family, ...src);
  const to = endText(formatAddress(family, ...dst), dport);
  const span = dportLast === dport ? '' : `-${dportLast}`;
  const leads = isTranslated
    ? `, leads to ${endText(formatAddress(family, ...savedAddress), savedPort)}`
    : '';
  return `${from} -> ${to}${span}${leads}`;
}

/** Expectations that a packet changes in one mode and not, or not so, in the other. */
export function disputedHoles(kernel: HoleLedger, hardened: HoleLedger): string[] {
  const holes = new Set([...kernel.changes.keys(), ...hardened.changes.keys()]);
  return [...holes].filter(
    (hole) => String(kernel.changes.get(hole)) !== String(hardened.changes.get(hole)),
  );
}
