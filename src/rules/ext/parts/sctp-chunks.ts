import { RuleFault } from '../../errors.ts';

/** `--chunk-types WHICH LIST` of `-m sctp`: names of chunks, their flags, and their text. */

export const ChunkRule = { All: 0, Any: 1, Only: 2 } as const;
export type ChunkRuleCode = 0 | 1 | 2;

/** Flags of one chunk type that are asked for: `flags` are the bits of `mask` that must be set. */
export interface ChunkFlags {
  readonly type: number;
  readonly mask: number;
  readonly flags: number;
}

export interface ChunkCondition {
  readonly rule: ChunkRuleCode;
  /** The types, ascending. */
  readonly types: readonly number[];
  readonly flags: readonly ChunkFlags[];
  readonly negated: boolean;
}

/** Name, number (IANA) and the letters of its flags from bit 7 down, `-` for none. */
const chunks: readonly (readonly [string, number, string])[] = [
  ['DATA', 0, '----IUBE'],
  ['INIT', 1, '--------'],
  ['INIT_ACK', 2, '--------'],
  ['SACK', 3, '--------'],
  ['HEARTBEAT', 4, '--------'],
  ['HEARTBEAT_ACK', 5, '--------'],
  ['ABORT', 6, '-------T'],
  ['SHUTDOWN', 7, '--------'],
  ['SHUTDOWN_ACK', 8, '--------'],
  ['ERROR', 9, '--------'],
  ['COOKIE_ECHO', 10, '--------'],
  ['COOKIE_ACK', 11, '--------'],
  ['ECN_ECNE', 12, '--------'],
  ['ECN_CWR', 13, '--------'],
  ['SHUTDOWN_COMPLETE', 14, '-------T'],
  ['I_DATA', 64, '----IUBE'],
  ['ASCONF_ACK', 128, '--------'],
  ['RE_CONFIG', 130, '--------'],
  ['PAD', 132, '--------'],
  ['FORWARD_TSN', 192, '--------'],
  ['ASCONF', 193, '--------'],
  ['I_FORWARD_TSN', 194, '--------'],
];
const allTypes = Array.from({ length: 256 }, (_, type) => type);
const ruleNames = ['all', 'any', 'only'] as const;

/** Reads both arguments; throws `bad-value`. */
export function parseChunks(which: string, list: string, negated: boolean): ChunkCondition {
  const rule = ruleNames.indexOf(which.toLowerCase() as (typeof ruleNames)[number]);
  if (rule < 0) {
    throw new RuleFault('bad-value', 'Match type has to be one of "ALL", "ANY" or "ONLY"');
  }
  const upper = list.toUpperCase();
  let types: number[] = [];
  const flags: ChunkFlags[] = [];
  if (upper === 'ALL') types = allTypes;
  else if (upper !== 'NONE') {
    for (const item of list.split(',').filter((part) => part !== '')) {
      const [name = '', letters = ''] = item.split(/:(.*)/s, 2);
      const found = chunks.find(([known]) => known === name.toUpperCase());
      if (found === undefined) throw new RuleFault('bad-value', `Unknown sctp chunk \`${name}'`);
      if (!types.includes(found[1])) types.push(found[1]);
      addFlags(flags, found, letters);
    }
  }
  types.sort((a, b) => a - b);
  return { rule: rule as ChunkRuleCode, types, flags, negated };
}

/** An upper-case letter asks that the flag is set, a lower-case one that it is not. */
function addFlags(
  all: ChunkFlags[],
  [, type, known]: (typeof chunks)[number],
  letters: string,
): void {
  if (letters === '') return;
  const at = all.findIndex((entry) => entry.type === type);
  let { mask, flags } = all[at] ?? { mask: 0, flags: 0 };
  for (const letter of letters) {
    const place = letter === '-' ? -1 : known.indexOf(letter.toUpperCase());
    if (place < 0) throw new RuleFault('bad-value', `Invalid flags for chunk type ${type}`);
    const bit = 0x80 >> place;
    mask |= bit;
    flags = letter === letter.toUpperCase() ? flags | bit : flags & ~bit;
  }
  if (at < 0) all.push({ type, mask, flags });
  else all[at] = { type, mask, flags };
}

const nameOf = (type: number) => chunks.find(([, number]) => number === type)?.[0] ?? String(type);
const numberOf = (type: number) => `0x${type.toString(16).toUpperCase().padStart(4, '0')}`;

/** `any DATA:uBE,INIT`; with `numeric` the types as numbers, as -L -n has them. */
export function formatChunks(condition: ChunkCondition, numeric: boolean): string {
  const { types, flags } = condition;
  const rule = ruleNames[condition.rule];
  if (types.length === 0) return `${rule} NONE`;
  if (types.length === allTypes.length) return `${rule} ALL`;
  const items = types.map((type) => {
    const name = numeric ? numberOf(type) : nameOf(type);
    const asked = flags.find((entry) => entry.type === type);
    return asked === undefined ? name : `${name}:${formatFlags(asked)}`;
  });
  return `${rule} ${items.join(',')}`;
}

function formatFlags({ type, mask, flags }: ChunkFlags): string {
  const known = chunks.find(([, number]) => number === type)?.[2] ?? '';
  return [...known]
    .map((letter, place) => {
      const bit = 0x80 >> place;
      if ((mask & bit) === 0) return '';
      return (flags & bit) !== 0 ? letter : letter.toLowerCase();
    })
    .join('');
}
