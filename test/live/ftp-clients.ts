/** Real FTP clients as a table: which modes each can be told to use, and how. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, type Place, type RunResult, repositoryRoot, runIn } from './harness.ts';

/** The command that announces the data connection. The first two exist on IPv4 only. */
export type Mode = 'PORT' | 'PASV' | 'EPRT' | 'EPSV';
export type Family = 4 | 6;

export interface Job {
  readonly lab: Lab;
  readonly from: Place;
  /** Address of the server as the client sees it, IPv6 without brackets. */
  readonly host: string;
  /** Where the server that answers keeps its files. */
  readonly serverPlace: Place;
  /** The directory that the server shows as /pub. Default: the one of the lab's own server. */
  readonly pub?: string;
  readonly mode: Mode;
  /** The client's own patience, in seconds. */
  readonly timeoutSec: number;
}

export interface Session {
  readonly job: Job;
  readonly url: string;
  readonly uploadName: string;
  readonly passive: boolean;
}

export interface Invocation {
  readonly argv: readonly string[];
  readonly input?: string;
}

export interface FtpClient {
  readonly name: string;
  readonly program: string;
  readonly modes: Readonly<Record<Family, readonly Mode[]>>;
  readonly uploads: boolean;
  /** Local name and name on the server, below /pub, in the order of the downloads. */
  readonly downloads: readonly (readonly [string, string])[];
  readonly listing: string;
  /** False for a program whose exit code says nothing about the transfers. */
  readonly honestExit: boolean;
  /** Control connections that all its transfers take together. Default: 1. */
  readonly connections?: number;
  invoke(session: Session): Invocation;
}

const bothDownloads = [
  ['first.bin', 'big.bin'],
  ['second.bin', 'big.bin'],
] as const;

const curl: FtpClient = {
  name: 'curl',
  program: 'curl',
  modes: { 4: ['PORT', 'PASV', 'EPRT', 'EPSV'], 6: ['EPRT', 'EPSV'] },
  uploads: true,
  downloads: bothDownloads,
  listing: 'listing.txt',
  honestExit: true,
  invoke: ({ job, url, uploadName }) => {
    const modeFlags = {
      PORT: ['--ftp-port', '-', '--disable-eprt'],
      EPRT: ['--ftp-port', '-'],
      // curl ignores the address of a 227 reply unless told; its translation is tested here.
      PASV: ['--disable-epsv', '--no-ftp-skip-pasv-ip'],
      EPSV: [],
    };
    // Options hold up to --next, connections are kept beyond it.
    const options = ['-sSv', '--max-time', `${job.timeoutSec}`, ...modeFlags[job.mode]];
    const transfers = [
      ['-o', 'first.bin', `${url}/pub/big.bin`],
      ['-T', 'upload.bin', `${url}/pub/incoming/${uploadName}`],
      ['-o', 'listing.txt', `${url}/pub/`],
      ['-o', 'second.bin', `${url}/pub/big.bin`],
    ];
    const argv = transfers.flatMap((transfer) => ['--next', ...options, ...transfer]);
    return { argv: ['curl', '-q', ...argv.slice(1)] };
  },
};

const wget: FtpClient = {
  name: 'wget',
  program: 'wget',
  modes: { 4: ['PORT', 'PASV'], 6: ['EPRT', 'EPSV'] },
  uploads: false,
  // A pattern makes wget list the directory and fetch all of it on one control connection.
  downloads: [
    ['big.bin', 'big.bin'],
    ['hello.txt', 'hello.txt'],
  ],
  listing: '.listing',
  honestExit: true,
  invoke: ({ job, url, passive }) => ({
    argv: [
      ...['wget', '--no-config', '-d', '-nd', '--no-remove-listing', '--tries=1'],
      ...[`--timeout=${job.timeoutSec}`, ...(passive ? [] : ['--no-passive-ftp'])],
      `${url}/pub/*`,
    ],
  }),
};

const lftp: FtpClient = {
  name: 'lftp',
  program: 'lftp',
  // On IPv4 lftp has no way to send EPRT.
  modes: { 4: ['PORT', 'PASV', 'EPSV'], 6: ['EPRT', 'EPSV'] },
  uploads: true,
  downloads: bothDownloads,
  listing: 'listing.txt',
  honestExit: true,
  invoke: ({ job, url, uploadName, passive }) => ({
    // Without arguments it takes its commands from the standard input.
    argv: ['lftp', '--norc'],
    input: [
      'debug 9',
      'set cmd:fail-exit yes',
      'set net:max-retries 1',
      `set net:timeout ${job.timeoutSec}s`,
      `set ftp:passive-mode ${passive}`,
      `set ftp:prefer-epsv ${job.mode === 'EPSV'}`,
      // lftp would replace a private address in a 227 reply; its translation is tested here.
      'set ftp:fix-pasv-address no',
      `open ${url}`,
      'get /pub/big.bin -o first.bin',
      `put upload.bin -o /pub/incoming/${uploadName}`,
      'ls /pub > listing.txt',
      'get /pub/big.bin -o second.bin',
      '',
    ].join('\n'),
  }),
};

