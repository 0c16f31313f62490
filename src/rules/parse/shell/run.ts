import { RuleFault } from '../../errors.ts';
import type { AndOr, Command, Compound, List, Pipeline } from './ast.ts';
import { Branches } from './branches.ts';
import { Cursor } from './cursor.ts';
import { Expander } from './expand.ts';
import { Grammar } from './grammar.ts';
import { Redirector } from './redirect.ts';
import { SimpleCommands } from './simple.ts';
import { limits, type Runner, ScriptTooLarge, type ShellState, type Unit } from './state.ts';
import { ends, includesFile, isInert, isLoading } from './undecided.ts';
import { negateStatus, type Status } from './unknown.ts';

/** Walks through a script's commands. Nothing is executed: what commands do is known, or refused. */
export class Interpreter implements Runner {
  private readonly state: ShellState;
  private readonly redirector: Redirector;
  private readonly simple: SimpleCommands;
  private readonly branches: Branches;

  constructor(state: ShellState) {
    this.state = state;
    const expander = new Expander(state, (body) => this.substitute(body));
    this.redirector = new Redirector(state, expander, (body) => this.substitute(body));
    this.simple = new SimpleCommands(state, expander, this);
    this.branches = new Branches(state, expander, this);
  }

  /** Reads a text command by command and runs each; a mistake of grammar ends it. */
  unit(unit: Unit): Status {
    const { state } = this;
    const before = state.unit;
    state.unit = unit;
    const cursor = new Cursor(unit.script);
    const grammar = new Grammar(cursor);
    let status: Status = 0;
    try {
      while (state.jump === null) {
        let list: List | null;
        try {
          list = grammar.line();
        } catch (fault) {
          if (!(fault instanceof RuleFault)) throw fault;
          state.report(fault, cursor.at);
          return 2;
        }
        if (list === null) break;
        status = this.list(list);
      }
    } finally {
      state.unit = before;
      unit.script.readTo = cursor.at;
    }
    return status;
  }

  list(list: List): Status {
    let status: Status = 0;
    for (const item of list) {
      status = this.andOr(item);
      if (this.state.jump !== null) break;
    }
    return status;
  }

  private andOr(item: AndOr): Status {
    const { state } = this;
    const operators = item.rest.map(({ operator }) => operator);
    const test = operators.includes('||') ? 'any' : operators.length > 0 ? 'check' : state.tested;
    let status = this.tested(state.tested === 'any' ? 'any' : test, () =>
      this.pipeline(item.first),
    );
    for (const [i, { operator, pipeline }] of item.rest.entries()) {
      if (state.jump !== null) return status;
      const known = typeof status === 'number' ? status : this.guess(status, operator, pipeline);
      if (known === null || (known === 0) !== (operator === '&&')) continue;
      const later = operators.slice(i + 1);
      const expected = later.includes('||') ? 'any' : later.length > 0 ? 'check' : state.tested;
      status = this.tested(state.tested === 'any' ? 'any' : expected, () =>
        this.pipeline(pipeline),
      );
    }
    // POSIX: with -e only what nobody tests ends the script.
    const fails = typeof status === 'number' && status !== 0;
    if (fails && state.flags.exitOnError && state.tested !== 'any') {
      if (item.rest.length === 0 && !item.first.negated && state.jump === null) {
        state.jump = { kind: 'exit' };
      }
    }
    return status;
  }

  private tested<T>(test: ShellState['tested'], run: () => T): T {
    const { state } = this;
    const before = state.tested;
    state.tested = test;
    try {
      return run();
    } finally {
      state.tested = before;
    }
  }

  /**
   * What to take an unknown status for, before `&&` or `||`: null where what follows does not
   * matter.
   */
  private guess(status: Status & object, operator: '&&' | '||', next: Pipeline): number | null {
    const { state } = this;
    const list = [{ first: next, rest: [], at: next.commands[0]!.at }];
    if (isInert(list, state)) return null;
    if (isLoading(list, state)) return operator === '&&' ? 0 : 1;
    if (ends(next, state)) return operator === '&&' ? 1 : 0;
    const readable = includesFile(list) ? this.branches.readable(status) : null;
    if (readable !== null) return readable;
    state.report(this.branches.undecided(status, 'whether this goes on', list[0]!.at), list[0]!.at);
    return null;
  }

  private pipeline({ commands, negated }: Pipeline): Status {
    const { state } = this;
    const last = commands.at(-1)!;
    let status: Status;
    if (commands.length === 1) {
      status = negated ? this.tested('any', () => this.command(last)) : this.command(last);
    } else {
      const before = state.streams;
      let { input } = before;
      for (const command of commands.slice(0, -1)) {
        const output = { text: '' };
        state.streams = { ...before, input, output };
        this.tested('any', () => this.subshell(() => this.command(command)));
        input = { text: output.text };
      }
      state.streams = { ...before, input };
      status = this.subshell(() => this.command(last));
      state.streams = before;
    }
    if (negated) status = negateStatus(status);
    state.status = status;
    return status;
  }

  /** Runs one command. What is wrong with it is reported here, and the script goes on. */
  private command(command: Command): Status {
    const { state } = this;
    state.step(command.at);
    try {
      return this.redirector.around(command.redirections, () =>
        command.kind === 'simple'
          ? this.simple.run(command)
          : this.compound(command.body, command.at),
      );
    } catch (fault) {
      if (!(fault instanceof RuleFault) || fault instanceof ScriptTooLarge) throw fault;
      state.report(fault, command.at);
      return state.flags.exitOnError || state.tested === 'any' ? 1 : 0;
    }
  }

  private compound(body: Compound, at: number): Status {
    const { state } = this;
    switch (body.kind) {
      case 'group':
        return this.list(body.body);
      case 'subshell':
        return this.subshell(() => this.list(body.body));
      case 'function':
        state.functions.set(body.name, { body: body.body, unit: state.unit });
        return 0;
      case 'if':
        return this.branches.ifCommand(body, at);
      case 'case':
        return this.branches.caseCommand(body);
      case 'for':
        return this.branches.forCommand(body, at);
      case 'count':
        return this.branches.countCommand(body, at);
      case 'while':
        return this.branches.whileCommand(body, at);
      case 'condition':
        return this.simple.condition(body.words, at);
      case 'arithmetic':
        return this.simple.arithmetic(body.expression, at);
    }
  }

  /** Runs something whose variables, arguments and directory do not outlive it. */
  subshell(run: () => Status): Status {
    const { state } = this;
    const { variables, positional, directory } = state;
    const flags = { ...state.flags };
    state.variables = new Map(variables);
    if (++state.calls > limits.calls) state.tooMuch('nested too deeply', 0);
    try {
      return run();
    } finally {
      state.calls--;
      state.variables = variables;
      state.positional = positional;
      state.directory = directory;
      Object.assign(state.flags, flags);
      if (state.jump?.kind === 'exit') state.jump = null;
    }
  }

  /** The output of commands. */
  substitute(body: readonly AndOr[]): string {
    const { state } = this;
    const output = { text: '' };
    const before = state.streams;
    state.streams = { ...before, output };
    try {
      state.status = this.tested('any', () => this.subshell(() => this.list(body)));
    } finally {
      state.streams = before;
    }
    return output.text;
  }
}
