/** First words of every message: scripts look for them. */
export const MESSAGE_PREFIX = 'conntrack v1.4.7 (conntrack-tools): ';

/** Exit codes of conntrack(8): wrong use, and everything else that fails. */
export const ExitCode = { Ok: 0, Failure: 1, Usage: 2, Interrupted: 130 } as const;

/** The command line cannot be carried out as it stands. `exitCode` is 2, or 1 in odd cases. */
export class UsageError extends Error {
  readonly code = 'CONNTRACK_USAGE';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.Usage) {
    super(message);
    this.name = 'UsageError';
    this.exitCode = exitCode;
  }

  /** What goes to the screen, with the pointer to the help where the use was wrong. */
  screenText(): string {
    const hint = "Try `conntrack -h' or 'conntrack --help' for more information.\n";
    return `${MESSAGE_PREFIX}${this.message}\n${this.exitCode === ExitCode.Usage ? hint : ''}`;
  }
}
