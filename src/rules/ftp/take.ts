import { type Position, RuleFault } from '../errors.ts';
import type { Source } from '../parse/source.ts';
import { readDirective } from './read.ts';

/** Reads a comment of a file, from its `#` on: a directive joins the rule set, a bad one is an error. */
export function takeComment(source: Source, comment: string, at: Position): void {
  try {
    addComment(source, comment, at);
  } catch (fault) {
    if (!(fault instanceof RuleFault)) throw fault;
    source.error(fault, at);
  }
}

/** The same, but throws the RuleFault of a bad one. */
export function addComment(source: Source, comment: string, { line, column }: Position): void {
  const { file, ruleSet } = source;
  const directive = readDirective(
    comment,
    { file, line, column },
    {
      earlier: ruleSet.ftp,
      warn: (message, word) => source.warn(message, word, 'doubtful-directive'),
    },
  );
  if (directive !== null) ruleSet.ftp = [...ruleSet.ftp, directive];
}
