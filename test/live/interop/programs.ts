/**
 * Where the programs of the matrix are: in PATH, or below .out/ftp-programs, where
 * `scripts/interop/programs` unpacks what conflicts with what is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { delimiter, join } from 'node:path';
import { repositoryRoot } from '../harness.ts';

const unpacked = join(repositoryRoot, '.out', 'ftp-programs', 'root', 'usr');
const sbin = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
const searchPath = [
  ...(process.env.PATH ?? '').split(delimiter),
  ...sbin,
  ...['bin', 'sbin'].map((dir) => join(unpacked, dir)),
];

/** The full path of a program, undefined where it is neither installed nor unpacked. */
export function locate(program: string): string | undefined {
  return searchPath
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, program))
    .find((path) => existsSync(path));
}

/** Where proftpd finds its modules; undefined where the installed one finds its own. */
export function proftpdModules(): string | undefined {
  const dir = join(unpacked, 'lib', 'proftpd');
  return existsSync(dir) ? dir : undefined;
}

/** Debian's own Python where there is one: its packages are made for it. */
export const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3';

function libraryDirectories(): string[] {
  const lib = join(unpacked, 'lib');
  if (!existsSync(lib)) return [];
  return readdirSync(lib)
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join(lib, name));
}

/** What unpacked programs need in their environment to find their libraries and modules. */
export const programEnvironment: Readonly<Record<string, string>> = {
  LD_LIBRARY_PATH: libraryDirectories().join(delimiter),
  PYTHONPATH: join(unpacked, 'lib', 'python3', 'dist-packages'),
  PYTHONDONTWRITEBYTECODE: '1',
};

/** Whether pyftpdlib can be imported, from the system or from where it was unpacked. */
export function pyftpdlibFound(): boolean {
  const argv = ['-W', 'ignore', '-c', 'import pyftpdlib.servers'];
  const env = { ...process.env, ...programEnvironment };
  return spawnSync(python, argv, { env, timeout: 5_000 }).status === 0;
}

function firstLine(argv: readonly string[]): string | undefined {
  const [program = '', ...rest] = argv;
  const { status, stdout } = spawnSync(program, rest, { encoding: 'utf8', timeout: 5_000 });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

/** Version of a Debian package, installed or unpacked; `unknown` where neither can be told. */
export function packageVersion(name: string): string {
  const stamp = join(repositoryRoot, '.out', 'ftp-programs', `${name}.done`);
  const version = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : 'installed';
  if (version !== 'installed') return version;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is dpkg-query's own notation.
  return firstLine(['dpkg-query', '-W', '-f=${Version}\\n', name]) ?? 'unknown';
}

/** Versions of the machine below the programs, as name and version. */
export function platformVersions(): [string, string][] {
  return [
    ['Linux', release()],
    ['Node.js', process.version],
    ['Python (ftplib)', (firstLine(['python3', '--version']) ?? 'unknown').replace('Python ', '')],
  ];
}
