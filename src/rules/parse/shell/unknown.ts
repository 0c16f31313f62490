import { type Position, RuleFault } from '../../errors.ts';

/**
 * What only running the script could tell. An unknown text is a mark within a string (a NUL, which
 * no shell variable can hold, a number, a NUL): so it travels through assignments and words, and
 * whoever needs the text finds it.
 */

export type UnknownKind = 'argument' | 'file' | 'pattern' | 'command';

export interface Unknown {
  readonly kind: UnknownKind;
  /** What is not known: "the output of `hostname'". */
  readonly what: string;
  readonly position: Position;
  /** The file that a file test asks for, the text that an argument is compared with. */
  readonly subject: string;
  /** True where the status is the opposite of what was asked. */
  readonly negated?: boolean;
}

/** The exit status of a command. */
export type Status = number | Unknown;

export const WAY_OUT =
  'nothing is executed; run the script on its host and load what iptables-save prints there';

/** The opposite of a status; what is not known stays so. */
export function negateStatus(status: Status): Status {
  if (typeof status === 'number') return status === 0 ? 1 : 0;
  return { ...status, negated: !status.negated };
}

const MARK = /\0(\d+)\0/;

export class Unknowns {
  private readonly all: Unknown[] = [];

  /** A mark to put into a text. */
  mark(unknown: Unknown): string {
    this.all.push(unknown);
    return `\0${this.all.length - 1}\0`;
  }

  /** The first thing in a text that is not known, or null. */
  find(text: string): Unknown | null {
    if (!text.includes('\0')) return null;
    const found = MARK.exec(text);
    return (found === null ? null : this.all[Number(found[1])]) ?? partOfMark;
  }

  /** The text, which must be known for `what` (`this line`, `the branch`). */
  require(text: string, position: Position, use: string): string {
    const unknown = this.find(text);
    if (unknown === null) return text;
    throw unknownFault(unknown, use, position);
  }
}

/** A piece that some operator has cut out of an unknown text. */
const partOfMark: Unknown = {
  kind: 'command',
  what: 'this text',
  position: { line: 1, column: 1 },
  subject: '',
};

export function unknownFault(unknown: Unknown, use: string, position: Position): RuleFault {
  if (unknown.kind === 'pattern') {
    const words = 'file name patterns are not expanded; quote this character';
    return new RuleFault('not-understood', words, '', position);
  }
  const elsewhere = unknown.position.line !== position.line && unknown !== partOfMark;
  const where = elsewhere ? ` (line ${unknown.position.line})` : '';
  const words = `${use} depends on ${unknown.what}${where}, which is not known`;
  return new RuleFault('not-understood', words, WAY_OUT, position);
}
