import type { RuleFault } from '../../errors.ts';
import { type Compound, type List, plainText } from './ast.ts';
import type { Expander } from './expand.ts';
import { Pattern } from './pattern.ts';
import { limits, type Runner, type ShellState } from './state.ts';
import { givesUp, includesFile, isInert, isLoading, isSetting } from './undecided.ts';
import { type Status, type Unknown, unknownFault } from './unknown.ts';

type Of<K extends Compound['kind']> = Extract<Compound, { kind: K }>;

/** `if`, `case` and the loops. */
export class Branches {
  private readonly state: ShellState;
  private readonly expander: Expander;
  private readonly runner: Runner;

  constructor(state: ShellState, expander: Expander, runner: Runner) {
    this.state = state;
    this.expander = expander;
    this.runner = runner;
  }

  undecided(unknown: Unknown, use: string, at: number): RuleFault {
    return unknownFault(unknown, use, this.state.position(at));
  }

  /** The status of a test for a file that is then included: whether it can be read. */
  readable(unknown: Unknown): number | null {
    if (unknown.kind !== 'file' || unknown.subject === '') return null;
    const { state } = this;
    const found = state.fileText(unknown.subject, 0) !== null;
    return found !== (unknown.negated === true) ? 0 : 1;
  }

  private test(list: List): Status {
    const { state } = this;
    const before = state.tested;
    state.tested = 'any';
    try {
      return this.runner.list(list);
    } finally {
      state.tested = before;
    }
  }

  ifCommand({ clauses, otherwise }: Of<'if'>, at: number): Status {
    for (const [i, { test, body }] of clauses.entries()) {
      const status = this.test(test);
      if (this.state.jump !== null) return status;
      if (status === 0) return this.runner.list(body);
      if (typeof status === 'number') continue;
      const rest: List =
        i + 1 < clauses.length ? [restOf(clauses.slice(i + 1), otherwise, at)] : otherwise;
      const taken = this.choose(status, body, rest, test[0]?.at ?? at);
      if (taken === 'neither') return 0;
      if (taken === 'body') return this.runner.list(body);
    }
    return this.runner.list(otherwise);
  }

  /** Which way to take where the condition is not known. */
  private choose(
    unknown: Unknown,
    body: List,
    otherwise: List,
    at: number,
  ): 'body' | 'otherwise' | 'neither' {
    const { state } = this;
    if (isInert(body, state) && isInert(otherwise, state)) return 'neither';
    if (isLoading(body, state) && isInert(otherwise, state)) return 'body';
    // `[ $(cat /proc/sys/x) = 0 ] && echo 1 > /proc/sys/x`: either way it is set in the end.
    const asksSetting = unknown.subject.startsWith('/proc/sys/');
    if (asksSetting && isSetting(body) && isInert(otherwise, state)) return 'body';
    if (includesFile(body) || includesFile(otherwise)) {
      const readable = this.readable(unknown);
      if (readable !== null) return readable === 0 ? 'body' : 'otherwise';
    }
    const [bodyEnds, otherEnds] = [givesUp(body, state), givesUp(otherwise, state)];
    if (bodyEnds === otherEnds) {
      state.report(this.undecided(unknown, 'this branch', at), at);
      return 'neither';
    }
    const way = bodyEnds ? 'otherwise' : 'body';
    const words = `${unknown.what} is not known; the script is read the way on which it goes on`;
    state.warn(words, at);
    return way;
  }

  caseCommand({ word, items }: Of<'case'>): Status {
    const { state } = this;
    const text = this.expander.text(word);
    const unknown = state.unknowns.find(text);
    const known = unknown === null ? text : this.argument(unknown, items);
    const index =
      known === null ? this.guessItem(unknown!, items, word.at) : this.matching(known, items, 0);
    let at = index;
    let status: Status = 0;
    while (at >= 0 && at < items.length && state.jump === null) {
      const item = items[at]!;
      status = this.runner.list(item.body);
      if (item.end === ';&') at++;
      else at = item.end === ';;&' ? this.matching(known ?? '', items, at + 1) : -1;
    }
    return status;
  }

  private matching(text: string, items: Of<'case'>['items'], from: number): number {
    for (let i = from; i < items.length; i++) {
      for (const word of items[i]!.patterns) {
        const source = this.expander.pattern(word);
        const pattern = new Pattern(this.state.require(source, word.at, 'this pattern'));
        if (pattern.matches(text)) return i;
      }
    }
    return -1;
  }

