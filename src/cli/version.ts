import { readFileSync } from 'node:fs';

/** The version in package.json, which lies beside `dist/`. */
export function version(): string {
  const path = new URL('../../../package.json', import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return (parsed as { version: string }).version;
}
