/** A command whose arguments are its own: it gets them untouched. */
export interface OwnCommand {
  readonly name: string;
  readonly summary: string;
  run(argv: readonly string[]): Promise<number>;
}

/** The run of the command that `argv` begins with, or null where it is none of these. */
export function passThrough(
  argv: readonly string[],
  commands: readonly OwnCommand[],
): (() => Promise<number>) | null {
  const command = commands.find(({ name }) => name === argv[0]);
  return command === undefined ? null : () => command.run(argv.slice(1));
}
