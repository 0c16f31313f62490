import type { BitsMatchDto, ConntrackChangeDto, ConntrackDto } from '../../control/index.ts';

/** One request of an update: entries that are changed alike. */
export interface UpdateBatch {
  ids: number[];
  change: ConntrackChangeDto;
}

/**
 * What `-U` asks for, entry by entry. Entries that are as they should be already are left alone and
 * not counted, as conntrack(8) does.
 */
export class UpdatePlan {
  private readonly change: ConntrackChangeDto;
  private readonly clearLabels: boolean;
  /** Entries by what is to be done to them, as text: most often there is one such change. */
  private readonly groups = new Map<string, UpdateBatch>();

  constructor(change: ConntrackChangeDto, clearLabels: boolean) {
    this.change = change;
    this.clearLabels = clearLabels;
  }

  /** How many entries are to be changed. */
  get count(): number {
    let count = 0;
    for (const { ids } of this.groups.values()) count += ids.length;
    return count;
  }

  add(entry: ConntrackDto): void {
    const change = changeOf(entry, this.change, this.clearLabels);
    if (change === null) return;
    const key = JSON.stringify(change);
    const group = this.groups.get(key);
    if (group === undefined) this.groups.set(key, { ids: [entry.id], change });
    else group.ids.push(entry.id);
  }

  *batches(size: number): Generator<UpdateBatch, void, undefined> {
    for (const { ids, change } of this.groups.values()) {
      for (let at = 0; at < ids.length; at += size) yield { ids: ids.slice(at, at + size), change };
    }
  }
}

/** What is to be done to one entry; null where that would change nothing. */
function changeOf(
  entry: ConntrackDto,
  { mark, status, state, timeout, addLabels, removeLabels }: ConntrackChangeDto,
  clearLabels: boolean,
): ConntrackChangeDto | null {
  const change: ConntrackChangeDto = {};
  if (timeout !== undefined && timeout !== entry.timeout) change.timeout = timeout;
  if (status !== undefined && (entry.status | status) !== entry.status) change.status = status;
  if (state !== undefined && state !== entry.state) change.state = state;
  const value = mark === undefined ? entry.mark : markOf(entry.mark, mark);
  if (value !== entry.mark) change.mark = { value, mask: 0xffffffff };
  const has = entry.labels ?? [];
  // Labels are sent without a look at which of them are there already.
  if (addLabels !== undefined) change.addLabels = addLabels;
  const removed = clearLabels ? has : removeLabels;
  if (removed !== undefined && has.length > 0) change.removeLabels = [...removed];
  return Object.keys(change).length === 0 ? null : change;
}

/** The mask says which bits are cleared before the value is put in, with XOR. */
function markOf(mark: number, { value, mask }: BitsMatchDto): number {
  return ((mark & ~mask) ^ value) >>> 0;
}
