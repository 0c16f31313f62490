import { RuleFault } from '../errors.ts';
import type { Family } from '../model.ts';
import { SetTable } from './table.ts';
import { type KeyLayout, layoutOf, type SetType } from './types.ts';

/** What a `create` line fixes for the life of a set. */
export interface SetOptions {
  readonly family: Family | 0;
  readonly maxelem: number;
  /** Mask of addresses as a prefix length; 0 for none. */
  readonly netmask: number;
  readonly markmask: number;
  /** First and last address or port of a bitmap (as unsigned numbers). */
  readonly first: number;
  readonly last: number;
  /** Seconds that an element stays without `timeout` of its own, 0 for ever; -1: no timeouts. */
  readonly timeout: number;
  readonly counters: boolean;
  readonly comment: boolean;
  readonly skbinfo: boolean;
  readonly forceadd: boolean;
}

/** Type, options and elements: what `ipset swap` exchanges between two names. */
export class SetBody {
  readonly type: SetType;
  readonly options: SetOptions;
  readonly layout: KeyLayout;
  readonly elements: SetTable;
  /** Names of interfaces that elements speak of; keys hold their index. */
  readonly interfaces: string[] = [];
  /** Members of a list:set, in order. */
  members: ListMember[] = [];

  constructor(type: SetType, options: SetOptions) {
    this.type = type;
    this.options = options;
    this.layout = layoutOf(type, options.family);
    this.elements = new SetTable({
      words: this.layout.words,
      counters: options.counters,
      marks: options.skbinfo,
      seed: 0,
    });
  }

  get count(): number {
    return this.type.storage === 'list' ? this.members.length : this.elements.count;
  }

  interfaceIndex(name: string): number {
    const known = this.interfaces.indexOf(name);
    return known >= 0 ? known : this.interfaces.push(name) - 1;
  }

  clear(): void {
    this.elements.clear();
    this.members = [];
  }
}

export interface ListMember {
  readonly set: SetDefinition;
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
}

/** A set by its name. Rules hold on to it, as they do to the kernel's index of a set. */
export class SetDefinition {
  name: string;
  body: SetBody;

  constructor(name: string, body: SetBody) {
    this.name = name;
    this.body = body;
  }
}

const NO_SUCH_SET = 'The set with the given name does not exist';
const MAX_NAME_BYTES = 31;
/** CONFIG_IP_SET_MAX of most kernels is 256, but it grows at need up to this. */
const MAX_SETS = 65_534;

/** All sets that files define, by name, with the refusals of ipset. */
export class SetRegistry {
  private readonly sets = new Map<string, SetDefinition>();

  find(name: string): SetDefinition | null {
    return this.sets.get(name) ?? null;
  }

  all(): SetDefinition[] {
    return [...this.sets.values()];
  }

  /** The set of a name; throws where there is none. */
  get(name: string): SetDefinition {
    const set = this.sets.get(name);
    if (set === undefined) throw new RuleFault('bad-set', NO_SUCH_SET, name);
    return set;
  }

  /** Takes a new set in; `exist` lets one with the same type and options be. */
  create(name: string, body: SetBody, exist: boolean): void {
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      const words = `Syntax error: setname '${name}' is longer than ${MAX_NAME_BYTES} characters`;
      throw new RuleFault('bad-set', words);
    }
    const known = this.sets.get(name);
    if (known !== undefined) {
      if (exist && sameKind(known.body, body)) return;
      const words = 'Set cannot be created: set with the same name already exists';
      throw new RuleFault('bad-set', words);
    }
    if (this.sets.size >= MAX_SETS) {
      throw new RuleFault('bad-set', 'Kernel error received: maximal number of sets reached');
    }
    this.sets.set(name, new SetDefinition(name, body));
  }

  /** `used` says whether a rule names the set. */
  destroy(name: string, used: (set: SetDefinition) => boolean): void {
    const set = this.get(name);
    if (used(set) || this.isMember(set)) {
      const words = 'Set cannot be destroyed: it is in use by a kernel component';
      throw new RuleFault('bad-set', words);
    }
    this.sets.delete(name);
  }

  /** Destroys all sets, or none where one is in use. */
  destroyAll(used: (set: SetDefinition) => boolean): void {
    if (this.all().some(used)) {
      const words = 'Set cannot be destroyed: it is in use by a kernel component';
      throw new RuleFault('bad-set', words);
    }
    this.sets.clear();
  }

  rename(from: string, to: string, used: (set: SetDefinition) => boolean): void {
    const set = this.get(from);
    if (this.sets.has(to)) {
      const words = 'Set cannot be renamed: a set with the new name already exists';
      throw new RuleFault('bad-set', words);
    }
    if (used(set) || this.isMember(set)) {
      const words = 'Set cannot be renamed: it is in use by another system';
      throw new RuleFault('bad-set', words);
    }
    this.sets.delete(from);
    set.name = to;
    this.sets.set(to, set);
  }

  swap(from: string, to: string): void {
    const one = this.get(from);
    const other = this.get(to);
    const same =
      one.body.type === other.body.type && one.body.options.family === other.body.options.family;
    if (!same) {
      throw new RuleFault('bad-set', 'The sets cannot be swapped: their type does not match');
    }
    [one.body, other.body] = [other.body, one.body];
  }

  private isMember(set: SetDefinition): boolean {
    return this.all().some(({ body }) => body.members.some((member) => member.set === set));
  }
}

function sameKind(one: SetBody, other: SetBody): boolean {
  return one.type === other.type && JSON.stringify(one.options) === JSON.stringify(other.options);
}
