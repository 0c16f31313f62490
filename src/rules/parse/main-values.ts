import { RuleFault } from '../errors.ts';
import type { Counters } from '../model.ts';
import { isExtensionHeader, parseProtocol } from '../protocols.ts';
import { findMatch, findTarget } from '../registry.ts';
import { InformationAsked } from './information.ts';
import type { MainOption } from './main-options.ts';
import type { LineScope } from './rule-line.ts';
import { MAX_CHAIN_BYTES, parseInterface, type RuleState, refuseSecond } from './rule-state.ts';
import type { WordStream } from './word-stream.ts';
import type { Word } from './words.ts';

/** The one remark of iptables that it does not call a warning. */
export const DEPRECATED_INTERVAL = 'Ignoring deprecated --wait-interval option.';

/** Takes the options of iptables itself into what is known of a line. */

/** One option as it stands in the line. */
export interface GivenOption {
  readonly option: MainOption;
  readonly word: Word;
  readonly argument: Word | null;
  readonly negated: boolean;
}

export function applyMainOption(
  given: GivenOption,
  state: RuleState,
  words: WordStream,
  scope: LineScope,
): void {
  const { option, word, argument, negated } = given;
  const text = argument?.text ?? '';
  if (option.role === 'rule' || option.role === 'list') {
    refuseRepeated(state, option);
    state.givenOptions.push({ option, word });
  }
  switch (option.key) {
    case 'source':
    case 'destination':
      state[option.key] = { word: argument!, negated };
      return;
    case 'protocol':
      readProtocol(given, state, scope);
      return;
    case 'in-interface':
      [state.inInterface, state.inWord] = [readInterface(given, scope), word];
      return;
    case 'out-interface':
      [state.outInterface, state.outWord] = [readInterface(given, scope), word];
      return;
    case 'fragments':
      if (scope.family === 6) {
        const message = "`-f' is not supported in IPv6, use -m frag instead";
        throw new RuleFault('unknown-option', message);
      }
      state.fragment = negated ? 'none' : 'only';
      return;
    case 'match':
      if (negated) throw new RuleFault('bad-argument', 'unexpected ! flag before --match');
      addMatch(text, state, scope);
      return;
    case 'table':
      if (negated) throw new RuleFault('bad-argument', 'unexpected ! flag before --table');
      if (scope.fixedTable !== null) {
        const message = 'The -t option cannot be used in iptables-restore.';
        throw new RuleFault('bad-argument', message);
      }
      state.table = argument;
      return;
    default:
      if (negated) throw new RuleFault('bad-argument', `cannot have ! before -${option.short}`);
      applyPlain(given, state, words, scope);
  }
}

/** Options that no `!` goes with. */
function applyPlain(
  { option, argument }: GivenOption,
  state: RuleState,
  words: WordStream,
  scope: LineScope,
): void {
  const text = argument?.text ?? '';
  switch (option.key) {
    case 'jump':
    case 'goto':
      checkTargetName(text);
      [state.jump, state.isGoto] = [argument, option.key === 'goto'];
      if (option.key === 'jump') state.target = findTarget(text, scope.family)?.start() ?? null;
      return;
    case 'counters':
      state.counters = readCounters(text, words);
      return;
    case 'wait':
      readWait(text, state, scope);
      return;
    case 'wait-interval':
      readWaitInterval(argument, state, scope);
      return;
    case 'verbose':
      state.verbosity++;
      return;
    case 'ipv4':
    case 'ipv6':
      if (option.key !== `ipv${scope.family}`) {
        throw new RuleFault('other-family', `this is a command for IP${option.key.slice(2)}`);
      }
      return;
    case 'help':
    case 'version':
      if (scope.isTyped) throw new InformationAsked(option.key, state, scope.family, text);
      throw new RuleFault('bad-command', `-${option.short}: there is nobody here to be told`);
    default:
      // -n, -x and --line-numbers are looked up among the given options; -M does nothing here.
      return;
  }
}

/** iptables allows each option of a rule and of a listing once. */
function refuseRepeated(state: RuleState, option: MainOption): void {
  const same = (key: string) => key === option.key || (option.key === 'goto' && key === 'jump');
  const first = state.givenOptions.find((given) => same(given.option.key));
  refuseSecond(first ?? (option.key === 'jump' ? state.jump : null), option);
}

function readProtocol(given: GivenOption, state: RuleState, scope: LineScope): void {
  const { argument, negated } = given;
  const number = parseProtocol(argument!.text);
  if (number === 0 && negated) {
    throw new RuleFault('bad-value', 'rule would never match protocol');
  }
  state.protocol = { number, negated };
  if (scope.family === 6 && !negated && isExtensionHeader(number)) {
    const message = `never matched protocol: ${argument!.text}. use extension match instead.`;
    scope.warn?.(message, argument!);
  }
}

function readInterface({ argument, negated }: GivenOption, scope: LineScope) {
  const { text } = argument!;
  if (/[ /]/.test(text)) {
    const why = "('/' and ' ' are not allowed by the kernel)";
    scope.warn?.(`weird character in interface \`${text}' ${why}.`, argument!);
  }
  return parseInterface(text, negated);
}

function checkTargetName(name: string): void {
  if (name === '') throw new RuleFault('bad-value', 'Invalid target name (too short)');
  if (Buffer.byteLength(name) > MAX_CHAIN_BYTES) {
    const message = `Invalid target name \`${name}' (${MAX_CHAIN_BYTES} chars max)`;
    throw new RuleFault('bad-value', message);
  }
}

/** `-c 3 180` or `-c 3,180`. */
function readCounters(text: string, words: WordStream): Counters {
  const comma = text.indexOf(',', 1);
  const packets = comma < 0 ? text : text.slice(0, comma);
  const bytes = comma < 0 ? (words.optional()?.text ?? null) : text.slice(comma + 1);
  if (bytes === null) {
    throw new RuleFault('missing-argument', '-c requires packet and byte counter');
  }
  return { packets: countOf(packets, 'packet'), bytes: countOf(bytes, 'byte') };
}

/** One counter of `-c` or of `[packets:bytes]`. */
function countOf(text: string, what: 'packet' | 'byte'): number {
  const digits = /^\s*\+?(\d{1,20})/.exec(text)?.[1];
  if (digits === undefined) {
    throw new RuleFault('bad-value', `-c ${what} counter not numeric`);
  }
  // Beyond what a double counts exactly the last digits are not kept.
  return Number(digits);
}

function readWait(seconds: string, state: RuleState, scope: LineScope): void {
  if (scope.fixedTable !== null) {
    throw new RuleFault('bad-argument', "You cannot use `-w' from iptables-restore");
  }
  if (seconds !== '' && !/^\s*[-+]?\d/.test(seconds)) {
    throw new RuleFault('bad-value', 'wait seconds not numeric');
  }
  state.waits = true;
}

function readWaitInterval(value: Word | null, state: RuleState, scope: LineScope): void {
  if (scope.fixedTable !== null) {
    throw new RuleFault('bad-argument', "You cannot use `-W' from iptables-restore");
  }
  if (value === null) throw new RuleFault('missing-argument', 'wait interval value required');
  scope.warn?.(DEPRECATED_INTERVAL, value);
  state.hasWaitInterval = true;
}

function addMatch(name: string, state: RuleState, scope: LineScope): void {
  const match = findMatch(name, scope.family);
  if (match === null) {
    const detail = 'Pinhole has no match of this name';
    const message = `Couldn't load match \`${name}':No such file or directory`;
    throw new RuleFault('unknown-match', message, detail);
  }
  state.matches.push(match.start());
}
