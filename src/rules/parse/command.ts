import type { Counters, Family, Rule, TableCode } from '../model.ts';
import type { Word } from './words.ts';

/** What one iptables line asks for. */
export type CommandKind =
  | 'append'
  | 'check'
  | 'delete'
  | 'rename'
  | 'flush'
  | 'insert'
  | 'list'
  | 'list-rules'
  | 'new-chain'
  | 'policy'
  | 'replace'
  | 'delete-chain'
  | 'zero';

export interface Command {
  readonly kind: CommandKind;
  readonly file: string;
  readonly family: Family;
  readonly table: TableCode;
  /** '' where a command of all chains names none. */
  readonly chain: string;
  readonly isChainGiven: boolean;
  /** The word that named the chain, for messages. */
  readonly chainWord: Word;
  /** Rule number from 1, or 0 where none was given. */
  readonly number: number;
  /** The policy of -P, the new name of -E. */
  readonly argument: string;
  readonly counters: Counters | null;
  /** The rules described; more than one where address lists were given. */
  readonly rules: readonly Rule[];
  /** How often -v was given. */
  readonly verbosity: number;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** -Z beside -L or -S: shown first, then set to zero. */
  readonly thenZero: boolean;
}
