import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DatapathUnavailable } from './errors.ts';

/** Runs a program to its end and returns what it prints. Throws where it fails. */
export type CommandRunner = (argv: readonly string[]) => string;

export interface HostChange {
  /** For the log, as "drop forwarding on eth0". */
  readonly what: string;
  /** The interface that is changed. */
  readonly device: string;
  readonly run: readonly string[];
  /** What to run instead where an earlier process has made this change already. */
  readonly again?: readonly string[];
  readonly undo: readonly string[];
  /** Questions before the way back: where one prints anything, others build on it, and it stays. */
  readonly unless?: readonly (readonly string[])[];
}

interface UndoStep {
  readonly what: string;
  readonly device: string;
  /** Which datapath made it; absent in files of earlier versions, which had `capture` only. */
  datapath?: string;
  readonly undo: readonly string[];
  readonly unless?: readonly (readonly string[])[];
}

interface State {
  readonly pid: number;
  /** Start time of that process in clock ticks after boot: a pid alone is given out again. */
  readonly started: string;
  readonly steps: UndoStep[];
}

export interface HostChangesOptions {
  /** Where the undo list is kept, one file per network namespace. */
  readonly stateFile: string;
  /** Whose changes these are: those of another datapath are taken back once this one is in force. */
  readonly datapath: string;
  readonly log?: (line: string) => void;
  readonly run?: CommandRunner;
  /** Start time of a process, '' where it does not run. For tests. */
  readonly startTimeOf?: (pid: number) => string;
}

/**
 * What was changed on this host, and how to take it back. Each change is written to the state file
 * before it is made, so whatever ends the process, the next start can take over from it (`adoptStale`).
 * Everything here is synchronous: `undoAll` may be called from an `exit` handler. Undoing what is
 * already gone, an interface for one, is no error.
 */
export class HostChanges {
  private readonly stateFile: string;
  private readonly datapath: string;
  private readonly log: (line: string) => void;
  private readonly run: CommandRunner;
  private readonly startTimeOf: (pid: number) => string;
  private steps: UndoStep[] = [];
  /** Steps of an earlier process, until this start has succeeded or failed. */
  private adopted = new Set<UndoStep>();

  constructor(options: HostChangesOptions) {
    this.stateFile = options.stateFile;
    this.datapath = options.datapath;
    this.log = options.log ?? (() => undefined);
    this.run = options.run ?? runCommand;
    this.startTimeOf = options.startTimeOf ?? startTime;
  }

  /**
   * Takes over what an earlier process left behind in this namespace. It stays in force, so that
   * there is no moment in which the host forwards by itself, and where this start fails after all,
   * nothing has changed. Returns the number of steps. Throws ('already-running') where that process
   * still lives, and 'bad-state-file' where the file is not ours to read.
   */
  adoptStale(): number {
    const state = this.read();
    if (state === null) return 0;
    if (state.pid !== process.pid && this.startTimeOf(state.pid) === state.started) {
      throw new DatapathUnavailable(
        'already-running',
        `process ${state.pid} already manages this network namespace`,
        `stop it first (kill ${state.pid})`,
      );
    }
    this.steps = [...state.steps];
    this.adopted = new Set(this.steps);
    const count = this.steps.length;
    this.log(`process ${state.pid} ended without cleaning up; taking over its ${count} changes`);
    return count;
  }

  /** Makes a change; the way back is on disk before. Throws what the program says. */
  apply(change: HostChange): void {
    if (this.claim(change)) {
      this.run(change.again ?? change.run);
      return;
    }
    const { what, device, undo, unless } = change;
    // Made before on a device that has gone and come again: one way back is enough.
    if (this.steps.some((step) => isSame(step.undo, undo))) {
      this.run(change.run);
      return;
    }
    const step = { what, device, datapath: this.datapath, undo };
    this.steps.push(unless === undefined ? step : { ...step, unless });
    this.write();
    try {
      this.run(change.run);
    } catch (error) {
      this.steps.pop();
      this.write();
      throw error;
    }
  }

  /** Whether an earlier process has made this change, and it is still on the list. */
  isAdopted(change: HostChange): boolean {
    return this.adoptedStep(change) !== undefined;
  }

