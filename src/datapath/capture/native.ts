import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Cap } from 'cap';
import type { RawSocketModule } from 'raw-socket';
import { DatapathUnavailable } from '../host/index.ts';

export interface Addons {
  readonly newCap: () => Cap;
  readonly raw: RawSocketModule;
}

/**
 * Every handle ever made, for good. When the collector takes a `Cap`, even a closed one or one that
 * failed to open, its destructor calls into Node at a time when it must not (AsyncWrap::EmitDestroy
 * within a weak callback), and the process ends with a segmentation fault. A handle is small, and
 * few are made.
 */
const everMade: Cap[] = [];

const MEND = 'apt-get install libpcap-dev g++ make python3 && npm ci';

/**
 * Loads both addons, at the first call only: the rest of Pinhole runs without them. Throws
 * `DatapathUnavailable` ('addon-missing') where one is not built. Neither loads in a second thread.
 */
export async function loadAddons(): Promise<Addons> {
  const cap = await load('cap', async () => (await import('cap')).default);
  const raw = await load('raw-socket', async () => (await import('raw-socket')).default);
  const newCap = (): Cap => {
    const handle = new cap.Cap();
    everMade.push(handle);
    return handle;
  };
  return { newCap, raw };
}

async function load<T>(name: string, importIt: () => Promise<T>): Promise<T> {
  try {
    return await importIt();
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new DatapathUnavailable('addon-missing', `cannot load ${name}: ${why}`, MEND, error);
  }
}

/**
 * Whether this build of `cap` ends the process when a captured interface is taken down: its poll
 * callback asserts that there is no error, unless it was compiled with NDEBUG.
 */
export function assertsOnLinkDown(): boolean {
  try {
    const file = createRequire(import.meta.url).resolve('cap/build/Release/cap.node');
    return readFileSync(file).includes('status == 0');
  } catch {
    return false;
  }
}
