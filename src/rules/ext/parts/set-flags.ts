import { RuleFault } from '../../errors.ts';
import type { ParseScope } from '../../extension.ts';
import type { SetDefinition } from '../../sets/definition.ts';

/** `NAME src,dst`: the set that a rule names, and from which side each field is taken. */
export interface SetReference {
  readonly set: SetDefinition;
  /** Bit i is set where flag i is `src`. */
  readonly sources: number;
  readonly dimension: number;
}

const MAX_NAME_BYTES = 31;
const MAX_DIMENSION = 6;

/** Reads both arguments of --match-set, --add-set, …, in the words of iptables (spelling too). */
export function parseSetReference(name: string, flags: string, scope: ParseScope): SetReference {
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    const words = `setname \`${name}' too long, max ${MAX_NAME_BYTES} characters.`;
    throw new RuleFault('bad-value', words);
  }
  const set = scope.sets.find(name);
  if (set === null) throw new RuleFault('unknown-set', `Set ${name} doesn't exist.`);
  const { family } = set.body.options;
  if (family !== 0 && family !== scope.family) {
    const words = `The protocol family of set ${name} is IPv${family}, which is not applicable.`;
    throw new RuleFault('bad-value', words);
  }
  let sources = 0;
  const sides = flags.split(',');
  for (const [i, side] of sides.entries()) {
    if (i >= MAX_DIMENSION) {
      throw new RuleFault('bad-value', `Can't be more src/dst options than ${MAX_DIMENSION}.`);
    }
    if (side === 'src') sources |= 1 << i;
    else if (side !== 'dst') {
      const words = "You must spefify (the comma separated list of) 'src' or 'dst'.";
      throw new RuleFault('bad-value', words);
    }
  }
  return { set, sources, dimension: sides.length };
}

export function formatSetReference(reference: SetReference): string {
  const { set, sources, dimension } = reference;
  const side = (_: unknown, i: number) => (sources & (1 << i) ? 'src' : 'dst');
  return `${set.name} ${Array.from({ length: dimension }, side).join(',')}`;
}
