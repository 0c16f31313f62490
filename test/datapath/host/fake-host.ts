import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { HostChanges } from '../../../src/datapath/host/index.ts';

/** A host of which only the commands are known. */
export class FakeHost {
  readonly commands: string[] = [];
  readonly stateFile: string;
  readonly log: string[] = [];
  /** Commands that contain one of these fail. */
  failing: string[] = [];
  answers: Record<string, string> = {};
  stateAtCommand: string[] = [];
  runningPids = new Map<number, string>([[process.pid, 'now']]);

  constructor(t: TestContext) {
    const dir = mkdtempSync(join(tmpdir(), 'pinhole-changes-'));
    t.after(() => rmSync(dir, { recursive: true }));
    this.stateFile = join(dir, 'run', 'host-1.json');
  }

  run = (argv: readonly string[]): string => {
    const command = argv.join(' ');
    this.commands.push(command);
    this.stateAtCommand.push(
      existsSync(this.stateFile) ? readFileSync(this.stateFile, 'utf8') : '',
    );
    if (this.failing.some((part) => command.includes(part))) {
      throw Object.assign(new Error('Command failed'), { stderr: `no: ${command}\n` });
    }
    return this.answers[command] ?? '';
  };

  changes(datapath = 'capture'): HostChanges {
    return new HostChanges({
      stateFile: this.stateFile,
      datapath,
      log: (line) => this.log.push(line),
      run: this.run,
      startTimeOf: (pid) => this.runningPids.get(pid) ?? '',
    });
  }

  dies(): void {
    this.runningPids.set(process.pid, 'a later life');
  }
}
