import { RuleFault } from '../errors.ts';
import type { Draft, MatchInstance, TargetInstance } from '../extension.ts';
import { type Counters, type InterfaceMatch, NO_COUNTERS, type ProtocolMatch } from '../model.ts';
import type { MainKey, MainOption } from './main-options.ts';
import type { Word } from './words.ts';

/** What has been read of one line so far. */
export class RuleState {
  command: MainOption | null = null;
  commandWord: Word | null = null;
  chain: Word | null = null;
  number = 0;
  argument = '';
  /** -Z beside -L or -S. */
  thenZero = false;
  table: Word | null = null;
  source: { word: Word; negated: boolean } | null = null;
  destination: { word: Word; negated: boolean } | null = null;
  protocol: ProtocolMatch | null = null;
  inInterface: InterfaceMatch | null = null;
  inWord: Word | null = null;
  outInterface: InterfaceMatch | null = null;
  outWord: Word | null = null;
  fragment: 'only' | 'none' | null = null;
  jump: Word | null = null;
  isGoto = false;
  counters: Counters | null = null;
  /** How often -v was given. */
  verbosity = 0;
  waits = false;
  hasWaitInterval = false;
  readonly matches: Draft<MatchInstance>[] = [];
  target: Draft<TargetInstance> | null = null;
  /** Whether the match of -p has been loaded by itself. */
  protocolMatchUsed = false;
  /** Options that not every command takes, in the order they came, for "Illegal option". */
  readonly givenOptions: { option: MainOption; word: Word }[] = [];

  get initialCounters(): Counters {
    return this.counters ?? NO_COUNTERS;
  }

  has(key: MainKey): boolean {
    return this.givenOptions.some(({ option }) => option.key === key);
  }
}

/** Refuses a second use of -s, -p, -j …, which iptables allows once. */
export function refuseSecond(given: unknown, option: MainOption): void {
  if (given === null) return;
  throw new RuleFault('option-conflict', `multiple -${option.short} flags not allowed`);
}

const MAX_INTERFACE_BYTES = 15;

/** Reads the name of -i or -o. */
export function parseInterface(text: string, negated: boolean): InterfaceMatch {
  if (text === '') throw new RuleFault('bad-value', 'Empty interface is likely to be undesired');
  if (Buffer.byteLength(text) > MAX_INTERFACE_BYTES) {
    const words = `interface name \`${text}' must be shorter than IFNAMSIZ (${MAX_INTERFACE_BYTES})`;
    throw new RuleFault('bad-value', words);
  }
  const wildcard = text.endsWith('+');
  return { name: wildcard ? text.slice(0, -1) : text, wildcard, negated };
}

/** NF_NAME: room for chain and target names is 29 bytes with the closing NUL. */
export const MAX_CHAIN_BYTES = 28;

/** Checks the name of a chain that a command names. */
export function checkChainName(name: string): void {
  if (Buffer.byteLength(name) > MAX_CHAIN_BYTES) {
    const words = `chain name \`${name}' too long (must be under ${MAX_CHAIN_BYTES + 1} chars)`;
    throw new RuleFault('bad-chain-name', words);
  }
}

/** Checks the name of a chain that is to be made, beyond `checkChainName`. */
export function checkNewChainName(name: string, isTargetName: (name: string) => boolean): void {
  if (name.startsWith('-') || name.startsWith('!')) {
    const words = `chain name not allowed to start with \`${name[0]}'`;
    throw new RuleFault('bad-chain-name', words);
  }
  if (isTargetName(name)) {
    throw new RuleFault('bad-chain-name', 'chain name may not clash with target name');
  }
  if (/\s/.test(name)) throw new RuleFault('bad-chain-name', `Invalid chain name \`${name}'`);
}
