import type { Clock } from '../../base/index.ts';
import type { Packet } from '../../wire/index.ts';
import type { Cuts } from './cuts.ts';
import { Datagrams, Gathered, type GatheredCode } from './datagrams.ts';
import { Have, Queue } from './queues.ts';
import { Place } from './runs.ts';
import type { FragmentSettings } from './settings.ts';

/** What both families share: finding the datagram of a fragment, and giving it up. */
export abstract class Reassembler {
  readonly datagrams: Datagrams;
  protected readonly clock: Clock;
  protected readonly settings: FragmentSettings;
  protected readonly cuts: Cuts;
  /** The queue that was opened last is a new one. */
  protected isNew = false;

  constructor(clock: Clock, settings: FragmentSettings, cuts: Cuts, seed: number) {
    this.clock = clock;
    this.settings = settings;
    this.cuts = cuts;
    this.datagrams = new Datagrams(settings.memoryBytes, seed);
  }

  /**
   * Takes the decoded fragment in the cursor. `kind` keeps apart what must not be mixed although
   * addresses and identification agree.
   */
  abstract take(packet: Packet, kind: number, inIf: number): GatheredCode;

  protected abstract timeoutSec(): number;

  /** The oldest queue if its time is over, else -1. */
  overdue(): number {
    const { oldest } = this.datagrams.queues;
    return oldest >= 0 && this.isOver(oldest) ? oldest : -1;
  }

  /** Gives a datagram up and forgets it. */
  abandon(queue: number): void {
    this.datagrams.abandon(queue);
    this.close(queue);
  }

  /** Forgets a datagram whose fragments have been given back. */
  protected close(queue: number): void {
    this.datagrams.queues.remove(queue);
  }

  /** The queue of the fragment in the cursor; -1 where memory is used up. */
  protected open(packet: Packet, kind: number): number {
    const { queues, store } = this.datagrams;
    // As the kernel does: what is here already has the better chance to become whole.
    if (!store.fits(packet.l3End - packet.l3Offset)) return -1;
    const found = queues.find(packet, kind);
    this.isNew = found < 0 || this.isOver(found);
    if (!this.isNew) return found;
    if (found >= 0) this.abandon(found);
    return queues.create(packet, kind, this.clock.ms);
  }

  /** Enters the bytes; what this means for the datagram. `Held` may be the last one missing. */
  protected enter(
    queue: number,
    packet: Packet,
    headerLen: number,
    start: number,
    end: number,
  ): GatheredCode {
    const first = start === 0;
    const from = first ? packet.l3Offset : packet.l3Offset + headerLen;
    const place = this.datagrams.enter(queue, packet, from, first ? headerLen : 0, start, end);
    if (place === Place.Duplicate) return Gathered.Duplicate;
    if (place === Place.Entered) {
      if (first) this.addFlag(queue, Have.First);
      return Gathered.Held;
    }
    this.abandon(queue);
    return place === Place.TooMany ? Gathered.Overflow : Gathered.Overlap;
  }

  /** Notes how far the datagram goes. False where that contradicts what is known already. */
  protected extend(queue: number, end: number, more: boolean): boolean {
    const { queues } = this.datagrams;
    const length = queues.get(queue, Queue.Length);
    const lastKnown = (queues.get(queue, Queue.Flags) & Have.Last) !== 0;
    if (!more) {
      if (end < length || (lastKnown && end !== length)) return false;
      this.addFlag(queue, Have.Last);
    } else if (end <= length) return true;
    else if (lastKnown) return false;
    queues.set(queue, Queue.Length, end);
    return true;
  }

  protected isComplete(queue: number): boolean {
    const { queues } = this.datagrams;
    return (
      queues.get(queue, Queue.Flags) === Have.Both &&
      queues.get(queue, Queue.Present) === queues.get(queue, Queue.Length)
    );
  }

  protected refuse(queue: number, why: GatheredCode): GatheredCode {
    this.abandon(queue);
    return why;
  }

  /** Notes the largest of a kind. */
  protected raise(
    queue: number,
    word: typeof Queue.MaxSize | typeof Queue.MaxDfSize,
    size: number,
  ): void {
    const { queues } = this.datagrams;
    if (size > queues.get(queue, word)) queues.set(queue, word, size);
  }

  protected addEcn(queue: number, bit: number): void {
    const { queues } = this.datagrams;
    queues.set(queue, Queue.Ecn, queues.get(queue, Queue.Ecn) | bit);
  }

  private addFlag(queue: number, flag: number): void {
    const { queues } = this.datagrams;
    queues.set(queue, Queue.Flags, queues.get(queue, Queue.Flags) | flag);
  }

  private isOver(queue: number): boolean {
    const age = (this.clock.ms - this.datagrams.queues.get(queue, Queue.BornMs)) | 0;
    return age >= this.timeoutSec() * 1000;
  }
}
