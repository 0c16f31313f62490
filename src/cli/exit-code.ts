/** Exit codes of every command, as iptables and conntrack have them where they have one. */
export const Exit = {
  Ok: 0,
  /** Not found, refused, failed. */
  Failure: 1,
  /** Bad parameters, or a rule file that does not parse. */
  Usage: 2,
  /** Unknown table or unsupported version. */
  Unsupported: 3,
  /** No gateway to talk to, or no permission. */
  NoGateway: 4,
} as const;

/** An end that is no accident: message and exit code, no stack trace. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = Exit.Failure) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}
