/** Captures made and replayed by tests, in a directory that goes away with the test. */
import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Output } from '../../src/cli/output.ts';
import { type ReplayOptions, runReplay } from '../../src/cli/replay/replay.ts';
import { CaptureWriter, openCaptureFile } from '../../src/datapath/index.ts';
import { defaultFtpOptions } from '../../src/helpers/index.ts';
import { LinkType, type LinkTypeCode } from '../../src/wire/index.ts';
import { drain, type SeenFrame } from '../datapath/pcapfile/build.ts';

/** The rule set of the capture tests: control connections to port 21, and what follows from them. */
export const STATEFUL = `*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
`;

export interface RuleReport {
  readonly file: string;
  readonly line: number;
  readonly table: string;
  readonly chain: string;
  readonly number: number;
}

/** The objects of `replay --json`, in one loose shape. */
export interface Report {
  readonly type: 'packet' | 'expect' | 'refused' | 'summary';
  readonly n: number;
  readonly time: number;
  readonly verdict: string;
  readonly reason: string;
  readonly ctstate: string;
  readonly rewritten: boolean;
  readonly rule: RuleReport | null;
  readonly event: string;
  readonly kind: string;
  readonly src: string;
  readonly dst: string;
  readonly dport: number;
  readonly line: string;
  readonly master: { src: string; dst: string; sport: number; dport: number };
  readonly packets: number;
  readonly accepted: number;
  readonly dropped: number;
  readonly expectations: number;
  readonly refused: number;
}

export interface TimedFrame {
  readonly frame: Uint8Array;
  readonly atSec?: number;
  /** Length on the wire where the capture kept less. */
  readonly originalLength?: number;
}

export interface Replayed {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory for one test's files. */
export class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'pinhole-replay-'));

  constructor(t: TestContext) {
    t.after(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  file(name: string, text: string | Uint8Array): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  capture(
    name: string,
    frames: readonly (Uint8Array | TimedFrame)[],
    linkType: LinkTypeCode = LinkType.Ethernet,
  ): string {
    const writer = new CaptureWriter(this.path(name), { linkType });
    for (const item of frames) {
      const {
        frame,
        atSec = 0,
        originalLength = frame.length,
      } = item instanceof Uint8Array ? { frame: item } : item;
      const sec = Math.floor(atSec);
      const nanos = Math.round((atSec - sec) * 1e6) * 1000;
      writer.write(frame, 0, frame.length, originalLength, 1_700_000_000 + sec, nanos);
    }
    writer.close();
    return this.path(name);
  }

  frames(name: string): SeenFrame[] {
    return drain(openCaptureFile(this.path(name)));
  }

  replay(options: Partial<ReplayOptions>): Replayed {
    const fd = openSync(this.path('stdout'), 'w');
    const output = new Output(fd);
    let stderr = '';
    try {
      const exitCode = runReplay(
        {
          rules: [],
          strict: false,
          read: '',
          write: null,
          interfaces: [],
          json: false,
          ftpPorts: null,
          ftp: defaultFtpOptions,
          verifyChecksums: false,
          ...options,
        },
        (text) => {
          stderr += text;
        },
        output,
      );
      return { exitCode, stdout: readFileSync(this.path('stdout'), 'utf8'), stderr };
    } finally {
      closeSync(fd);
    }
  }

  /** The objects of a replay that must succeed without a word on stderr. */
  reports(options: Partial<ReplayOptions>): Report[] {
    const { exitCode, stdout, stderr } = this.replay({ ...options, json: true });
    assert.equal(stderr, '');
    assert.equal(exitCode, 0);
    return parseReports(stdout);
  }
}

export function parseReports(stdout: string): Report[] {
  assert.ok(stdout.endsWith('\n'));
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Report);
}

/** The reports of one type. */
export function only(reports: readonly Report[], type: Report['type']): Report[] {
  return reports.filter((report) => report.type === type);
}
