import { IptablesUsageError } from './usage-error.ts';

export interface SaveRequest {
  readonly table: string | null;
  readonly counters: boolean;
}

/** Reads a command line of iptables-save: `-c`, `-t TABLE`. */
export function parseSaveOptions(program: string, argv: readonly string[]): SaveRequest {
  let table: string | null = null;
  let counters = false;
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === '-c' || word === '--counters') counters = true;
    else if (word === '-t' || word === '--table') {
      table = argv[++at] ?? null;
      if (table === null)
        throw new IptablesUsageError(program, `option "${word}" requires an argument`);
    } else if (/^-t.|^--table=./.test(word)) table = word.replace(/^-t|^--table=/, '');
    else throw new IptablesUsageError(program, `unknown option "${word}"`);
  }
  return { table, counters };
}
