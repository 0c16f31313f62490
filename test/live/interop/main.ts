/** `npm run interop`: runs the matrix, or a part of it, and writes docs/interop.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hasProgram, repositoryRoot } from '../harness.ts';
import { interopClients } from './clients.ts';
import { gatewayNames, type Matrix, runMatrix, type Selection } from './matrix.ts';
import { locate } from './programs.ts';
import { regressions, reportMarkdown, resultsJson } from './report.ts';
import { ftpServers } from './servers.ts';
import { topologies } from './topologies.ts';

const usage = `Usage: npm run interop -- [--server NAME]... [--client NAME]... [--gateway NAME]...
                         [--topology NAME]... [--at-once N] [--write DIRECTORY]
                         [--transcripts DIRECTORY]

Runs every selected server and client through every selected gateway and topology, and prints the
table. A run of everything also writes docs/interop.md and docs/interop.json; a selection writes
them only where --write says. --transcripts keeps the dialogue of every session that failed, a file
each. Names may be joined by commas.

  servers     ${ftpServers.map(({ name }) => name).join(', ')}
  clients     ${interopClients.map(({ name }) => name).join(', ')}
  gateways    ${gatewayNames.join(', ')}
  topologies  ${topologies.map(({ name }) => name).join(', ')}

Exit codes: 0 done, 1 something works through the kernel and not through Pinhole (or a gateway
failed), 2 wrong usage, 3 it could not be run here.
`;

class UsageError extends Error {}

interface Named {
  readonly name: string;
}

function select<T extends Named>(kind: string, all: readonly T[], given: readonly string[]): T[] {
  const names = given.flatMap((text) => text.split(','));
  for (const name of names) {
    if (!all.some((each) => each.name === name))
      throw new UsageError(`no ${kind} is called ${name}`);
  }
  return all.filter(({ name }) => names.length === 0 || names.includes(name));
}

interface Options {
  readonly selection: Selection;
  /** Where the report goes; undefined: nowhere. */
  readonly directory: string | undefined;
  readonly transcripts: string | undefined;
}

function parse(argv: readonly string[]): Options | undefined {
  const many = { type: 'string', multiple: true, default: [] as string[] } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      server: many,
      client: many,
      gateway: many,
      topology: many,
      'at-once': { type: 'string', default: '4' },
      write: { type: 'string' },
      transcripts: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const atOnce = Number(values['at-once']);
  if (!Number.isInteger(atOnce) || atOnce < 1) throw new UsageError('--at-once takes a number');
  const named = gatewayNames.map((name) => ({ name }));
  const selection: Selection = {
    servers: select('server', ftpServers, values.server),
    clients: select('client', interopClients, values.client),
    gateways: select('gateway', named, values.gateway).map(({ name }) => name),
    topologies: select('topology', topologies, values.topology),
    atOnce,
  };
  const lists = [values.server, values.client, values.gateway, values.topology];
  const everything = lists.every((list) => list.length === 0);
  const directory = values.write ?? (everything ? join(repositoryRoot, 'docs') : undefined);
  return { selection, directory, transcripts: values.transcripts };
}

function missing({ servers, clients }: Selection): string[] {
  const programs = ['ip', 'conntrack', 'iptables-legacy-restore', 'tc', 'ethtool', 'ss'];
  return [
    ...programs.filter((name) => !hasProgram(name)),
    ...servers.filter((server) => !server.available()).map(({ name }) => name),
    ...clients.filter(({ program }) => locate(program) === undefined).map(({ name }) => name),
  ];
}

function keepTranscripts({ open, cells }: Matrix, directory: string): void {
  mkdirSync(directory, { recursive: true });
  for (const [key, { transcript }] of [...open, ...cells]) {
    if (transcript === '') continue;
    writeFileSync(join(directory, `${key.replaceAll(' ', '_')}.txt`), transcript);
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const say = (line: string) => void process.stderr.write(`interop: ${line}\n`);
  const options = parse(argv);
  if (options === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const { selection, directory, transcripts } = options;
  const absent = missing(selection);
  if (process.getuid?.() !== 0 || absent.length > 0) {
    say(absent.length > 0 ? `missing: ${absent.join(', ')}` : 'network namespaces need root');
    return 3;
  }
  const began = Date.now();
  const matrix = await runMatrix(selection, say);
  const minutes = (Date.now() - began) / 60_000;
  const markdown = reportMarkdown(matrix, selection, minutes);
  if (directory === undefined) process.stdout.write(markdown);
  else {
    writeFileSync(join(directory, 'interop.md'), markdown);
    writeFileSync(join(directory, 'interop.json'), resultsJson(matrix, selection));
  }
  if (transcripts !== undefined) keepTranscripts(matrix, transcripts);
  const worse = regressions(matrix, selection);
  for (const line of worse) say(`works through the kernel, not through Pinhole: ${line}`);
  say(`${minutes.toFixed(1)} minutes`);
  return worse.length + matrix.incidents.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(isUsage ? `interop: ${message}\n\n${usage}` : `interop: ${message}\n`);
  process.exitCode = isUsage ? 2 : 3;
}
