import { RuleFault } from '../errors.ts';
import { takeComment } from '../ftp/take.ts';
import type { Source } from '../parse/source.ts';
import { splitSaveLine, type Word } from '../parse/words.ts';
import type { ServiceTable } from '../services.ts';
import { SetBody, type SetDefinition, type SetRegistry } from './definition.ts';
import { MOST_ELEMENTS, parseElement } from './element.ts';
import { type ElementOptions, readCreateOptions, readElementOptions } from './options.ts';
import { ElementFlag } from './table.ts';
import { findSetType } from './types.ts';

/** Reads lines of ipset: the files of `ipset save`, and `ipset …` in scripts. */

/** What an ipset line needs to know besides the sets. */
export interface SetScope {
  readonly services: ServiceTable;
  /** True where a rule names the set: the kernel then lets nobody destroy or rename it. */
  inUse(set: SetDefinition): boolean;
}

type SetCommand =
  | 'create'
  | 'add'
  | 'del'
  | 'destroy'
  | 'flush'
  | 'rename'
  | 'swap'
  | 'test'
  | 'list'
  | 'save'
  | 'version'
  | 'COMMIT';

const commands: ReadonlyMap<string, SetCommand> = new Map([
  ...names('create', 'create', 'n', '-N', '--create'),
  ...names('add', 'add', '-A', '--add'),
  ...names('del', 'del', '-D', '--del'),
  ...names('destroy', 'destroy', 'x', '-X', '--destroy'),
  ...names('flush', 'flush', '-F', '--flush'),
  ...names('rename', 'rename', 'e', '-E', '--rename'),
  ...names('swap', 'swap', 'w', '-W', '--swap'),
  ...names('test', 'test', '-T', '--test'),
  ...names('list', 'list', '-L', '--list'),
  ...names('save', 'save', '-S', '--save'),
  ...names('version', 'version', '-v', '-V', '--version'),
  ...names('COMMIT', 'COMMIT'),
]);

function names(command: SetCommand, ...spellings: string[]): [string, SetCommand][] {
  return spellings.map((spelling) => [spelling, command]);
}

/** Options of ipset itself that may stand anywhere on a line. */
const quietOptions: readonly string[] = ['-q', '-quiet', '--quiet', '-s', '-sorted', '--sorted'];
const existOptions: readonly string[] = ['-!', '-exist', '--exist'];

const bad = (words: string, detail = '') => new RuleFault('bad-set', words, detail);

/**
 * Carries out one line of ipset (without the program's name) on the sets of a rule set. Lines that
 * only look (`list`, `save`, `test`) change nothing. Throws a RuleFault, placed at its word.
 */
export function readIpsetLine(
  words: readonly Word[],
  ruleSet: { readonly sets: SetRegistry },
  scope: SetScope,
): void {
  const exist = words.some(({ text }) => existOptions.includes(text));
  const [command, ...rest] = words.filter(
    ({ text }) => !existOptions.includes(text) && !quietOptions.includes(text),
  );
  if (command === undefined) throw bad('No command specified.');
  const kind = commands.get(command.text);
  if (kind === undefined) {
    const fault = bad(`No command specified: unknown argument ${command.text}`);
    fault.position = { line: command.line, column: command.column };
    throw fault;
  }
  try {
    carryOut(
      kind,
      rest.map(({ text }) => text),
      ruleSet.sets,
      scope,
      exist,
    );
  } catch (fault) {
    if (fault instanceof RuleFault) fault.position ??= placeOf(fault, rest, command);
    throw fault;
  }
}

