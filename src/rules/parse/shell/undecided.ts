import {
  type AndOr,
  type Command,
  type List,
  type Pipeline,
  plainText,
  type ShellWord,
} from './ast.ts';
import { baseName, firewallProgram, isHarmless } from './names.ts';
import type { ShellState } from './state.ts';

/**
 * Branches whose condition only a run could tell. Many do not matter: both ways say the same, or one
 * of them gives up (`[ -x /usr/bin/x ] || exit 1`), and then the script is read as it goes on.
 */

const MAX_DEPTH = 40;
const quiet = ['echo', 'printf', ':', 'true', 'false', '[', 'test', 'read', 'unset'];
/** Functions of init scripts that end them, whatever is in the file that defines them. */
const quitters = ['exit', 'return', 'die', 'log_end_msg_exit'];

/** True where the commands change neither rules nor anything that rules may depend on. */
export function isInert(list: List, state: ShellState, depth = 0): boolean {
  return list.every((item) => pipelines(item).every((p) => p.commands.every(inert)));

  function inert(command: Command): boolean {
    if (depth > MAX_DEPTH) return false;
    if (command.redirections.some(writesSetting)) return false;
    if (command.kind === 'simple') {
      if (command.assignments.length > 0) return false;
      return inertName(command.words);
    }
    const { body } = command;
    const within = (inner: List) => isInert(inner, state, depth + 1);
    switch (body.kind) {
      case 'if':
        return (
          within(body.otherwise) && body.clauses.every((c) => within(c.test) && within(c.body))
        );
      case 'group':
      case 'subshell':
        return within(body.body);
      case 'case':
        return body.items.every((item) => within(item.body));
      case 'condition':
        return true;
      default:
        return false;
    }
  }

  function inertName(words: readonly ShellWord[]): boolean {
    const name = commandName(words[0], state);
    if (name === '') return hasBlank(words[0]);
    const called = state.functions.get(name);
    if (called !== undefined) {
      return called.body.kind === 'compound' && isInert([single(called.body)], state, depth + 1);
    }
    if (firewallProgram(name)?.action === 'rule') return clearsNothing(words, state);
    return quiet.includes(name) || isHarmless(name);
  }
}

/** True for an iptables line that only takes away, where no table has anything yet. */
function clearsNothing(words: readonly ShellWord[], state: ShellState): boolean {
  const clears = words.some((word) => CLEARING.test(plainText(word)));
  if (!clears || words.some((word) => CHANGING.test(plainText(word)))) return false;
  const { ruleSet } = state.unit.source;
  const tables = [...ruleSet.familyTables(4), ...ruleSet.familyTables(6)];
  return tables.every(({ chains }) =>
    [...chains.values()].every(({ hook, rules }) => hook >= 0 && rules.length === 0),
  );
}

const CLEARING = /^(-[FXZ]|--flush|--delete-chain|--zero)$/;
const CHANGING = /^(-[AINPRE]|--(append|insert|new(-chain)?|policy|replace|rename-chain))$/;

/** The name of a command, also where a variable holds it (`$MODPROBE`, `"$LOGGER"`). */
function commandName(word: ShellWord | undefined, state: ShellState): string {
  const parts = (word?.parts ?? []).filter((part) => part.kind !== 'text' || part.text !== '');
  const [part] = parts;
  if (parts.length !== 1 || part === undefined) return '';
  if (part.kind === 'text') return part.quoted && /[ \t\n]/.test(part.text) ? '' : part.text;
  if (part.kind !== 'parameter' || part.operator !== '' || part.prefix !== '') return '';
  const value = state.get(part.name);
  return typeof value === 'string' ? (value.trim().split(/\s+/)[0] ?? '') : '';
}

/**
 * True where the commands load modules and nothing else that matters: `lsmod | grep x || modprobe x`
 * comes to the same either way.
 */
export function isLoading(list: List, state: ShellState): boolean {
  return list.every((item) =>
    pipelines(item).every(({ commands }) =>
      commands.every((command) => {
        if (command.kind !== 'simple' || command.assignments.length > 0) return false;
        const name = baseName(commandName(command.words[0], state));
        return (
          name === 'modprobe' ||
          name === 'insmod' ||
          name === 'depmod' ||
          isInert([single(command)], state)
        );
      }),
    ),
  );
}

/** True where every command is `echo VALUE > /proc/sys/…`. */
export function isSetting(list: List): boolean {
  const sets = (command: Command) =>
    command.kind === 'simple' &&
    plainText(command.words[0]) === 'echo' &&
    command.redirections.length === 1 &&
    command.redirections.every(({ target }) => plainText(target).startsWith('/proc/sys/'));
  return (
    list.length > 0 && list.every((item) => pipelines(item).every((p) => p.commands.every(sets)))
  );
}

/** A quoted text with blanks in the place of a command: no program has such a name. */
function hasBlank(word: ShellWord | undefined): boolean {
  return (word?.parts ?? []).some((part) => part.kind === 'text' && /[ \t\n]/.test(part.text));
}

function writesSetting(redirection: { target: ShellWord }): boolean {
  const [first] = redirection.target.parts;
  return first?.kind === 'text' ? first.text.startsWith('/proc') : first !== undefined;
}

function single(command: Command): AndOr {
  return { first: { commands: [command], negated: false }, rest: [], at: command.at };
}

function pipelines(item: AndOr): Pipeline[] {
  return [item.first, ...item.rest.map(({ pipeline }) => pipeline)];
}

/** True where the commands end the script, or the function they stand in. */
export function givesUp(list: List, state: ShellState, depth = 0): boolean {
  return list.some((item) => item.rest.length === 0 && ends(item.first, state, depth));
}

/** As `givesUp`, for one pipeline. */
export function ends(pipeline: Pipeline, state: ShellState, depth = 0): boolean {
  const [command] = pipeline.commands;
  if (command === undefined || pipeline.commands.length > 1 || depth > MAX_DEPTH) return false;
  if (command.kind === 'simple') {
    const name = plainText(command.words[0]);
    if (quitters.includes(name)) return true;
    const called = state.functions.get(name)?.body;
    return called?.kind === 'compound' && leaves(called, state, depth + 1);
  }
  const { body } = command;
  return body.kind === 'group' && givesUp(body.body, state, depth + 1);
}

/** A function that exits; its `return` would end only itself. */
function leaves(
  command: Command & { kind: 'compound' },
  state: ShellState,
  depth: number,
): boolean {
  const { body } = command;
  if (body.kind !== 'group' || depth > MAX_DEPTH) return false;
  return body.body.some((item) => {
    const [only] = item.first.commands;
    if (item.rest.length > 0 || only?.kind !== 'simple') return false;
    const name = plainText(only.words[0]);
    if (name === 'exit') return true;
    const called = state.functions.get(name)?.body;
    return called?.kind === 'compound' && leaves(called, state, depth + 1);
  });
}

/** True where the commands include a file by `.` or `source`. */
export function includesFile(list: List): boolean {
  return list.some((item) =>
    pipelines(item).some(({ commands }) =>
      commands.some(
        (command) =>
          command.kind === 'simple' && ['.', 'source'].includes(plainText(command.words[0])),
      ),
    ),
  );
}
