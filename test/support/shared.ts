import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A file or folder of the shared reference, beside the repository; null where that is not laid out. */
export function sharedFile(name: string): string | null {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  const path = join(folder, '..', 'shared', name);
  return existsSync(path) ? path : null;
}
