import { exitCodeOf, RuleFault } from '../../errors.ts';
import type { Family, Rule } from '../../model.ts';
import { readIpsetLine, type SetScope } from '../../sets/read.ts';
import { applyCommand } from '../apply.ts';
import { readRuleLine } from '../rule-line.ts';
import { readSaveFile } from '../save-file.ts';
import { readTimeoutPolicy } from '../settings.ts';
import { Source } from '../source.ts';
import type { Word } from '../words.ts';
import type { Builtin, Invocation } from './builtins.ts';
import { write } from './builtins.ts';
import { ScriptTooLarge } from './state.ts';
import type { Status } from './unknown.ts';

/** The programs of the firewall, carried out on the rule set instead of the kernel. */

/** The words of a line, all of which must be known. */
function wordsOf({ state, words }: Invocation, use: string): Word[] {
  return words.map(({ text, at }) => ({
    text: state.require(text, at, use),
    ...state.position(at),
  }));
}

/** Refusals that every fresh host gives: what is to be cleared away is not there. */
const clearing: readonly string[] = ['delete', 'delete-chain', 'flush', 'zero'];
const missing: readonly string[] = ['unknown-chain', 'no-such-rule'];

/** One iptables line. The status is that of iptables; a refusal nobody expects is an error. */
export function runIptables(call: Invocation, family: Family): Status {
  const { state, program } = call;
  const { source } = state.unit;
  const words = wordsOf(call, 'this rule');
  if (words.some(({ text }) => /^(-V|--version|-h|--help)$/.test(text))) {
    write(state, state.mark('command', `what \`${program.text}' says`, program.at), program.at);
    return 0;
  }
  const position = state.position(program.at);
  let kind = '';
  try {
    if (words.length === 0) {
      throw new RuleFault('bad-command', 'no command specified', '', position);
    }
    const command = readRuleLine(words, {
      family,
      services: source.services,
      sets: source.ruleSet.sets,
      fixedTable: null,
      file: source.file,
      sourceLine: source.lineText(position.line),
      hasChain: (table, name) => source.ruleSet.ensureTable(family, table).chains.has(name),
      resolveHost: source.resolveHost,
      warn: (message, at) => source.warn(message, at),
    });
    kind = command.kind;
    try {
      applyCommand(source.ruleSet, command);
    } catch (fault) {
      if (fault instanceof RuleFault) fault.position ??= command.chainWord;
      throw fault;
    }
  } catch (fault) {
    if (!(fault instanceof RuleFault) || fault instanceof ScriptTooLarge) throw fault;
    // A line with -4 or -6 that is for the other family alone is passed over without a word.
    if (fault.code === 'other-family') return 0;
    return refused(call, fault, kind);
  }
  if (kind === 'list' || kind === 'list-rules') {
    write(state, state.mark('command', `what \`${program.text}' lists`, program.at), program.at);
  }
  return 0;
}

/** A refusal: an answer where the script asks for one, a warning where it only clears away. */
function refused(call: Invocation, fault: RuleFault, kind: string): Status {
  const { state, program } = call;
  const asks = kind === 'check' || kind === 'list' || kind === 'list-rules';
  const expected =
    state.streams.silenced || state.tested === 'any' || (asks && state.tested === 'check');
  const code = exitCodeOf(fault.code);
  const harmless =
    clearing.includes(kind) && missing.includes(fault.code) && !state.flags.exitOnError;
  if (!expected && !harmless) throw fault;
  if (code > 1 || !expected) {
    const why = `iptables refuses this line (${fault.message}), and the script goes on`;
    state.warn(why, program.at);
  }
  return code;
}

/** `iptables-restore <<EOF`, `cat <<EOF | iptables-restore -n`. */
export function restoreRules(call: Invocation, family: Family): Status {
  const { state, program, words } = call;
  const { source } = state.unit;
  const { input } = state.streams;
  const file = words.find(({ text }, i) => {
    const before = words[i - 1]?.text ?? '';
    return !text.startsWith('-') && !/^(-[TMwW]|--table|--modprobe|--wait)$/.test(before);
  });
  if (file !== undefined) throw restoreFault(call, file.text);
  if (input === null) throw restoreFault(call, '');
  const unknown = state.unknowns.find(input.text);
  if (unknown?.kind === 'file') throw restoreFault(call, unknown.subject);
  if (input.path !== undefined) throw restoreFault(call, input.path);
  const text = state.require(input.text, program.at, 'this rule file');
  const has = (letter: string, long: string) =>
    words.some(
      ({ text: word }) => word === `--${long}` || new RegExp(`^-[a-zA-Z]*${letter}`).test(word),
    );
  // Empty lines stand before the text, so that its lines are those of the script.
  const first = state.position(input.at ?? program.at).line;
  const padding = '\n'.repeat(first - 1);
  const made = state.count(padding + text, program.at);
  const inner = new Source(source.file, made, source, {
    family,
    keepCounters: has('c', 'counters'),
    keepRules: has('n', 'noflush'),
  });
  if (!has('t', 'test')) readSaveFile(inner);
  for (const error of inner.errors) source.errors.push(error);
  for (const warning of inner.warnings) source.warnings.push(warning);
  input.text = '';
  return inner.errors.length > 0 ? 1 : 0;
}

