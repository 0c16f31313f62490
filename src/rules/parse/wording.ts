import { exitCodeOf, type RuleErrorCode } from '../errors.ts';

/**
 * Mistakes as the programs of iptables print them on standard error, and the exit code they end
 * with. The first words come from the fault; what stands around them is here.
 */

/** The version whose messages and formats these are. */
export const IPTABLES_VERSION = 'v1.8.9 (legacy)';

export interface SpokenFault {
  readonly stderr: string;
  readonly exitCode: number;
}

/** A fault or an error of a rule file. */
interface Said {
  readonly code: RuleErrorCode;
  readonly message: string;
}

/** Messages that iptables itself ends with a newline, so that an empty line follows them. */
const endsWithNewline =
  /^(Couldn't load |Can't use -|Illegal option: |The -t option|--wait-interval only|Port "|Protocol |log level |getaddrinfo: )|^\S+: (option "--|bad (integer )?value for option|Too many (values|components) for|expected at most)/;
/** Messages that iptables prints without its name. */
const unprefixed = /^Bad argument `/;
/** Messages that iptables-restore begins with its name once more. */
const selfNamed = /^(unable to initialize table|line \d+ (table name|chain name|policy) invalid)/;
const policyRefused = /^Can't set policy/;

/** The answer of `iptables` and `ip6tables` to a command that cannot be carried out. */
export function commandFailure(program: string, said: Said): SpokenFault {
  if (said.code === 'other-family') return { stderr: tryHelp(program), exitCode: 2 };
  const exitCode = exitCodeOf(said.code);
  if (exitCode === 1) return { stderr: `${program}: ${said.message}\n`, exitCode };
  const text = problem(program, said);
  if (exitCode === 2) return { stderr: text + tryHelp(program), exitCode };
  const hint = `Perhaps ${program} or your kernel needs to be upgraded.\n`;
  return { stderr: text + hint, exitCode };
}

/** The answer of `iptables-restore` and `ip6tables-restore` to a text with a mistake at `line`. */
export function restoreFailure(program: string, said: Said, line: number): SpokenFault {
  if (said.code === 'no-commit') {
    return { stderr: `${program}: ${said.message}\n`, exitCode: 1 };
  }
  if (policyRefused.test(said.message)) return { stderr: problem(program, said), exitCode: 1 };
  // What a command on a line could not do, and what the kernel refused, is told by the line alone.
  if (exitCodeOf(said.code) === 1) {
    return { stderr: `${program}: line ${line} failed\n`, exitCode: 1 };
  }
  const place = `Error occurred at line: ${line}\n`;
  return { stderr: problem(program, said) + place + tryHelp(program), exitCode: 2 };
}

function problem(program: string, said: Said): string {
  const { message } = said;
  if (unprefixed.test(message)) return `${message}\n`;
  const head = `${program} ${IPTABLES_VERSION}: `;
  if (said.code === 'nat-drop') return `${head}\n${message}\n\n\n`;
  const name = selfNamed.test(message) ? `${program}: ` : '';
  const words = message.replace(
    'cannot be used in iptables-restore',
    `cannot be used in ${program}`,
  );
  return `${head}${name}${words}\n${endsWithNewline.test(message) ? '\n' : ''}`;
}

export function tryHelp(program: string): string {
  return `Try \`${program} -h' or '${program} --help' for more information.\n`;
}
