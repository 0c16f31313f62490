import { existsSync, readFileSync } from 'node:fs';

/** The version in the nearest package.json above this file: ours, wherever it was compiled to. */
export function version(): string {
  let directory = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', directory)) && directory.pathname !== '/') {
    directory = new URL('../', directory);
  }
  const parsed: unknown = JSON.parse(readFileSync(new URL('package.json', directory), 'utf8'));
  return (parsed as { version: string }).version;
}
