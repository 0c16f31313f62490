import { RuleFault } from './errors.ts';
import type { ParseScope } from './extension.ts';

/** What an option shows in the iptables-save form. */
export interface Printed {
  readonly negated: boolean;
  /** Arguments, quoted where needed; '' for a flag. */
  readonly text: string;
}

export type Arity = 0 | 1 | 2 | 'optional';

/** One option of an extension that keeps its values in a V. */
export interface OptionSpec<V> {
  /** The long name, without dashes, as messages give it. */
  readonly name: string;
  /** Further spellings. */
  readonly aliases?: readonly string[];
  /** The spelling that iptables-save prints; `name` where not given. */
  readonly printed?: string;
  /** How many; 'optional': the next word, where it looks like one. */
  readonly args: Arity;
  /** What the argument is, for help: `PORT[:PORT]`. */
  readonly argument?: string;
  /** One line for help, in lower case and without a full stop. */
  readonly help?: string;
  readonly negatable?: boolean;
  readonly required?: boolean;
  /** Names of options of the same extension that may not stand beside it. */
  readonly excludes?: readonly string[];
  /** Names of options of the same extension that must stand beside it. */
  readonly requires?: readonly string[];
  /** Message for a second use, where the extension has words of its own. */
  readonly repeated?: string;
  /** Message for a negation where none is allowed, where the extension has words of its own. */
  readonly inverted?: string;
  /** True where it may stand several times; the extension then sees to what that means. */
  readonly repeatable?: boolean;
  /** Options with the same group count as one for "used twice". */
  readonly group?: string;
  set(value: V, args: readonly string[], negated: boolean, scope: ParseScope): void;
  /** What to print, or null where the value is not given or is the default. */
  save?(value: V): Printed | null;
}

export type OptionTable<V> = readonly OptionSpec<V>[];

/** One option as the line reader sees it: names and arity, and a setter bound to its value. */
export interface BoundOption {
  readonly names: readonly string[];
  readonly args: Arity;
  /** For help: `OptionSpec.argument` and `help`, '' where not given. */
  readonly argument: string;
  readonly help: string;
  readonly negatable: boolean;
  set(args: readonly string[], negated: boolean, scope: ParseScope): void;
}

/** The options of one extension while a line is read. */
export interface OptionDraft {
  readonly options: readonly BoundOption[];
  /** Names (`OptionSpec.name` and `group`) of what has been given so far. */
  readonly given: ReadonlySet<string>;
  /** Throws where an option is missing, or stands beside one that it excludes. */
  finish(): void;
}

export const shown = (text: string, negated = false): Printed => ({ text, negated });

export function startOptions<V>(owner: string, table: OptionTable<V>, value: V): OptionDraft {
  const used = new Set<string>();
  return {
    given: used,
    options: table.map((spec) => ({
      names: [spec.name, ...(spec.aliases ?? [])],
      args: spec.args,
      argument: spec.argument ?? '',
      help: spec.help ?? '',
      negatable: spec.negatable ?? false,
      set: (args, negated, scope) => {
        checkUse(owner, spec, used, negated);
        spec.set(value, args, negated, scope);
        used.add(spec.group ?? spec.name);
        used.add(spec.name);
      },
    })),
    finish: () => {
      for (const spec of table) {
        if (spec.required && !used.has(spec.name)) {
          throw new RuleFault(
            'missing-option',
            `${owner}: option "--${spec.name}" must be specified`,
          );
        }
        if (used.has(spec.name)) checkBeside(owner, spec, used);
      }
    },
  };
}

function checkUse<V>(owner: string, spec: OptionSpec<V>, used: Set<string>, negated: boolean) {
  if (!spec.repeatable && used.has(spec.group ?? spec.name)) {
    const words = `${owner}: option "--${spec.name}" can only be used once.`;
    throw new RuleFault('option-conflict', spec.repeated ?? words);
  }
  if (negated && !spec.negatable) {
    const words = `${owner}: option "--${spec.name}" cannot be inverted.`;
    throw new RuleFault('option-conflict', spec.inverted ?? words);
  }
}

/** As xtables_options_fcheck: at the end of the line, in the order of the table. */
function checkBeside<V>(owner: string, spec: OptionSpec<V>, used: ReadonlySet<string>): void {
  const lacking = spec.requires?.find((other) => !used.has(other));
  if (lacking !== undefined) {
    const words = `${owner}: option "--${spec.name}" also requires "--${lacking}".`;
    throw new RuleFault('missing-option', words);
  }
  for (const other of spec.excludes ?? []) {
    if (!used.has(other)) continue;
    const words = `${owner}: option "--${spec.name}" cannot be used together with "--${other}".`;
    throw new RuleFault('option-conflict', words);
  }
}

/** The options of a value as iptables-save prints them, in the order of the table. */
export function printOptions<V>(table: OptionTable<V>, value: V): string {
  let text = '';
  for (const spec of table) {
    const printed = spec.save?.(value) ?? null;
    if (printed === null) continue;
    text += `${printed.negated ? ' !' : ''} --${spec.printed ?? spec.name}`;
    if (printed.text !== '') text += ` ${printed.text}`;
  }
  return text;
}

/** Quotes a word as iptables-save does: bare where it is harmless, else with `\"'` escaped. */
export function quoteWord(text: string): string {
  if (/^[-_0-9a-zA-Z]+$/.test(text)) return text;
  return `"${text.replace(/["'\\]/g, '\\$&')}"`;
}

/**
 * What getopt_long finds for a long option: an exact name wins, else the only one that begins so
 * (several names of one and the same option count as one). null: unknown or ambiguous.
 */
export function resolveLong<O extends { readonly names: readonly string[] }>(
  options: readonly O[],
  name: string,
): O | null {
  const exact = options.find((option) => option.names.includes(name));
  if (exact !== undefined) return exact;
  const candidates = options.filter((option) => option.names.some((n) => n.startsWith(name)));
  return candidates.length === 1 ? candidates[0]! : null;
}
