import type { HostResolver } from '../address.ts';
import { checkRuleSet, warnOfUnenforced } from '../check.ts';
import { asError, RuleError, RuleFault, type RuleWarning } from '../errors.ts';
import { warnOfDirectives } from '../ftp/check.ts';
import { explainCurlyCharacters } from '../lint/curly.ts';
import { type Family, RuleSet } from '../model.ts';
import { type ServiceTable, systemServices } from '../services.ts';
import { isSetFile, readSetFile } from '../sets/read.ts';
import { readSaveFile } from './save-file.ts';
import { readScript } from './script.ts';
import { Source } from './source.ts';

export interface LoadOptions {
  /** How to read the files; 'auto' (the default) looks at each. */
  readonly format?: 'auto' | 'save' | 'script';
  /** Family of save files that do not say; found from header and name where not given. */
  readonly family?: Family;
  /** Family of files that neither header nor name speak of; IPv4 where not given. */
  readonly unmarkedFamily?: Family;
  /** Names of ports; /etc/services where not given. */
  readonly services?: ServiceTable;
  /** Names that `CT --helper` may give; `ftp` where not given. */
  readonly helpers?: readonly string[];
  /** Looks host names up (`-s www.example.org`); names are errors where it is not given. */
  readonly resolveHost?: HostResolver;
  /** Gives the text of files that scripts include, and may throw; `readFile` where not given. */
  readonly readIncluded?: (path: string) => string;
  /** Take over `[packets:bytes]`, as iptables-restore -c. */
  readonly counters?: boolean;
  /** What is read and not carried out is an error, not a warning. */
  readonly strict?: boolean;
  /** Whether the datapath holds the host's own packets back: see `unenforcedParts`. */
  readonly holdsOutput?: boolean;
}

export interface LoadResult {
  /** The whole set, or null where anything was wrong: a load is all or nothing. */
  readonly ruleSet: RuleSet | null;
  /** What was read, also where it was refused: to say where a rule stands, never to be used. */
  readonly read: RuleSet;
  readonly errors: readonly RuleError[];
  readonly warnings: readonly RuleWarning[];
}

/** One file, read from disk. */
interface Text {
  readonly path: string;
  readonly text: string;
  readonly format: 'save' | 'script' | 'sets';
}

/**
 * Reads rule files into one rule set: files of `ipset save` first, then the others in order.
 * `readFile` gives the text of a path and may throw. Never throws itself; all errors of all files
 * are collected, at most one per line.
 */
export function loadRuleFiles(
  paths: readonly string[],
  readFile: (path: string) => string,
  options: LoadOptions = {},
): LoadResult {
  const ruleSet = new RuleSet();
  const errors: RuleError[] = [];
  const warnings: RuleWarning[] = [];
  const services = options.services ?? systemServices();
  const blocks = new Map<string, TableBlock>();
  for (const { path, text, format } of readAll(paths, readFile, options, errors)) {
    const family = options.family ?? familyOf(path, text, options.unmarkedFamily ?? 4);
    const keepCounters = options.counters ?? false;
    const resolveHost = options.resolveHost ?? null;
    const source = new Source(path, text, { family, services, keepCounters, ruleSet, resolveHost });
    if (format === 'sets') readSetFile(source, { services, inUse: () => false });
    else if (format === 'save') {
      warnOfReplacedTables(source, blocks);
      readSaveFile(source);
    } else readScript(source, options.readIncluded ?? readFile);
    errors.push(...explainCurlyCharacters(source.errors));
    warnings.push(...source.warnings);
  }
  // A rule that could not be read may be what makes the rest look wrong, so this comes last.
  if (errors.length === 0) errors.push(...checkRuleSet(ruleSet, options.helpers ?? ['ftp']));
  if (errors.length === 0) {
    const found = [...warnOfUnenforced(ruleSet, options.holdsOutput), ...warnOfDirectives(ruleSet)];
    if (options.strict) errors.push(...found.map(asError));
    else warnings.push(...found);
  }
  const loaded = errors.length === 0 ? ruleSet : null;
  return { ruleSet: loaded, read: ruleSet, errors, warnings };
}

/** The texts of all files that can be read, sets before rules. */
function readAll(
  paths: readonly string[],
  readFile: (path: string) => string,
  options: LoadOptions,
  errors: RuleError[],
): Text[] {
  const texts: Text[] = [];
  for (const path of paths) {
    try {
      const text = readFile(path);
      texts.push({ path, text, format: formatOf(path, text, options) });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const fault = new RuleFault('unreadable-file', `Can't open ${path}`, reason);
      errors.push(new RuleError(fault, path, { line: 1, column: 1 }, ''));
    }
  }
  const isSets = ({ format }: Text) => format === 'sets';
  return [...texts.filter(isSets), ...texts.filter((text) => !isSets(text))];
}

/** What a text is, by what stands in it. */
function formatOf(path: string, text: string, options: LoadOptions): Text['format'] {
  if (options.format !== undefined && options.format !== 'auto') return options.format;
  if (isSetFile(text)) return 'sets';
  return isSaveFormat(path, text) ? 'save' : 'script';
}

/** Words of scripts, of RHEL's iptables-config and of modprobe.conf. */
const scriptWords = /\b(ip6?tables|modprobe|sysctl|ipset)\b|^IP6?TABLES_\w+=|^options\s/m;

/** True for the format of iptables-save, false for a shell script. */
function isSaveFormat(path: string, text: string): boolean {
  if (text.startsWith('#!') || /\.sh$/i.test(path)) return false;
  const first = text.split('\n').find((line) => !/^\s*(#|$)/.test(line)) ?? '';
  // No script begins so, whatever the lines below look like.
  if (/^\*[a-z]+\s*$/.test(first)) return true;
  // A script may hold a whole rule file as a here-document.
  if (/^[^#\n*:[-]*\bip6?tables(-legacy|-nft)?(-restore\b.*<<| +-)/m.test(text)) return false;
  if (/^(\*[a-z]+\s*$|COMMIT\b)/m.test(text)) return true;
  // A file of nothing but comments is an empty save file.
  return first === '' || /^\s*[-:*[]/.test(first) || !scriptWords.test(text);
}

/** The family that the header of a file speaks of, else its name, else `unmarked`. */
function familyOf(path: string, text: string, unmarked: Family): Family {
  const header = /^# Generated by (ip6?tables)/m.exec(text)?.[1];
  if (header !== undefined) return header === 'ip6tables' ? 6 : 4;
  const name = path.replace(/^.*\//, '');
  if (/^ip6tables|\.v6$/.test(name)) return 6;
  return /^iptables|\.v4$/.test(name) ? 4 : unmarked;
}

/** Where a `*table` line stands. */
interface TableBlock {
  readonly file: string;
  readonly line: number;
}

/** A table of one family in two files: the later block empties it first, as iptables-restore does. */
function warnOfReplacedTables(source: Source, blocks: Map<string, TableBlock>): void {
  source.lines.forEach((text, index) => {
    const name = /^\*(\w+)/.exec(text)?.[1];
    if (name === undefined) return;
    const key = `${source.family} ${name}`;
    const before = blocks.get(key);
    if (before !== undefined && before.file !== source.file) {
      const message = `table ${name} replaces the one of ${before.file}:${before.line}`;
      source.warn(message, { line: index + 1, column: 1 }, 'replaced-table');
    }
    blocks.set(key, { file: source.file, line: index + 1 });
  });
}
