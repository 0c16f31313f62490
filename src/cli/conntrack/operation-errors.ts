import { ControlError } from '../../control/index.ts';
import type { CommandName, TableName } from './option-table.ts';

/** What strerror(3) says of the errors that the gateway answers with. */
const systemTexts: Readonly<Record<string, string>> = {
  EXISTS: 'File exists',
  NOT_FOUND: 'No such file or directory',
  NO_MASTER: 'No such file or directory',
  INVALID: 'Invalid argument',
  FULL: 'Cannot allocate memory',
  BUSY: 'Device or resource busy',
  NOT_SUPPORTED: 'Operation not supported',
  NOT_PERMITTED: 'sorry, you must be root or get CAP_NET_ADMIN capability to do this',
  NO_SPACE: 'No space left on device',
};

type Texts = Readonly<Record<string, string>>;

const missing = "such conntrack doesn't exist";
const noMemory = 'not enough memory';
/** Where a command has a text of its own. */
const ownTexts: Readonly<Record<string, Texts>> = {
  'create conntrack': {
    EXISTS: 'Such conntrack exists, try -U to update',
    NOT_FOUND: missing,
    NO_MASTER: missing,
    FULL: noMemory,
  },
  'add conntrack': {
    NOT_FOUND: missing,
    NO_MASTER: missing,
    FULL: noMemory,
    // The list of commands that say "invalid parameters" is older than this one.
    INVALID: 'Invalid argument',
  },
  'get conntrack': { NOT_FOUND: missing, FULL: noMemory },
  'delete conntrack': { NOT_FOUND: missing },
  'create expect': { NO_MASTER: 'master conntrack not found' },
};

/** `Operation failed: …` in the words of conntrack(8); null for a code that is no such failure. */
export function operationText(
  code: string,
  command: CommandName | null,
  table: TableName,
): string | null {
  const system = Object.hasOwn(systemTexts, code) ? systemTexts[code] : undefined;
  if (system === undefined) return null;
  const own = ownTexts[`${command} ${table}`]?.[code];
  return `Operation failed: ${own ?? (code === 'INVALID' ? 'invalid parameters' : system)}`;
}

/** A failure that this side knows of without asking. */
export function failure(code: string): ControlError {
  return new ControlError(code, `pinhole: ${systemTexts[code] ?? code}`, 1);
}
