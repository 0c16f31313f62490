import { RuleFault } from '../errors.ts';
import { isTargetName } from '../registry.ts';
import type { MainOption } from './main-options.ts';
import { checkChainName, checkNewChainName, type RuleState } from './rule-state.ts';
import { placed, type WordStream } from './word-stream.ts';
import type { Word } from './words.ts';

/** Reads the options that say what is to be done: -A, -I, -P, … with their chain and arguments. */

/** Commands after whose chain a rule number may stand. */
const numbered: readonly string[] = ['insert', 'delete', 'replace', 'list', 'list-rules', 'zero'];

export function readAction(
  state: RuleState,
  words: WordStream,
  option: MainOption,
  word: Word,
  chain: Word | null,
): void {
  const { command: before } = state;
  if (before !== null) {
    const pair = [before.key, option.key];
    // Of two commands one must be -Z and the other a listing.
    state.thenZero =
      !state.thenZero &&
      pair.includes('zero') &&
      (pair.includes('list') || pair.includes('list-rules'));
    if (!state.thenZero) {
      const message = `Cannot use -${option.short} with -${before.short}`;
      throw new RuleFault('option-conflict', message);
    }
  }
  if (before === null || before.key === 'zero') state.command = option;
  state.commandWord ??= word;
  state.chain = chain ?? state.chain;
  if (option.key === 'new-chain') refuseTargetName(chain!);
  if (option.key === 'policy' || option.key === 'rename') readSecondName(state, words, option);
  else if (chain !== null && numbered.includes(option.key)) readNumber(state, words, option);
}

/** The name of a chain to be made, of which -N says at once what is wrong. */
function refuseTargetName(chain: Word): void {
  try {
    checkChainName(chain.text);
    checkNewChainName(chain.text, isTargetName);
  } catch (fault) {
    throw placed(fault, chain);
  }
}

function readSecondName(state: RuleState, words: WordStream, option: MainOption): void {
  const next = words.optional();
  if (next === null) {
    const needs =
      option.key === 'policy' ? 'a chain and a policy' : 'old-chain-name and new-chain-name';
    throw new RuleFault('missing-argument', `-${option.short} requires ${needs}`);
  }
  state.argument = next.text;
}

function readNumber(state: RuleState, words: WordStream, option: MainOption): void {
  const next = words.optional();
  if (next === null) {
    if (option.key !== 'replace') return;
    throw new RuleFault('missing-argument', '-R requires a rule number');
  }
  if (!/^\d{1,9}$/.test(next.text) || Number(next.text) === 0) {
    throw placed(new RuleFault('bad-value', `Invalid rule number \`${next.text}'`), next);
  }
  state.number = Number(next.text);
}
