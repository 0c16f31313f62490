import { CommandError, Exit } from './exit-code.ts';

const DEFAULT_SOCKET = '/run/pinhole/pinhole.sock';

/** Where the gateway listens unless told otherwise: `$PINHOLE_SOCKET`, else under /run. */
export function defaultSocket(): string {
  return process.env.PINHOLE_SOCKET ?? DEFAULT_SOCKET;
}

/**
 * Takes `--socket PATH` or `--socket=PATH` out of the arguments of a command that has an argument
 * syntax of its own.
 */
export function extractSocket(argv: readonly string[]): { socket: string; rest: string[] } {
  const rest = [...argv];
  const at = rest.findIndex((word) => word === '--socket' || word.startsWith('--socket='));
  if (at < 0) return { socket: defaultSocket(), rest };
  const word = rest[at]!;
  const inline = word.startsWith('--socket=');
  const socket = inline ? word.slice('--socket='.length) : rest[at + 1];
  if (socket === undefined || socket === '') {
    throw new CommandError('pinhole: --socket needs a path', Exit.Usage);
  }
  rest.splice(at, inline ? 1 : 2);
  return { socket, rest };
}

/** Moves a `--socket PATH` that stands before the command to the end, where every command finds it. */
export function socketLast(argv: readonly string[]): readonly string[] {
  const words = argv[0] === '--socket' ? 2 : argv[0]?.startsWith('--socket=') ? 1 : 0;
  return [...argv.slice(words), ...argv.slice(0, words)];
}
