/** The project's own load generator: compiled when needed, run in the namespaces of a lab. */
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, mustRunIn, repositoryRoot, run, startIn } from '../../live/harness.ts';
import { until } from '../../live/until.ts';

const sourceDir = join(repositoryRoot, 'test', 'bench', 'gateway', 'load');
const outputDir = join(repositoryRoot, '.out', 'bench');
/** The compiled generator; `buildLoad` makes it. */
export const loadProgram = join(outputDir, 'load');

/** Beyond what a part of the generator is told to take. */
const GRACE_MS = 90_000;

export const serverAddress = '203.0.113.21';

/** Names and numbers. */
export type Figures = Readonly<Record<string, number>>;

/** Compiles the generator where a source is newer than the program. Throws with the compiler's words. */
export async function buildLoad(): Promise<void> {
  const names = readdirSync(sourceDir).map((name) => join(sourceDir, name));
  const newest = Math.max(...names.map((name) => statSync(name).mtimeMs));
  const built = statSync(loadProgram, { throwIfNoEntry: false });
  if (built !== undefined && built.mtimeMs > newest) return;
  mkdirSync(outputDir, { recursive: true });
  const sources = names.filter((name) => name.endsWith('.c'));
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra'];
  // Under a name of its own until it is whole: tests may build it at the same time.
  const unfinished = `${loadProgram}.${process.pid}`;
  const argv = ['cc', ...flags, '-o', unfinished, ...sources, '-lm'];
  const { code, stderr } = await run(argv, { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`the load generator does not compile\n${stderr}`);
  renameSync(unfinished, loadProgram);
}

/** What a part of the generator prints at its end, the last line. */
export function lastFigures(text: string): Figures {
  const line = text.trim().split('\n').at(-1) ?? '';
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) throw new Error(`not figures: ${line}`);
  return parsed as Figures;
}

/** Throws where the client tells of errors. */
function withoutErrors(part: string, figures: Figures): Figures {
  const errors = figures.errors ?? 0;
  if (errors > 0) throw new Error(`${part}: ${errors} errors: ${JSON.stringify(figures)}`);
  return figures;
}

const toServer = (part: string, options: readonly string[]) => [
  loadProgram,
  part,
  '-a',
  serverAddress,
  ...options,
];

/** Runs a client against the server to its end. Throws where it fails or reports errors. */
export async function loadClient(
  lab: Lab,
  part: string,
  options: readonly string[],
): Promise<Figures> {
  const argv = toServer(part, options);
  const printed = await mustRunIn(lab, 'client', argv, { timeoutMs: GRACE_MS });
  return withoutErrors(part, lastFigures(printed));
}

/**
 * Starts a client that prepares and then waits (-G). Resolves, when it waits, to what lets it go on
 * and brings its figures home; that throws as `loadClient` does.
 */
export async function waitingClient(
  lab: Lab,
  part: string,
  options: readonly string[],
): Promise<() => Promise<Figures>> {
  const argv = toServer(part, ['-G', ...options]);
  const client = await startIn(lab, 'client', argv, /^ready/m, { timeoutMs: GRACE_MS });
  return async () => {
    process.kill(client.pid, 'SIGUSR1');
    const ended = () => client.exitCode() ?? null;
    const code = await until(`${part} to end`, ended, GRACE_MS, client.output);
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code}\n${client.output()}`);
    return withoutErrors(part, lastFigures(client.output()));
  };
}

export interface LoadServer {
  /** Ends it; resolves to what it printed. A second call does nothing more. */
  stop(): Promise<string>;
}

/** Resolves when it listens outside. */
export async function startLoadServer(
  lab: Lab,
  part: string,
  options: readonly string[],
): Promise<LoadServer> {
  const server = await startIn(lab, 'server', toServer(part, options), /^ready/m);
  return {
    stop: async () => {
      await server.stop();
      return server.output();
    },
  };
}

/** Runs `fn` with a server outside; resolves to what `fn` says. */
export async function withLoadServer<T>(
  lab: Lab,
  part: string,
  options: readonly string[],
  fn: () => Promise<T>,
): Promise<T> {
  const server = await startLoadServer(lab, part, options);
  try {
    return await fn();
  } finally {
    await server.stop();
  }
}
