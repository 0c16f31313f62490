import { setSysctl } from '../settings.ts';
import type { AndOr, Redirection } from './ast.ts';
import type { Expander } from './expand.ts';
import type { ShellState, Streams } from './state.ts';

/** Carries out redirections: to nowhere, to kernel settings, to files that only this script sees. */

const SETTINGS = '/proc/sys/';

interface Sink {
  readonly path: string;
  readonly append: boolean;
  readonly at: number;
  readonly output: { text: string };
}

export class Redirector {
  private readonly state: ShellState;
  private readonly expander: Expander;
  private readonly substitute: (body: readonly AndOr[]) => string;

  constructor(
    state: ShellState,
    expander: Expander,
    substitute: (body: readonly AndOr[]) => string,
  ) {
    this.state = state;
    this.expander = expander;
    this.substitute = substitute;
  }

  /** Runs with redirections in force; what was written is put away at the end. */
  around<T>(redirections: readonly Redirection[], run: () => T): T {
    if (redirections.length === 0) return run();
    const { state } = this;
    const before = state.streams;
    const sinks: Sink[] = [];
    for (const redirection of redirections) {
      state.streams = this.redirect(redirection, state.streams, sinks);
    }
    try {
      return run();
    } finally {
      state.streams = before;
      for (const sink of sinks) this.putAway(sink);
    }
  }

  private redirect(redirection: Redirection, streams: Streams, sinks: Sink[]): Streams {
    const { operator, descriptor, target, at } = redirection;
    if (operator === '<<') {
      const input = { text: this.expander.text(target), at: target.at };
      return { ...streams, input };
    }
    if (operator === '<<<')
      return { ...streams, input: { text: `${this.expander.text(target)}\n` } };
    if (operator === '<') return { ...streams, input: this.input(redirection) };
    const path = this.expander.text(target);
    if (operator === '<&' || operator === '<>') return streams;
    if (operator === '>&' && /^[0-9-]+$/.test(path)) {
      if (descriptor === 2) return { ...streams, silenced: streams.output !== null };
      return descriptor === 1
        ? { ...streams, output: path === '2' ? null : streams.output }
        : streams;
    }
    const errors = descriptor === 2 || descriptor === -1 || operator === '>&';
    const silenced = errors ? true : streams.silenced;
    if (descriptor === 2) return { ...streams, silenced };
    if (descriptor > 2) return streams;
    const sink = { path, append: operator === '>>', at, output: { text: '' } };
    sinks.push(sink);
    return { ...streams, output: sink.output, silenced };
  }

  private input({ target, process, at }: Redirection): { text: string; path?: string } {
    if (process !== null) return { text: this.substitute(process) };
    const { state } = this;
    const path = state.require(this.expander.text(target), at, 'this file name');
    if (path === '/dev/null') return { text: '' };
    const text = state.fileText(path, at);
    return { text: text ?? state.mark('file', `the text of \`${path}'`, at, path), path };
  }

  private putAway({ path, append, at, output }: Sink): void {
    const { state } = this;
    if (state.unknowns.find(path) !== null || path.startsWith('/dev/')) return;
    if (!path.startsWith(SETTINGS)) {
      const before = append ? (state.files.get(path) ?? '') : '';
      state.files.set(path, state.count(before + output.text, at));
      return;
    }
    const word = { text: path, ...state.position(at) };
    const value = output.text.trim();
    const key = path.slice(SETTINGS.length);
    const { modules } = state.unit.source.ruleSet;
    const known = state.unknowns.find(value) === null;
    if (!known && /forward/.test(key)) state.require(value, at, 'this setting');
    if (!known) return;
    const warning = setSysctl(key, value, modules, word);
    if (warning !== null) state.warn(warning, at);
  }
}