/** The word that the message quotes, else the second one (mostly the element), else the command. */
function placeOf(fault: RuleFault, words: readonly Word[], command: Word) {
  const quoted = /[`']([^`']+)'/.exec(fault.message)?.[1];
  const word = words.find(({ text }) => text === quoted) ?? words[1] ?? words[0] ?? command;
  return { line: word.line, column: word.column };
}

function carryOut(
  kind: SetCommand,
  words: readonly string[],
  sets: SetRegistry,
  scope: SetScope,
  exist: boolean,
): void {
  const [first, second, ...rest] = words;
  const need = (count: number): void => {
    if (words.length >= count) return;
    const which = words.length === 0 ? '' : 'second ';
    throw bad(`Missing ${which}mandatory argument to command ${kind}`);
  };
  const inUse = (set: SetDefinition) => scope.inUse(set);
  switch (kind) {
    case 'create': {
      need(2);
      const type = findSetType(second!);
      sets.create(first!, new SetBody(type, readCreateOptions(type, rest, scope.services)), exist);
      return;
    }
    case 'add':
    case 'del': {
      need(2);
      const change = { element: second!, options: rest, exist, services: scope.services };
      if (kind === 'add') addElement(sets, sets.get(first!), change);
      else deleteElement(sets, sets.get(first!), change);
      return;
    }
    case 'flush':
      for (const set of first === undefined ? sets.all() : [sets.get(first)]) set.body.clear();
      return;
    case 'destroy':
      if (first === undefined) sets.destroyAll(inUse);
      else if (!exist || sets.find(first) !== null) sets.destroy(first, inUse);
      return;
    case 'rename':
      need(2);
      sets.rename(first!, second!, inUse);
      return;
    case 'swap':
      need(2);
      sets.swap(first!, second!);
      return;
    default:
      return;
  }
}

interface Change {
  readonly element: string;
  readonly options: readonly string[];
  readonly exist: boolean;
  readonly services: ServiceTable;
}

function addElement(sets: SetRegistry, set: SetDefinition, change: Change): void {
  const { body } = set;
  const options = readElementOptions(body, change.options);
  if (body.type.storage === 'list') {
    addMember(sets, set, change, options);
    return;
  }
  const keys = parseElement(change.element, body, change.services, options.wildcard);
  const key = new Int32Array(body.layout.words);
  const seconds = options.timeout >= 0 ? options.timeout : Math.max(0, body.options.timeout);
  for (const words of keys) {
    key.set(words);
    const known = body.elements.find(key) >= 0;
    if (known && !change.exist) {
      throw bad("Element cannot be added to the set: it's already added");
    }
    if (!known && body.count >= Math.min(body.options.maxelem, MOST_ELEMENTS)) {
      throw bad('Hash is full, cannot add more elements');
    }
    const slot = body.elements.insert(key);
    const table = body.elements;
    table.flags[slot] = ElementFlag.Used | (options.noMatch ? ElementFlag.NoMatch : 0);
    table.expires[slot] = seconds;
    if (body.options.counters) {
      table.packets[slot] = options.packets;
      table.bytes[slot] = options.bytes;
    }
    if (body.options.skbinfo) {
      table.marks[slot] = options.mark;
      table.markMasks[slot] = options.mark === 0 && options.markMask === -1 ? 0 : options.markMask;
    }
  }
}

function deleteElement(sets: SetRegistry, set: SetDefinition, change: Change): void {
  const { body } = set;
  const options = readElementOptions(body, change.options);
  const missing = () => bad("Element cannot be deleted from the set: it's not added");
  if (body.type.storage === 'list') {
    const member = sets.find(change.element);
    const at = body.members.findIndex((other) => other.set === member);
    if (at >= 0) body.members.splice(at, 1);
    else if (!change.exist) throw missing();
    return;
  }
  const key = new Int32Array(body.layout.words);
  for (const words of parseElement(change.element, body, change.services, options.wildcard)) {
    key.set(words);
    const slot = body.elements.find(key);
    if (slot >= 0) body.elements.removeAt(slot);
    else if (!change.exist) throw missing();
  }
}

function addMember(
  sets: SetRegistry,
  set: SetDefinition,
  change: Change,
  options: ElementOptions,
): void {
  const member = sets.find(change.element);
  if (member === null) throw bad('Set to be added/deleted/tested as element does not exist.');
  if (member.body.type.storage === 'list') {
    throw bad('Sets with list:set type cannot be added to the set.');
  }
  const { members, options: of } = set.body;
  const entry = {
    set: member,
    seconds: options.timeout >= 0 ? options.timeout : Math.max(0, of.timeout),
    packets: options.packets,
    bytes: options.bytes,
  };
  const known = members.findIndex((other) => other.set === member);
  if (known >= 0) {
    if (!change.exist) throw bad("Element cannot be added to the set: it's already added");
    members[known] = entry;
    return;
  }
  const { beside } = options;
  if (beside === null) {
    members.push(entry);
    return;
  }
  const at = members.findIndex((other) => other.set === sets.find(beside.name));
  if (at < 0) {
    throw bad("The set to which you referred with 'before' or 'after' does not exist.");
  }
  members.splice(beside.after ? at + 1 : at, 0, entry);
}

/** True for the text of `ipset save`: its first line that says something creates or fills a set. */
export function isSetFile(text: string): boolean {
  const first = text.split('\n').find((line) => !/^\s*(#|$)/.test(line)) ?? '';
  return /^\s*(-exist\s+|-!\s+)?(create|add|flush|destroy|-N)\s+\S+(\s+\S+:\S|\s+\w+hash|\s*$|\s+\d)/.test(
    first,
  );
}

/** Reads a file of `ipset save`, as `ipset restore` does. */
export function readSetFile(source: Source, scope: SetScope): void {
  source.lines.forEach((text, index) => {
    const line = index + 1;
    const column = /^\s*/.exec(text)![0].length + 1;
    if (text[column - 1] === '#') takeComment(source, text.slice(column - 1), { line, column });
    if (/^\s*(#|$)/.test(text)) return;
    try {
      const carriageReturn = text.indexOf('\r');
      if (carriageReturn >= 0) {
        const position = { line, column: carriageReturn + 1 };
        throw new RuleFault('bad-set', `Error in line ${line}: lines end in CR LF`, '', position);
      }
      readIpsetLine(splitSaveLine(text, line), source.ruleSet, scope);
    } catch (fault) {
      if (!(fault instanceof RuleFault)) throw fault;
      source.error(fault, { line, column });
    }
  });
}
