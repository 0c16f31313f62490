import { RuleFault } from '../errors.ts';
import { readModprobe } from './settings.ts';
import { takeComments } from './shell/comments.ts';
import { ScriptText } from './shell/cursor.ts';
import { Interpreter } from './shell/run.ts';
import { ScriptTooLarge, ShellState } from './shell/state.ts';
import type { Source } from './source.ts';

/**
 * Reads a shell script of iptables lines. The shell's language is carried out here; no program is
 * ever run: what programs do is known, or an error that says so. `readFile` gives the text of files
 * that the script includes, and may throw.
 */
export function readScript(source: Source, readFile: (path: string) => string): void {
  // A NUL, which no shell keeps in a text, marks what is not known.
  const text = source.lines.join('\n').replaceAll('\0', '\uFFFD');
  const state = new ShellState({ source, script: new ScriptText(text) }, readFile);
  try {
    new Interpreter(state).unit(state.main);
    loadModules(state, source);
    takeComments(state.main);
  } catch (fault) {
    if (!(fault instanceof ScriptTooLarge)) throw fault;
    state.report(fault, 0);
  }
  for (const included of state.included) {
    source.errors.push(...included.errors);
    source.warnings.push(...included.warnings);
  }
}

/** `IPTABLES_MODULES="ip_conntrack_ftp"` of RHEL's /etc/sysconfig/iptables-config. */
function loadModules(state: ShellState, source: Source): void {
  const value = state.get('IPTABLES_MODULES');
  if (typeof value !== 'string' || state.unknowns.find(value) !== null) return;
  const at = Math.max(0, state.main.script.text.indexOf('IPTABLES_MODULES='));
  const place = state.main.script.position(at);
  for (const text of value.split(/\s+/)) {
    if (text === '') continue;
    try {
      const warning = readModprobe([{ text, ...place }], source.ruleSet.modules, place);
      if (warning !== null) source.warn(warning, place);
    } catch (fault) {
      if (!(fault instanceof RuleFault)) throw fault;
      state.report(fault, at);
    }
  }
}