  private argument(unknown: Unknown, items: Of<'case'>['items']): string | null {
    const starts = items.find(({ patterns }) => patterns.some((p) => plainOf(p) === 'start'));
    if (starts === undefined) return null;
    return this.state.takeStart(unknown, 'start', starts.patterns[0]!.at);
  }

  /** Items that give up are not taken; where one way is left, it is that. */
  private guessItem(unknown: Unknown, items: Of<'case'>['items'], at: number): number {
    const { state } = this;
    if (items.every(({ body }) => isInert(body, state))) return -1;
    const alive = items.filter(({ body }) => !givesUp(body, state));
    const [only] = alive;
    const isRest = only === undefined || only.patterns.some((p) => plainOf(p) === '*');
    if (alive.length <= 1 && isRest) {
      const words = `${unknown.what} is not known; the script is read the way on which it goes on`;
      state.warn(words, at);
      return only === undefined ? -1 : items.indexOf(only);
    }
    state.report(this.undecided(unknown, 'this branch', at), at);
    return -1;
  }

  forCommand({ name, words, body }: Of<'for'>, at: number): Status {
    const { state } = this;
    const values: { text: string; at: number }[] = [];
    if (words === null) {
      const given = state.positional ?? [state.mark('argument', 'the arguments', at, '1')];
      for (const text of given) values.push({ text, at });
    } else {
      for (const word of words) {
        for (const text of this.expander.fields(word)) values.push({ text, at: word.at });
      }
    }
    if (values.some(({ text }) => state.unknowns.find(text) !== null) && isInert(body, state)) {
      return 0;
    }
    for (const value of values) state.require(value.text, value.at, 'this loop');
    let status: Status = 0;
    for (const value of values) {
      state.step(at);
      state.set(name, value.text);
      status = this.runner.list(body);
      if (this.leaves()) break;
    }
    return status;
  }

  countCommand({ start, test, step, body }: Of<'count'>, at: number): Status {
    this.expander.arithmetic(start, at);
    let status: Status = 0;
    for (let round = 0; ; round++) {
      if (test.length > 0 && this.expander.arithmetic(test, at) === 0n) return status;
      this.countRound(round, at);
      status = this.runner.list(body);
      if (this.leaves()) return status;
      this.expander.arithmetic(step, at);
    }
  }

  whileCommand({ until, test, body }: Of<'while'>, at: number): Status {
    const { state } = this;
    let status: Status = 0;
    for (let round = 0; ; round++) {
      const errorsBefore = state.errorCount;
      const holds = this.test(test);
      if (state.errorCount > errorsBefore) return status;
      if (state.jump !== null) return this.leaves() ? status : 0;
      if (typeof holds !== 'number') {
        if (holds.kind === 'argument') {
          state.warn('the arguments of the script are not known; it is read as without any', at);
          return status;
        }
        if (!isInert(body, state)) throw this.undecided(holds, 'this loop', at);
        return 0;
      }
      if ((holds === 0) === until) return status;
      this.countRound(round, at);
      status = this.runner.list(body);
      if (this.leaves()) return status;
    }
  }

  private countRound(round: number, at: number): void {
    this.state.step(at);
    if (round < limits.loopRounds) return;
    this.state.tooMuch(`a loop of more than ${limits.loopRounds} rounds`, at);
  }

  /** Whether the loop ends here; takes its own `break` and `continue`. */
  private leaves(): boolean {
    const { state } = this;
    const { jump } = state;
    if (jump === null) return false;
    if (jump.kind === 'exit' || jump.kind === 'return') return true;
    if (jump.levels > 1) {
      jump.levels--;
      return true;
    }
    state.jump = null;
    return jump.kind === 'break';
  }
}

/** The clauses that are left, as a command of their own. */
function restOf(clauses: Of<'if'>['clauses'], otherwise: List, at: number) {
  const body: Compound = { kind: 'if', clauses, otherwise };
  const command = { kind: 'compound' as const, body, redirections: [], at };
  return { first: { commands: [command], negated: false }, rest: [], at };
}

function plainOf(word: Of<'case'>['items'][number]['patterns'][number]): string {
  const [part] = word.parts;
  if (word.parts.length === 2 && word.parts[0]?.kind === 'text' && word.parts[0].text === '') {
    const second = word.parts[1]!;
    return second.kind === 'text' ? second.text : '';
  }
  return part?.kind === 'text' && word.parts.length === 1 ? part.text : plainText(word);
}
