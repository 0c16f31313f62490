/** A command line of sysctl(8), taken apart. */
export interface SysctlOptions {
  all: boolean;
  /** Values alone (-n), without a line end (-b). */
  valuesOnly: boolean;
  withoutNewline: boolean;
  /** Names alone (-N). */
  namesOnly: boolean;
  /** Settings that are not there are no error (-e). */
  ignoreUnknown: boolean;
  /** What was set is not printed (-q). */
  quiet: boolean;
  /** Every word is a setting with its value (-w). */
  mustSet: boolean;
  dryRun: boolean;
  help: boolean;
  /** Every word is a file (-p). */
  load: boolean;
  pattern: RegExp | null;
  readonly words: string[];
}

/** A command line that sysctl(8) would not have. */
export class SysctlUsageError extends Error {}

type Switch = { [K in keyof SysctlOptions]: SysctlOptions[K] extends boolean ? K : never };
type SwitchName = Switch[keyof SysctlOptions] | 'none';

const longSwitches: Readonly<Record<string, SwitchName>> = {
  all: 'all',
  binary: 'withoutNewline',
  deprecated: 'none',
  'dry-run': 'dryRun',
  help: 'help',
  ignore: 'ignoreUnknown',
  names: 'namesOnly',
  quiet: 'quiet',
  values: 'valuesOnly',
  write: 'mustSet',
};

const shortSwitches: Readonly<Record<string, SwitchName>> = {
  a: 'all',
  A: 'all',
  X: 'all',
  b: 'withoutNewline',
  d: 'help',
  e: 'ignoreUnknown',
  h: 'help',
  N: 'namesOnly',
  n: 'valuesOnly',
  o: 'none',
  q: 'quiet',
  w: 'mustSet',
  x: 'none',
};

/** Throws SysctlUsageError. */
export function parseSysctlOptions(argv: readonly string[]): SysctlOptions {
  const options: SysctlOptions = {
    ...{ all: false, valuesOnly: false, withoutNewline: false, namesOnly: false },
    ...{ ignoreUnknown: false, quiet: false, mustSet: false, dryRun: false, help: false },
    ...{ load: false, pattern: null, words: [] },
  };
  const rest = [...argv];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      options.words.push(...rest);
      break;
    }
    if (word.startsWith('--')) takeLong(word, rest, options);
    else if (word.startsWith('-') && word !== '-') takeShort(word, rest, options);
    else options.words.push(word);
  }
  return options;
}

function takeLong(word: string, rest: string[], options: SysctlOptions): void {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const attached = equals < 0 ? null : word.slice(equals + 1);
  if (name === 'load') {
    load(attached, options);
    return;
  }
  if (name === 'pattern') {
    options.pattern = patternOf(attached ?? argumentOf(word, rest));
    return;
  }
  const field = longSwitches[name];
  if (field === undefined || attached !== null) {
    throw new SysctlUsageError(`unrecognized option '${word}'`);
  }
  turnOn(field, options);
}

function takeShort(word: string, rest: string[], options: SysctlOptions): void {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const attached = word.slice(at + 1);
    if (letter === 'p' || letter === 'f') {
      load(attached === '' ? null : attached, options);
      return;
    }
    if (letter === 'r') {
      options.pattern = patternOf(attached === '' ? argumentOf(word, rest) : attached);
      return;
    }
    const field = shortSwitches[letter];
    if (field === undefined) throw new SysctlUsageError(`invalid option -- '${letter}'`);
    turnOn(field, options);
  }
}

function turnOn(field: SwitchName, options: SysctlOptions): void {
  if (field !== 'none') options[field] = true;
}

/** A file may be attached, or be any other word. */
function load(attached: string | null, options: SysctlOptions): void {
  options.load = true;
  if (attached !== null) options.words.push(attached);
}

function argumentOf(word: string, rest: string[]): string {
  const next = rest.shift();
  if (next === undefined) throw new SysctlUsageError(`option '${word}' requires an argument`);
  return next;
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new SysctlUsageError(`bad pattern '${text}'`);
  }
}
