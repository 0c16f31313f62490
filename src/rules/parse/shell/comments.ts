import { concernsPinhole } from '../../ftp/read.ts';
import { takeComment } from '../../ftp/take.ts';
import type { Unit } from './state.ts';

/**
 * Takes the comments of a script that are directives, wherever they stand: a comment is not carried
 * out, so the branch or function around it does not matter. What stands in here-documents and in
 * quotes is no comment of the script. Below the command that ends the script nothing is read, which
 * is said.
 */
export function takeComments({ source, script }: Unit): void {
  for (const [at, comment] of script.comments) takeComment(source, comment, script.position(at));
  const end = script.position(script.readTo).line;
  for (let line = end; line <= source.lines.length; line++) {
    const text = source.lineText(line);
    const column = text.search(/[^ \t]/) + 1;
    const start = script.startOf(line) + column - 1;
    if (column === 0 || start < script.readTo || !concernsPinhole(text.slice(column - 1))) continue;
    const words = 'this directive is not read: the script ends above it';
    source.warn(words, { line, column }, 'doubtful-directive');
  }
}
