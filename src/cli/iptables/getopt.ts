/** getopt_long for iptables-save and iptables-restore, whose messages are the C library's own. */

export interface FlagSpec {
  readonly short: string;
  readonly long: string;
  readonly args: 0 | 1 | 'optional';
}

export interface ParsedWords {
  /** By long name, in the order given; '' where an option has no argument. */
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly operands: readonly string[];
}

/** A command line that getopt_long refuses, with the sentence it prints. */
export class GetoptError extends Error {
  readonly code = 'GETOPT';

  constructor(message: string) {
    super(message);
    this.name = 'GetoptError';
  }
}

export function parseWords(argv: readonly string[], specs: readonly FlagSpec[]): ParsedWords {
  const options: { name: string; value: string }[] = [];
  const operands: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    const argument = (missing: string): string => {
      const next = argv[++at];
      if (next === undefined) throw new GetoptError(missing);
      return next;
    };
    if (word === '--') {
      operands.push(...argv.slice(at + 1));
      break;
    }
    if (word.startsWith('--')) options.push(readLong(word, specs, argument));
    else if (word.startsWith('-') && word !== '-')
      options.push(...readShorts(word, specs, argument));
    else operands.push(word);
  }
  return { options, operands };
}

type Take = (missing: string) => string;

function readLong(word: string, specs: readonly FlagSpec[], argument: Take) {
  const [name = '', value] = splitOnce(word.slice(2));
  const exact = specs.filter((spec) => spec.long === name);
  const close = specs.filter((spec) => spec.long.startsWith(name));
  const [spec, second] = exact.length > 0 ? exact : close;
  if (spec === undefined) throw new GetoptError(`unrecognized option '--${name}'`);
  if (second !== undefined) {
    const names = close.map(({ long }) => `'--${long}'`).join(' ');
    throw new GetoptError(`option '--${name}' is ambiguous; possibilities: ${names}`);
  }
  if (spec.args === 0 && value !== undefined) {
    throw new GetoptError(`option '--${spec.long}' doesn't allow an argument`);
  }
  const missing = `option '--${spec.long}' requires an argument`;
  return { name: spec.long, value: value ?? (spec.args === 1 ? argument(missing) : '') };
}

function readShorts(word: string, specs: readonly FlagSpec[], argument: Take) {
  const found: { name: string; value: string }[] = [];
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!;
    const spec = specs.find(({ short }) => short === letter);
    if (spec === undefined) throw new GetoptError(`invalid option -- '${letter}'`);
    if (spec.args === 0) {
      found.push({ name: spec.long, value: '' });
      continue;
    }
    const rest = word.slice(i + 1);
    const missing = `option requires an argument -- '${letter}'`;
    const value = rest === '' && spec.args === 1 ? argument(missing) : rest;
    found.push({ name: spec.long, value });
    break;
  }
  return found;
}

function splitOnce(text: string): [string, string?] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text] : [text.slice(0, equals), text.slice(equals + 1)];
}