const tnftp: FtpClient = {
  name: 'tnftp',
  program: 'tnftp',
  modes: { 4: ['PORT', 'PASV', 'EPRT', 'EPSV'], 6: ['EPRT', 'EPSV'] },
  uploads: true,
  downloads: bothDownloads,
  listing: 'listing.txt',
  honestExit: false,
  invoke: ({ job, uploadName, passive }) => ({
    // -n: no automatic login, -i: no questions, -p/-A: passive or active without falling back.
    argv: ['tnftp', '-n', '-i', '-d', '-v', passive ? '-p' : '-A', job.host],
    input: [
      ...(job.mode === 'PORT' || job.mode === 'PASV' ? ['epsv4 off'] : []),
      'user anonymous lab@example.org',
      'binary',
      'get /pub/big.bin first.bin',
      `put upload.bin /pub/incoming/${uploadName}`,
      'ls /pub listing.txt',
      'get /pub/big.bin second.bin',
      'quit',
      '',
    ].join('\n'),
  }),
};

const ftplib: FtpClient = {
  name: 'ftplib',
  program: 'python3',
  modes: { 4: ['PORT', 'PASV', 'EPRT', 'EPSV'], 6: ['EPRT', 'EPSV'] },
  uploads: true,
  downloads: bothDownloads,
  listing: 'listing.txt',
  honestExit: true,
  invoke: ({ job, uploadName }) => {
    const script = join(repositoryRoot, 'test', 'live', 'ftplib-transfer.py');
    return { argv: ['python3', script, job.host, job.mode, uploadName, `${job.timeoutSec}`] };
  },
};

export const ftpClients: readonly FtpClient[] = [curl, wget, lftp, tnftp, ftplib];

export interface Outcome {
  readonly result: RunResult;
  /** Everything the client printed, with the dialogue of the control connection. */
  readonly transcript: string;
  /** Throws unless every transfer arrived whole. */
  checkFiles(): void;
  /** Throws unless every transfer arrived whole, by the mode asked for, on one connection. */
  check(): void;
  /** Whether so much as one byte came through on a data connection. */
  anyData(): boolean;
}

/** The commands that a client says it sent; each marks them in its own way. */
function commandsSent(transcript: string, names: string): string[] {
  const pattern = new RegExp(`^(?:> |---> |--> |[-:\\d ]*Cmd: |\\*cmd\\* ')(${names})\\b`, 'gm');
  return [...transcript.matchAll(pattern)].map((match) => match[1] ?? '');
}

/** The data connection commands in the transcript, each once. */
export function modesUsed(transcript: string): string[] {
  return [...new Set(commandsSent(transcript, 'PORT|PASV|EPRT|EPSV'))];
}

function checksum(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function publicDirectory(job: Job): string {
  return job.pub ?? join(job.lab.runDir, job.serverPlace, 'ftp', 'pub');
}

function uploadedFile({ job, uploadName }: Session): string {
  return join(publicDirectory(job), 'incoming', uploadName);
}

function anyData(client: FtpClient, session: Session, dir: string): boolean {
  const locals = [...client.downloads.map(([local]) => local), client.listing];
  const files = [...locals.map((local) => join(dir, local)), uploadedFile(session)];
  return files.some((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);
}

function checkFiles(client: FtpClient, session: Session, dir: string, result: RunResult): void {
  const pub = publicDirectory(session.job);
  assert.equal(result.timedOut, false, 'the client did not come to an end');
  if (client.honestExit) assert.equal(result.code, 0, 'exit code');
  for (const [local, remote] of client.downloads) {
    assert.equal(checksum(join(dir, local)), checksum(join(pub, remote)), `download of ${remote}`);
  }
  if (client.uploads) {
    assert.equal(checksum(uploadedFile(session)), checksum(join(dir, 'upload.bin')), 'upload');
  }
  assert.match(readFileSync(join(dir, client.listing), 'utf8'), /\bhello\.txt\b/, 'listing');
}

function checkDialogue(client: FtpClient, { job }: Session, transcript: string): void {
  assert.deepEqual(modesUsed(transcript), [job.mode], 'commands used');
  const logins = commandsSent(transcript, 'USER').length;
  assert.equal(logins, client.connections ?? 1, 'control connections');
}

let sessions = 0;

/** Lets a client do all its transfers in an empty directory of its own. */
export async function transfer(client: FtpClient, job: Job): Promise<Outcome> {
  sessions += 1;
  mkdirSync(join(job.lab.runDir, 'work'), { recursive: true });
  const dir = mkdtempSync(join(job.lab.runDir, 'work', `${client.name}-`));
  const big = readFileSync(join(publicDirectory(job), 'big.bin'));
  writeFileSync(
    join(dir, 'upload.bin'),
    big.subarray(big.length / 3).map((byte) => byte ^ 0xff),
  );
  const host = job.host.includes(':') ? `[${job.host}]` : job.host;
  const session: Session = {
    job,
    url: `ftp://${host}`,
    uploadName: `${client.name.replace(' ', '-')}-${sessions}.bin`,
    passive: job.mode === 'PASV' || job.mode === 'EPSV',
  };
  const { argv, input = '' } = client.invoke(session);
  const timeoutMs = (job.timeoutSec + 1) * 1_000;
  // HOME: no settings or histories of whoever runs the tests.
  const options = { cwd: dir, env: { HOME: dir }, input, timeoutMs };
  const result = await runIn(job.lab, job.from, argv, options);
  const outcome: Outcome = {
    result,
    transcript: `${result.stdout}\n${result.stderr}`,
    checkFiles: () => checkFiles(client, session, dir, result),
    check: () => {
      checkFiles(client, session, dir, result);
      checkDialogue(client, session, outcome.transcript);
    },
    anyData: () => anyData(client, session, dir),
  };
  return outcome;
}
