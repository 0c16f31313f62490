/** FTP sessions between any places of a lab; see ftp.py. */
import { join } from 'node:path';
import { type Lab, mustRunIn, type Place, repositoryRoot, startIn } from '../harness.ts';

const script = join(repositoryRoot, 'test', 'live', 'gate-net', 'ftp.py');

/** Serves FTP on port 21 of a place while `fn` runs. */
export async function withFtpServer<T>(lab: Lab, place: Place, fn: () => Promise<T>): Promise<T> {
  const server = await startIn(lab, place, ['python3', '-B', script, 'serve'], /listening/);
  try {
    return await fn();
  } finally {
    await server.stop();
  }
}

/** A session with one download: `whole`, or what went wrong. */
export async function ftpGet(
  lab: Lab,
  from: Place,
  host: string,
  mode: 'passive' | 'active',
): Promise<string> {
  const argv = ['python3', '-B', script, 'get', host, mode];
  return (await mustRunIn(lab, from, argv, { timeoutMs: 15_000 })).trim();
}
