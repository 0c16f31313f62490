/** The version whose messages and formats these commands have. */
export const IPTABLES_VERSION = 'v1.8.9 (legacy)';

/** The command line cannot be carried out. Worded and ended (exit code 2) as iptables does. */
export class IptablesUsageError extends Error {
  readonly code = 'IPTABLES_USAGE';
  readonly exitCode = 2;
  private readonly program: string;
  private readonly prefixed: boolean;

  constructor(program: string, message: string, prefixed = true) {
    super(message);
    this.name = 'IptablesUsageError';
    this.program = program;
    this.prefixed = prefixed;
  }

  screenText(): string {
    const { program } = this;
    const head = this.prefixed ? `${program} ${IPTABLES_VERSION}: ` : '';
    return (
      `${head}${this.message}\n` +
      `Try \`${program} -h' or '${program} --help' for more information.\n`
    );
  }
}
