import { RuleFault } from '../../errors.ts';
import { Source } from '../source.ts';
import type { Builtin, Invocation } from './builtins.ts';
import { takeComments } from './comments.ts';
import { ScriptText } from './cursor.ts';
import type { Argument } from './simple.ts';
import type { Unit } from './state.ts';
import { type Status, WAY_OUT } from './unknown.ts';

/** Other files that a script runs: included by `.`, or as scripts of their own. */

function runUnit({ state, runner }: Invocation, path: string, text: string): Status {
  const { source } = state.unit;
  const included = new Source(path, text.replaceAll('\0', '\uFFFD'), source);
  state.included.push(included);
  const unit: Unit = { source: included, script: new ScriptText(included.lines.join('\n')) };
  const status = runner.unit(unit);
  takeComments(unit);
  return status;
}

/** What init scripts include to print their messages: nothing in it is about rules. */
const library = /^\/(lib\/lsb\/init-functions|etc\/(rc\.d\/)?init\.d\/functions|etc\/rc\.status)$/;

/** `. ./settings.sh` */
export const includeFile: Builtin = (call) => {
  const { state } = call;
  const [file, ...words] = call.words;
  if (file === undefined) return 2;
  const path = state.require(file.text, file.at, 'this line');
  if (library.test(path)) return 0;
  const text = state.fileText(path, file.at);
  if (text === null) {
    const message = `${path}: this file, which the script includes, cannot be read`;
    throw new RuleFault('unreadable-file', message, WAY_OUT, state.position(file.at));
  }
  if (state.calls > 20) state.tooMuch('files include each other too deeply', file.at);
  const { positional } = state;
  if (words.length > 0) state.positional = words.map((word) => word.text);
  state.calls += 5;
  try {
    const status = runUnit(call, path, text);
    if (state.jump?.kind !== 'return') return status;
    state.jump = null;
    return state.status;
  } finally {
    state.calls -= 5;
    if (words.length > 0) state.positional = positional;
  }
};

/** `./other.sh a b`, `sh other.sh`: runs a file that is a shell script; null where it is none. */
export function runScriptFile(
  call: Invocation,
  file: Argument,
  words: readonly Argument[],
  isScript: boolean,
): Status | null {
  const { state, runner } = call;
  const text = state.fileText(file.text, file.at);
  if (text === null || !(isScript || /^#!.*\b(ba|da|k)?sh\b/.test(text))) return null;
  if (state.calls > 20) state.tooMuch('scripts run each other too deeply', file.at);
  state.calls += 5;
  try {
    return runner.subshell(() => {
      state.positional = words.map((word) => word.text);
      return runUnit(call, file.text, text);
    });
  } finally {
    state.calls -= 5;
  }
}
