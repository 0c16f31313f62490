import { type ConntrackOptions, type OptionsWorld, parseConntrackOptions } from './options.ts';
import { UsageError } from './usage-error.ts';

/** Commands that a file may hold: those that change connections. */
const loadable: ReadonlySet<string> = new Set(['create', 'add', 'update', 'delete', 'flush']);

const letters: Readonly<Record<string, string>> = {
  list: '-L',
  get: '-G',
  event: '-E',
  version: '-V',
  help: '-h',
  create: '-I',
  delete: '-D',
  flush: '-F',
  count: '-C',
  stats: '-S',
};

// -A -t 99 -u ASSURED -s 192.0.2.1 -d 192.0.2.2 -r 192.0.2.2 -q 192.0.2.1 -p udp --sport 1 …
/**
 * Reads a file of commands, one a line as `-o save` writes them; empty lines and those that begin
 * with `#` are passed over. All are read before any is carried out. Throws UsageError.
 */
export function parseLoadFile(text: string, world: OptionsWorld): ConntrackOptions[] {
  const commands: ConntrackOptions[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trimStart();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    commands.push(parseConntrackOptions(splitWords(trimmed), world));
  }
  for (const { command, table } of commands) {
    if (table === 'conntrack' && loadable.has(command ?? '')) continue;
    const letter = letters[command ?? ''];
    const name = letter === undefined ? 'unknown' : letter + (table === 'expect' ? ' expect' : '');
    throw new UsageError(`Cannot use command \`${name}' with --load-file`);
  }
  return commands;
}

/** Words between blanks; `"…"` keeps blanks, and `\` the character after it within. */
function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const [part] of line.matchAll(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g)) {
    const word = part.replace(/"((?:\\.|[^"\\])*)"?/g, (_, quoted: string) =>
      quoted.replace(/\\(.)/g, '$1'),
    );
    if (word !== '') words.push(word);
  }
  return words;
}
