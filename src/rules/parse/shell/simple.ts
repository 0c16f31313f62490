import { RuleFault } from '../../errors.ts';
import { type Assignment, type Command, type Part, plainText, type ShellWord } from './ast.ts';
import { type Builtin, builtins } from './builtins.ts';
import { type Operand, testStatus } from './conditions.ts';
import type { Expander } from './expand.ts';
import { isKeyed, keyedWord, readKeyed } from './keyed.ts';
import { runProgram } from './programs.ts';
import { limits, type Runner, type ShellState, type Value } from './state.ts';
import { type Status, unknownFault } from './unknown.ts';

/** A word of a command after expansion, with the offset at which it is written. */
export interface Argument {
  readonly text: string;
  readonly at: number;
}

/** Commands that are no constructs: assignments, functions, builtins, programs. */
export class SimpleCommands {
  private readonly state: ShellState;
  private readonly expander: Expander;
  private readonly runner: Runner;

  constructor(state: ShellState, expander: Expander, runner: Runner) {
    this.state = state;
    this.expander = expander;
    this.runner = runner;
  }

  run(command: Extract<Command, { kind: 'simple' }>): Status {
    const { state } = this;
    const statusBefore = state.status;
    const words: Argument[] = [];
    for (const word of command.words) {
      for (const text of this.expander.fields(word)) words.push({ text, at: word.at });
    }
    const [program, ...rest] = words;
    const declares = /^(local|declare|typeset|readonly|export)$/.test(program?.text ?? '');
    if (program === undefined || declares) {
      if (program?.text === 'local')
        for (const { name } of command.assignments) state.makeLocal(name);
      if (command.words.length === 0) state.status = 0;
      const keyed = declares && rest.some(({ text }) => /^-[a-zA-Z]*A/.test(text));
      for (const assignment of command.assignments) {
        if (keyed && !isKeyed(state.get(assignment.name))) state.set(assignment.name, new Map());
        this.assign(assignment);
      }
      // The status of an assignment is that of the last command substitution in it.
      if (program === undefined) return command.words.length === 0 ? state.status : 0;
      return this.dispatch(program, rest);
    }
    if (command.assignments.length === 0) {
      state.status = statusBefore;
      return this.dispatch(program, rest);
    }
    const before = command.assignments.map(({ name }) => [name, state.get(name)] as const);
    for (const assignment of command.assignments) this.assign(assignment);
    try {
      return this.dispatch(program, rest);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) state.variables.delete(name);
        else state.set(name, value);
      }
    }
  }

  private assign({ name, index, append, value, at }: Assignment): void {
    const { state, expander } = this;
    const old = state.get(name);
    if ('parts' in value) {
      const text = expander.text(value);
      if (isKeyed(old)) {
        const key = index === null ? '0' : expander.text({ parts: index, at });
        state.require(key, at, 'this key');
        state.set(name, new Map(old).set(key, append ? (old.get(key) ?? '') + text : text));
      } else if (index !== null) {
        const list = typeof old === 'string' ? [old] : [...(old ?? [])];
        const number = Number(expander.arithmetic(index, at));
        if (number < 0 || number > 4096) {
          throw new RuleFault(
            'out-of-range',
            `index ${number} of an array`,
            '',
            state.position(at),
          );
        }
        while (list.length < number) list.push('');
        list[number] = append ? (list[number] ?? '') + text : text;
        state.set(name, list);
      } else if (append && Array.isArray(old)) {
        state.set(name, [(old[0] ?? '') + text, ...old.slice(1)]);
      } else {
        state.set(name, state.count(append ? (old ?? '') + text : text, at));
      }
      return;
    }
    if (isKeyed(old)) {
      const before = append ? old : new Map<string, string>();
      state.set(
        name,
        readKeyed(value, before, (word) => expander.text(word), state),
      );
      return;
    }
    const list = append ? (typeof old === 'string' ? [old] : [...(old ?? [])]) : [];
    for (const word of value) {
      const placed = keyedWord(word, (of) => expander.text(of));
      if (placed === null) list.push(...expander.fields(word));
      else if (placed.key === String(list.length)) list.push(placed.value);
      else {
        const message = 'an array with places left out is not understood';
        throw new RuleFault('not-understood', message, '', state.position(word.at));
      }
    }
    state.set(name, list);
  }

  dispatch(program: Argument, words: readonly Argument[]): Status {
    const { state } = this;
    const unknown = state.unknowns.find(program.text);
    if (unknown !== null) {
      throw unknownFault(unknown, 'this command', state.position(program.at));
    }
    const called = state.functions.get(program.text);
    if (called !== undefined) return this.call(program, words);
    const builtin: Builtin | undefined = Object.hasOwn(builtins, program.text)
      ? builtins[program.text]
      : undefined;
    if (builtin !== undefined) {
      return builtin({ state, runner: this.runner, words, program, commands: this });
    }
    return runProgram({ state, runner: this.runner, words, program, commands: this });
  }

  private call(program: Argument, words: readonly Argument[]): Status {
    const { state } = this;
    const called = state.functions.get(program.text)!;
    if (state.calls >= limits.calls) {
      state.tooMuch(`functions call each other more than ${limits.calls} deep`, program.at);
    }
    const { positional, unit } = state;
    const frame = new Map<string, Value | undefined>();
    state.frames.push(frame);
    state.calls++;
    state.positional = words.map(({ text }) => text);
    state.unit = called.unit;
    try {
      const item = { first: { commands: [called.body], negated: false }, rest: [], at: program.at };
      const status = this.runner.list([item]);
      if (state.jump?.kind !== 'return') return status;
      state.jump = null;
      return state.status;
    } finally {
      state.calls--;
      state.frames.pop();
      for (const [name, value] of frame) {
        if (value === undefined) state.variables.delete(name);
        else state.set(name, value);
      }
      state.positional = positional;
      state.unit = unit;
    }
  }

  /** `[[ … ]]`. */
  condition(words: readonly ShellWord[], at: number): Status {
    const { state, expander } = this;
    const searches = words.some((word) => plainText(word) === '=~');
    const operands = words.map((word): Operand => {
      const pattern = expander.pattern(word);
      const plain = word.parts.every((part) => part.kind === 'text' && !part.quoted);
      const unknown = state.unknowns.find(pattern);
      const text = expander.text(word);
      const expression = searches ? expander.expression(word) : '';
      return { text, pattern: unknown === null ? pattern : '', plain, expression };
    });
    return testStatus(operands, true, state, at);
  }

  /** `(( … ))`. */
  arithmetic(expression: readonly Part[], at: number): Status {
    return this.expander.arithmetic(expression, at) === 0n ? 1 : 0;
  }
}
