import type { ApplyArgs, ControlClient, FileDto } from '../../control/index.ts';
import { loadRuleFiles } from '../../rules/index.ts';
import { Exit } from '../exit-code.ts';
import { type GatewayIo, withGateway } from '../gateway-io.ts';
import { unifiedDiff } from './diff.ts';

/** What `pinhole apply` has of the world. */
export interface ApplyIo extends GatewayIo {
  /**
   * Waits for a line of standard input; null where no more will come, or when `signal` is aborted.
   */
  readLine: (signal: AbortSignal) => Promise<string | null>;
}

export interface ApplyRequest {
  readonly files: readonly string[];
  readonly counters: boolean;
  /** What is read and not enforced is an error. */
  readonly strict: boolean;
  readonly dryRun: boolean;
  readonly diff: boolean;
  /** Seconds after which unconfirmed rules give way to those before; null to keep them at once. */
  readonly confirmSec: number | null;
}

/** All texts of a request together; more would not fit one line to the gateway. */
const MAX_TEXT_CHARS = 16 * 1024 * 1024;

/** `. FILE` and `source FILE` of scripts. */
const INCLUDES = /(^|[\s;&|])(\.|source)[ \t]/m;

/** Puts rule files in force on the running gateway. Returns the exit code. */
export async function runApply(request: ApplyRequest, io: ApplyIo): Promise<number> {
  const args = requestOf(request, io);
  if (args === null) return Exit.Failure;
  return withGateway(io, async (client) => {
    const texts = { before: '', after: '' };
    const answer = client.request('rules.apply', args);
    for await (const { message, before = '', after = '' } of answer) {
      if (message !== undefined) io.stderr(`${message}\n`);
      texts.before += before;
      texts.after += after;
    }
    const { applied, errors } = await answer.done;
    if (errors > 0) {
      io.stderr(`pinhole apply: ${errors} ${errors === 1 ? 'error' : 'errors'}: nothing changed\n`);
      return Exit.Failure;
    }
    if (request.diff) {
      const names = ['rules in force', request.files.join(' ')] as const;
      io.stdout(unifiedDiff(texts.before, texts.after, names));
    }
    if (!applied) {
      if (!request.diff) io.stdout('nothing changed: the gateway would take these rules\n');
      return Exit.Ok;
    }
    if (request.confirmSec === null) return Exit.Ok;
    return awaitConfirmation(client, request.confirmSec, io);
  });
}

/** `--confirmed` and `--revert`, from any shell. */
export function runSettle(end: 'confirm' | 'revert', io: ApplyIo): Promise<number> {
  return withGateway(io, async (client) => {
    await client.request(`rules.${end}`, {}).done;
    io.stderr(end === 'confirm' ? 'the new rules stay\n' : 'the old rules are back\n');
    return Exit.Ok;
  });
}

function requestOf(request: ApplyRequest, io: ApplyIo): ApplyArgs | null {
  const files: FileDto[] = [];
  for (const path of request.files) {
    try {
      files.push({ path, text: io.readFile(path) });
    } catch (error) {
      io.stderr(`pinhole apply: cannot read ${path}: ${(error as Error).message}\n`);
      return null;
    }
  }
  const included = includedBy(files, io);
  const size = [...files, ...included].reduce((sum, { text }) => sum + text.length, 0);
  if (size > MAX_TEXT_CHARS) {
    io.stderr('pinhole apply: more than 16 MiB of text: not rule files\n');
    return null;
  }
  const { counters, strict, dryRun, diff, confirmSec } = request;
  const args: ApplyArgs = { files, included, counters, strict, dryRun, diff };
  return confirmSec === null ? args : { ...args, confirmSec };
}

/** The files that scripts include: they are read here, where their paths mean what the user means. */
function includedBy(files: readonly FileDto[], io: ApplyIo): FileDto[] {
  if (!files.some(({ text }) => INCLUDES.test(text))) return [];
  const included = new Map<string, string>();
  loadRuleFiles(
    files.map(({ path }) => path),
    (path) => files.find((file) => file.path === path)!.text,
    {
      readIncluded: (path) => {
        const text = io.readFile(path);
        included.set(path, text);
        return text;
      },
    },
  );
  return [...included].map(([path, text]) => ({ path, text }));
}

/** Asks at the terminal until an answer comes, from there, from another shell, or by the clock. */
async function awaitConfirmation(
  client: ControlClient,
  seconds: number,
  io: ApplyIo,
): Promise<number> {
  const answered = new AbortController();
  const trial = client.request('rules.trial', {}).done.finally(() => answered.abort());
  io.stderr(
    `The new rules are in force for ${seconds} s. Open a NEW connection through the gateway now.\n` +
      'Does it work, and shall they stay? (y/N) ',
  );
  void askAtTerminal(client, answered.signal, io);
  const { end } = await trial;
  if (end === 'confirmed') {
    io.stderr('the new rules stay\n');
    return Exit.Ok;
  }
  const why = end === 'expired' ? `no answer in ${seconds} s` : 'turned down';
  io.stderr(`\npinhole apply: ${why}: the old rules are back\n`);
  return Exit.Failure;
}

async function askAtTerminal(
  client: ControlClient,
  signal: AbortSignal,
  io: ApplyIo,
): Promise<void> {
  const line = await io.readLine(signal);
  if (signal.aborted) return;
  if (line === null) {
    io.stderr('\n"pinhole apply --confirmed" from another shell keeps them.\n');
    return;
  }
  const end = /^\s*y(es)?\s*$/i.test(line) ? 'rules.confirm' : 'rules.revert';
  // Somebody else may have been quicker; how it ended is told by the trial itself.
  await client.request(end, {}).done.catch(() => {});
}
