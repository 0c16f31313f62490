/**
 * What the shell's grammar takes a script apart into. Every node knows its offset in the text
 * (`at`), from which line and column are found when something is to be said about it.
 */

/** One piece of a word. `quoted` pieces are neither split at blanks nor read as patterns. */
export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | ParameterPart
  | {
      readonly kind: 'command';
      readonly body: readonly AndOr[];
      readonly quoted: boolean;
      readonly at: number;
    }
  | {
      readonly kind: 'arithmetic';
      readonly expression: readonly Part[];
      readonly quoted: boolean;
      readonly at: number;
    };

/** `$x`, `${x:-word}`, `${#x}`, `${!x}`, `${x[2]}`, `${x/a/b}`, `${x:1:2}`. */
export interface ParameterPart {
  readonly kind: 'parameter';
  readonly name: string;
  /** `[@]`, `[*]` or `[expression]`; null where there is none. */
  readonly index: readonly Part[] | null;
  /** '' for a plain use; '#' for the length; '!' for the variable that the value names. */
  readonly prefix: '' | '#' | '!';
  /** The operator behind the name: `:-`, `%%`, `/` …; '' for none. */
  readonly operator: string;
  readonly operands: readonly ShellWord[];
  readonly quoted: boolean;
  readonly at: number;
}

export interface ShellWord {
  readonly parts: readonly Part[];
  readonly at: number;
}

export interface Assignment {
  readonly name: string;
  readonly index: readonly Part[] | null;
  /** `+=`. */
  readonly append: boolean;
  /** A single value, or the words of `(…)`. */
  readonly value: ShellWord | readonly ShellWord[];
  readonly at: number;
}

export interface Redirection {
  /** -1 stands for `&>`: standard output and errors. */
  readonly descriptor: number;
  readonly operator: '<' | '>' | '>>' | '>|' | '>&' | '<&' | '<>' | '<<' | '<<<';
  readonly target: ShellWord;
  /** `< <(commands)`. */
  readonly process: readonly AndOr[] | null;
  readonly at: number;
}

export type Command =
  | {
      readonly kind: 'simple';
      readonly assignments: readonly Assignment[];
      readonly words: readonly ShellWord[];
      readonly redirections: readonly Redirection[];
      readonly at: number;
    }
  | {
      readonly kind: 'compound';
      readonly body: Compound;
      readonly redirections: readonly Redirection[];
      readonly at: number;
    };

export type Compound =
  | {
      readonly kind: 'if';
      readonly clauses: readonly { readonly test: List; readonly body: List }[];
      readonly otherwise: List;
    }
  | {
      readonly kind: 'for';
      readonly name: string;
      /** null stands for "$@". */
      readonly words: readonly ShellWord[] | null;
      readonly body: List;
    }
  | {
      readonly kind: 'count';
      readonly start: readonly Part[];
      readonly test: readonly Part[];
      readonly step: readonly Part[];
      readonly body: List;
    }
  | {
      readonly kind: 'while';
      readonly until: boolean;
      readonly test: List;
      readonly body: List;
    }
  | {
      readonly kind: 'case';
      readonly word: ShellWord;
      readonly items: readonly CaseItem[];
    }
  | { readonly kind: 'group' | 'subshell'; readonly body: List }
  | { readonly kind: 'function'; readonly name: string; readonly body: Command }
  | { readonly kind: 'condition'; readonly words: readonly ShellWord[] }
  | { readonly kind: 'arithmetic'; readonly expression: readonly Part[] };

export interface CaseItem {
  readonly patterns: readonly ShellWord[];
  readonly body: List;
  readonly end: ';;' | ';&' | ';;&';
}

export interface Pipeline {
  readonly commands: readonly Command[];
  readonly negated: boolean;
}

/** `a && b || c`. */
export interface AndOr {
  readonly first: Pipeline;
  readonly rest: readonly { readonly operator: '&&' | '||'; readonly pipeline: Pipeline }[];
  readonly at: number;
}

export type List = readonly AndOr[];

/** The text of a word that is one plain unquoted piece, '' for any other. */
export function plainText(word: ShellWord | undefined): string {
  const part = word?.parts[0];
  if (part === undefined || word!.parts.length !== 1) return '';
  return part.kind === 'text' && !part.quoted ? part.text : '';
}
