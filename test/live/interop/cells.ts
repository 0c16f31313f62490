/** One combination of the matrix, and how it went. */
import {
  type Family,
  type FtpClient,
  type Mode,
  modesUsed,
  type Outcome,
  transfer,
} from '../ftp-clients.ts';
import type { FtpServer } from './servers.ts';
import type { Site } from './site.ts';
import { hostFor, type Topology } from './topologies.ts';

/** A line of the table. */
export interface Row {
  readonly server: FtpServer;
  readonly client: FtpClient;
  readonly mode: Mode;
}

export interface Combination extends Row {
  readonly family: Family;
}

export const Result = {
  Works: 'works',
  /** Every file arrived, but after the client had fallen back to another command. */
  Fallback: 'fallback',
  Fails: 'fails',
} as const;
export type ResultName = (typeof Result)[keyof typeof Result];

export interface Cell {
  readonly result: ResultName;
  /** What the dialogue shows of the cause; empty where it works. */
  readonly evidence: string;
  /** Everything that the client printed; empty where it works. */
  readonly transcript: string;
}

/** The client's own patience for one transfer; a session that works takes about a second. */
const patienceSec = 6;

export const rowKey = ({ server, client, mode }: Row): string =>
  `${server.name} ${client.name} ${mode}`;

/** Commands that the client in question has been told of, whether it can send them or not. */
export function modesOf(client: FtpClient, family: Family): readonly Mode[] {
  // It is told nothing: its own choice is what counts.
  if (client.name === 'curl URL') return ['EPSV'];
  // PORT and PASV have no place for an IPv6 address (RFC 2428 section 1).
  return family === 4 ? ['PORT', 'PASV', 'EPRT', 'EPSV'] : ['EPRT', 'EPSV'];
}

/** Lines of a dialogue in which the server says no, in the forms in which the clients print them. */
function refusals(transcript: string): string[] {
  const pattern = /^(?:< |<--- |\*resp\* '|[-:\d ]*)?([45]\d\d[ :-].*?)'?$/gm;
  return [...transcript.matchAll(pattern)].map((match) => (match[1] ?? '').trim());
}

function evidenceOf(outcome: Outcome, { mode }: Combination, why: string): string {
  const used = modesUsed(outcome.transcript);
  if (used.length === 0) return 'the client sends none of PORT, PASV, EPRT, EPSV';
  if (!used.includes(mode)) return `the client sends ${used[0]} instead`;
  const parts = [why];
  if (used.length > 1) parts.push(`commands sent: ${used.join(', ')}`);
  const refusal = refusals(outcome.transcript).at(-1);
  if (refusal !== undefined) parts.push(`last refusal: ${refusal}`);
  return parts.join('; ');
}

function judge(outcome: Outcome, combination: Combination): Cell {
  let result: ResultName = Result.Fails;
  try {
    outcome.checkFiles();
    result = Result.Fallback;
    outcome.check();
    return { result: Result.Works, evidence: '', transcript: '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const line = message.split('\n')[0] ?? '';
    const why = line.replace(/^ENOENT.*\/([^/']+)'$/, 'no $1');
    const { transcript } = outcome;
    return { result, evidence: evidenceOf(outcome, combination, why), transcript };
  }
}

/** Lets the client do its transfers through whatever stands in the gateway namespace. */
export async function attempt(
  site: Site,
  topology: Topology,
  combination: Combination,
): Promise<Cell> {
  const { server, client, mode, family } = combination;
  const outcome = await transfer(client, {
    lab: site.lab,
    from: 'client',
    host: hostFor(topology, server, family),
    serverPlace: 'server',
    pub: site.pub(server),
    mode,
    timeoutSec: patienceSec,
  });
  return judge(outcome, combination);
}

/** Runs `work` on every item, `atOnce` at a time. Results in the order of the items. */
export async function pool<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
