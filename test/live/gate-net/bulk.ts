/** Long transfers between places of a lab; see bulk.py. */
import { join } from 'node:path';
import { type Lab, mustRunIn, type Place, repositoryRoot, startIn } from '../harness.ts';

const script = join(repositoryRoot, 'test', 'live', 'gate-net', 'bulk.py');

export const bulkPort = 7070;

export interface Moved {
  readonly whole: boolean;
  /** Segments that the client's TCP has sent again. */
  readonly again: number;
  /** The client's port. */
  readonly port: number;
  readonly mss: number;
  readonly seconds: number;
  readonly error?: string;
}

/** Serves transfers at an address while `fn` runs. */
export async function withBulk<T>(
  lab: Lab,
  place: Place,
  address: string,
  fn: () => Promise<T>,
): Promise<T> {
  const argv = ['python3', '-B', script, 'serve', address, String(bulkPort)];
  const server = await startIn(lab, place, argv, /listening/);
  try {
    return await fn();
  } finally {
    await server.stop();
  }
}

/** Moves bytes one way; `half`: as `get`, after a FIN. `rate` in bytes a second; `mark`: SO_MARK. */
export async function moves(
  lab: Lab,
  place: Place,
  how: 'get' | 'put' | 'half',
  host: string,
  bytes: number,
  { port = bulkPort, rate = 0, mark = 0 }: { port?: number; rate?: number; mark?: number } = {},
): Promise<Moved> {
  const numbers = [port, bytes, rate, mark].map(String);
  const argv = ['python3', '-B', script, how, host, ...numbers];
  return JSON.parse(await mustRunIn(lab, place, argv, { timeoutMs: 20_000 })) as Moved;
}