  /**
   * Makes an earlier process's change one of this datapath, whichever made it, so that `settle` leaves
   * it. For what is in force already and needs no command. False where no earlier process made it.
   */
  claim(change: HostChange): boolean {
    const step = this.adoptedStep(change);
    if (step === undefined) return false;
    step.datapath = this.datapath;
    return true;
  }

  private adoptedStep({ undo }: HostChange): UndoStep | undefined {
    return [...this.adopted].find((step) => isSame(step.undo, undo));
  }

  /**
   * The start has succeeded: takes back what was taken over for interfaces that are not managed any
   * more, and what another datapath had done. What remains is undone at the end like everything else.
   */
  settle(managed: readonly string[]): void {
    const forgotten = [...this.adopted].filter(
      ({ device, datapath = 'capture' }) => datapath !== this.datapath || !managed.includes(device),
    );
    this.adopted.clear();
    this.steps = this.steps.filter((step) => !forgotten.includes(step));
    for (const step of forgotten.reverse()) this.undoStep(step);
    // Also where nothing is forgotten: the list is this process's now, and the file says whose it is.
    if (this.steps.length > 0) this.write();
    else this.removeFile();
  }

  /** A start that has failed: takes back what this process did, and leaves what it found. */
  private undoNew(): void {
    const found = this.steps.filter((step) => this.adopted.has(step));
    this.steps = this.steps.filter((step) => !this.adopted.has(step));
    while (this.steps.length > 0) this.undoStep(this.steps.pop()!);
    this.steps = found;
    if (found.length > 0) this.write();
    else this.removeFile();
  }

  /**
   * Takes everything back, last change first; but before `settle`, what an earlier process did stays.
   * Never throws; may be called again.
   */
  undoAll(): void {
    if (this.adopted.size > 0) {
      this.undoNew();
      return;
    }
    while (this.steps.length > 0) {
      this.undoStep(this.steps.pop()!);
    }
    this.removeFile();
  }

  private undoStep(step: UndoStep): void {
    try {
      if (step.unless?.some((question) => this.run(question).trim() !== '')) {
        this.log(`not undone: ${step.what}: somebody else uses it`);
        return;
      }
      this.run(step.undo);
    } catch (error) {
      this.log(`not undone: ${step.what}: ${failureText(error)}`);
    }
  }

  private read(): State | null {
    let text: string;
    try {
      text = readFileSync(this.stateFile, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw this.badFile(error);
    }
    try {
      const state = JSON.parse(text) as State;
      if (Array.isArray(state.steps)) return state;
    } catch (error) {
      throw this.badFile(error);
    }
    throw this.badFile(new Error('no steps in it'));
  }

  private badFile(cause: unknown): DatapathUnavailable {
    return new DatapathUnavailable(
      'bad-state-file',
      `cannot read ${this.stateFile}`,
      'look at "tc filter show" and "ethtool -k" of the interfaces, then remove the file',
      cause,
    );
  }

  /** Whole or not at all: a crash while writing leaves the former list. */
  private write(): void {
    const state: State = {
      pid: process.pid,
      started: this.startTimeOf(process.pid),
      steps: this.steps,
    };
    mkdirSync(dirname(this.stateFile), { recursive: true, mode: 0o755 });
    const fresh = `${this.stateFile}.new`;
    const fd = openSync(fresh, 'w', 0o600);
    try {
      writeSync(fd, `${JSON.stringify(state, null, 1)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, this.stateFile);
  }

  private removeFile(): void {
    try {
      rmSync(this.stateFile, { force: true });
    } catch (error) {
      this.log(`cannot remove ${this.stateFile}: ${failureText(error)}`);
    }
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.join(' ') === other.join(' ');
}

/** `execFileSync` with a limit in time. The programs are found in PATH and in the sbin directories. */
export function runCommand(argv: readonly string[]): string {
  const [program, ...rest] = argv;
  const env = { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin` };
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return execFileSync(program ?? '', rest, { encoding: 'utf8', env, stdio, timeout: 10_000 });
}

/** What a failed program said, in one line. */
export function failureText(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  return ((stderr ?? '') || (message ?? String(error))).trim().replaceAll('\n', ' ');
}

/** Field 22 of /proc/PID/stat; the second field is in brackets and may hold spaces. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