function restoreFault({ state, program }: Invocation, path: string): RuleFault {
  const shown = state.unknowns.find(path) === null ? path : '';
  const what = shown === '' ? 'the text on its input' : shown;
  const detail = shown === '' ? 'load the rule file itself' : `load ${shown} itself`;
  const message = `the rules that this line loads stand elsewhere: ${what}`;
  return new RuleFault('not-understood', message, detail, state.position(program.at));
}

/** `iptables-save > FILE`: the rules are stored, and so known to who loads them again. */
export function saveRules({ state, program }: Invocation): Status {
  if (state.streams.output !== null) {
    write(state, state.mark('command', 'what iptables-save prints', program.at), program.at);
  }
  state.saved = true;
  const words = `\`${program.text}' has no effect here: the rules are read from this file`;
  state.warn(words, program.at);
  return 0;
}

function setScope(source: Source): SetScope {
  const inRule = ({ matches, jump }: Rule, name: string): boolean => {
    const texts = matches.filter((match) => match.name === 'set').map((match) => match.saveText());
    if (jump.kind === 'target' && jump.target.name === 'SET') texts.push(jump.target.saveText());
    return texts.some((text) => text.split(' ').includes(name));
  };
  const inUse = ({ name }: { readonly name: string }): boolean =>
    source.ruleSet
      .allTables()
      .some((table) =>
        [...table.chains.values()].some((c) => c.rules.some((rule) => inRule(rule, name))),
      );
  return { services: source.services, inUse };
}

/** `ipset create …`, `ipset restore <<EOF`. */
export const runIpset: Builtin = (call) => {
  const { state, program } = call;
  const { source } = state.unit;
  const words = wordsOf(call, 'this set');
  const action = words.find(({ text }) => !text.startsWith('-'))?.text ?? '';
  const scope = setScope(source);
  if (action === 'restore') return restoreSets(call, scope);
  try {
    readIpsetLine(words, source.ruleSet, scope);
  } catch (fault) {
    const expected = state.streams.silenced || state.tested === 'any';
    if (
      !(fault instanceof RuleFault) ||
      (!expected && !/^(destroy|flush|x|-X|-F|del|-D|list|test)$/.test(action))
    )
      throw fault;
    if (!expected) state.warn(`ipset refuses this line (${fault.message})`, program.at);
    return 1;
  }
  if (/^(list|save|test)$/.test(action)) {
    write(state, state.mark('command', 'what ipset prints', program.at), program.at);
  }
  return 0;
};

function restoreSets(call: Invocation, scope: SetScope): Status {
  const { state, program, words } = call;
  const { source } = state.unit;
  const { input } = state.streams;
  const unknown = input === null ? null : state.unknowns.find(input.text);
  if (input === null || input.path !== undefined || unknown?.kind === 'file') {
    const path = input?.path ?? unknown?.subject ?? '';
    const message = `the sets that this line loads stand elsewhere: ${path || 'on its input'}`;
    const detail = 'give the file that ipset save writes beside this script';
    throw new RuleFault('not-understood', message, detail, state.position(program.at));
  }
  const text = state.require(input.text, program.at, 'these sets');
  const exist = words.some(({ text: word }) => /^(-!|-exist|--exist)$/.test(word));
  const first = state.position(input.at ?? program.at).line;
  for (const [i, line] of text.split('\n').entries()) {
    const place = { line: first + i, column: 1 };
    const read = line
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '');
    if (read.length === 0 || read[0]!.startsWith('#')) continue;
    const all = (exist ? ['-!', ...read] : read).map((word) => ({ text: word, ...place }));
    readIpsetLine(all, source.ruleSet, scope);
  }
  input.text = '';
  return 0;
}

/** `nfct add timeout NAME inet tcp established 100`. */
export const runNfct: Builtin = (call) => {
  const { ruleSet } = call.state.unit.source;
  readTimeoutPolicy(wordsOf(call, 'this line'), ruleSet.timeouts);
  return 0;
};
