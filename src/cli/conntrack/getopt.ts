import { UsageError } from './usage-error.ts';

/** Whether an option takes a word: never, always, or the attached or next one if there is one. */
export type Argument = 'none' | 'required' | 'optional';

/** An option: `key` names it to the program, whichever of its spellings was used. */
export interface OptionSpec {
  key: string;
  short?: string;
  long: readonly string[];
  argument: Argument;
}

/** An option as it was given; `value` is null where it has no word. */
export interface GivenOption {
  key: string;
  value: string | null;
}

interface Found {
  spec: OptionSpec;
  attached: string | null;
}

/**
 * Walks a command line as getopt_long(3) does, with GNU permutation: long options may be shortened
 * while unambiguous, short ones run together, `--` ends the options, and words that belong to no
 * option are passed over (what a command takes of them is its own affair).
 *
 * `specs` is asked anew for each option, since `-p tcp` brings further options in.
 */
export function* getopt(
  argv: readonly string[],
  specs: () => readonly OptionSpec[],
): Generator<GivenOption, void, undefined> {
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (word === '--') return;
    if (!word.startsWith('-') || word === '-') continue;
    let rest: string | null = word;
    while (rest !== null) {
      const { spec, attached }: Found = word.startsWith('--')
        ? findLong(word, specs())
        : findShort(rest, word, specs());
      rest = spec.argument === 'none' && !word.startsWith('--') ? attached : null;
      let value = spec.argument === 'none' ? null : attached;
      if (value === null && spec.argument !== 'none') {
        const next = argv[index + 1];
        if (spec.argument === 'required' && next === undefined) {
          throw new UsageError(`option \`${word}' requires an argument`);
        }
        // A required argument may begin with a dash (`-p -1`), an optional one may not.
        if (next !== undefined && (spec.argument === 'required' || !next.startsWith('-'))) {
          value = next;
          index++;
        }
      }
      yield { key: spec.key, value };
    }
  }
}

function findShort(text: string, word: string, specs: readonly OptionSpec[]): Found {
  const at = text === word ? 1 : 0;
  const spec = specs.find(({ short }) => short === text[at]);
  if (spec === undefined) throw unknownOption(word);
  return { spec, attached: text.slice(at + 1) || null };
}

function findLong(word: string, specs: readonly OptionSpec[]): Found {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? null : word.slice(equals + 1);
  const exact = specs.find(({ long }) => long.includes(name));
  const close = specs.filter(({ long }) => long.some((candidate) => candidate.startsWith(name)));
  const spec = exact ?? (close.length === 1 ? close[0] : undefined);
  if (spec === undefined) throw unknownOption(word);
  if (attached !== null && spec.argument === 'none') throw unknownOption(word);
  return { spec, attached };
}

function unknownOption(word: string): UsageError {
  return new UsageError(`unknown option \`${word}'`);
}
