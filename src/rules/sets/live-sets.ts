import type { CompileScope } from '../extension.ts';
import type { SetDefinition } from './definition.ts';
import { LiveElements, type LiveSet } from './live.ts';
import { LiveList } from './live-list.ts';
import { NamePool } from './name-pool.ts';

/**
 * The live set of a definition: one for all rules that name it. It goes on as it is where rules
 * change and the files are not read again. After a reload it has what the files now say, and what
 * `-j SET` added before where the set is still of the same type.
 */
export function liveSet(definition: SetDefinition, scope: CompileScope): LiveSet {
  const { body } = definition;
  const { shared } = scope;
  if (body.type.storage === 'list') {
    const members = body.members.map((member) => liveSet(member.set, scope));
    return shared.renewed<LiveList>('set list', definition.name, (before) =>
      before?.body === body ? before : new LiveList(body, members),
    );
  }
  const pool = shared.named('set names', '', () => new NamePool(scope.interfaces));
  return shared.renewed<LiveElements>('set', definition.name, (before) => {
    if (before?.body === body) return before;
    const live = new LiveElements(body, pool, scope.random.next() | 0);
    if (before !== null) live.inherit(before);
    return live;
  });
}

/** As `liveSet`, for a rule that adds to it or removes from it. */
export function liveSetToChange(definition: SetDefinition, scope: CompileScope): LiveSet {
  const live = liveSet(definition, scope);
  live.expectChanges();
  return live;
}

/** As `liveSetToChange`, for a rule that adds. */
export function liveSetToAdd(definition: SetDefinition, scope: CompileScope): LiveSet {
  const live = liveSetToChange(definition, scope);
  if (live instanceof LiveElements) live.prepareForAdding();
  for (const { set } of definition.body.members) liveSetToAdd(set, scope);
  return live;
}
