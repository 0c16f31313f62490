import { Clock, InterfaceTable, tuneForPackets } from '../../base/index.ts';
import { Direction, type Expectation } from '../../conntrack/index.ts';
import { connectionDto, expectationDto, tupleDto } from '../../control/index.ts';
import {
  CaptureError,
  type NflogOutputs,
  openCaptureFile,
  ReplayDatapath,
  type ReplayObserver,
} from '../../datapath/index.ts';
import {
  defaultEngineSettings,
  Engine,
  type EngineListener,
  type EngineSettings,
  Outcome,
  type OutcomeCode,
} from '../../engine/index.ts';
import {
  defaultFtpOptions,
  defaultFtpPolicy,
  type FtpEncrypted,
  type FtpRefusal,
  type FtpRefusalAction,
} from '../../helpers/index.ts';
import { compileRuleSet, type RuleSet } from '../../rules/index.ts';
import type { Packet } from '../../wire/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { helperPorts, loadRules } from '../load-rules.ts';
import { nflogWithoutTarget } from '../nflog.ts';
import { Output } from '../output.ts';
import { applySysctls, type StartSysctls } from '../sysctl/index.ts';
import { parseInterfaceOption } from './interface-option.ts';
import { JsonReporter } from './json-reporter.ts';
import { type ReplayReporter, reportPacket, type Totals } from './report.ts';
import { TextReporter } from './text-reporter.ts';

export interface ReplayOptions {
  readonly rules: readonly string[];
  /** What is read and not enforced is an error. */
  readonly strict: boolean;
  readonly read: string;
  readonly write: string | null;
  readonly interfaces: readonly string[];
  readonly json: boolean;
  readonly ftpPorts: readonly number[] | null;
  readonly bounce: FtpRefusalAction;
  readonly verifyChecksums: boolean;
  /** Settings of connection tracking; none if absent. */
  readonly sysctls?: StartSysctls;
  /** Where packets of NFLOG rules go. Stays the caller's to close. */
  readonly nflog?: NflogOutputs | null;
}

/** A fixed seed: the same capture and rules always give the same answer. */
const REPLAY_SEED = 0x50494e48;
/** A capture needs no room for a quarter of a million connections. */
const REPLAY_MAX_CONNECTIONS = 65_536;

/** Thrown to end a replay whose output nobody reads any more. */
class NobodyReads extends Error {}

/**
 * Runs a capture file through the engine. Needs no privileges. Returns the exit code; throws
 * `CommandError` where options are bad (2), or the capture cannot be read or written (1).
 */
export function runReplay(
  options: ReplayOptions,
  stderr: (text: string) => void,
  output = new Output(),
): number {
  tuneForPackets();
  const loaded = loadRules(options.rules, { strict: options.strict });
  for (const message of loaded.messages) stderr(`${message}\n`);
  if (loaded.ruleSet === null) return loaded.exitCode;
  const settings = sysctlSettings(options, loaded.ruleSet, stderr);
  const reporter = options.json ? new JsonReporter(output.write) : new TextReporter(output.write);
  const replay = new Replay(options, settings, loaded.ruleSet, reporter, output);
  warnOfUnknownInterfaces(options, loaded.ruleSet, stderr);
  const nowhere = nflogWithoutTarget(loaded.ruleSet, options.nflog?.targets ?? []);
  if (nowhere !== '') stderr(`pinhole replay: warning: ${nowhere}\n`);
  try {
    const truncation = replay.run();
    if (truncation !== '') stderr(`pinhole replay: warning: ${truncation}\n`);
    return Exit.Ok;
  } catch (error) {
    if (error instanceof NobodyReads) return Exit.Ok;
    throw asCommandError(error);
  } finally {
    output.flush();
  }
}

/** Trouble with a file gets one line; anything else is a fault of the program and keeps its trace. */
function asCommandError(error: unknown): unknown {
  const isOfFile = error instanceof Error && 'syscall' in error;
  if (!isOfFile && !(error instanceof CaptureError)) return error;
  return new CommandError(`pinhole replay: ${error.message}`);
}

/** `-i` and `-o` can only match interfaces that `--interface` placed in the capture. */
function warnOfUnknownInterfaces(
  options: ReplayOptions,
  ruleSet: RuleSet,
  stderr: (text: string) => void,
): void {
  const given = options.interfaces.map((text) => text.split('=')[0] ?? '');
  const unknown = new Set<string>();
  for (const table of ruleSet.allTables()) {
    for (const { rules } of table.chains.values()) {
      for (const { inInterface, outInterface } of rules) {
        for (const match of [inInterface, outInterface]) {
          if (match === null || match.wildcard || match.name === 'lo') continue;
          if (!given.includes(match.name)) unknown.add(match.name);
        }
      }
    }
  }
  for (const name of unknown) {
    stderr(
      `pinhole replay: warning: rules name the interface ${name}, which no packet will be seen on: ` +
        `add --interface ${name}=ADDRESS/LENGTH\n`,
    );
  }
}

/** One replay: engine, datapath, and the events in between. */
class Replay implements EngineListener, ReplayObserver {
  private readonly engine: Engine;
  private readonly datapath: ReplayDatapath;
  private readonly reporter: ReplayReporter;
  private readonly output: Output;
  private readonly writesCapture: boolean;
  private readonly reader;
  private readonly totals: Totals = {
    packets: 0,
    accepted: 0,
    dropped: 0,
    expectations: 0,
    refused: 0,
    rejected: 0,
    held: 0,
  };

  constructor(
    options: ReplayOptions,
    settings: EngineSettings,
    ruleSet: RuleSet,
    reporter: ReplayReporter,
    output: Output,
  ) {
    this.reporter = reporter;
    this.output = output;
    this.writesCapture = options.write !== null;
    const interfaces = new InterfaceTable();
    const prefixes = options.interfaces.map(parseInterfaceOption);
    this.reader = openReader(options.read);
    this.datapath = new ReplayDatapath(this.reader, prefixes, interfaces, options.write);
    this.engine = new Engine({
      clock: new Clock(),
      interfaces,
      routes: this.datapath.routes,
      output: this.datapath.output,
      rules: compileRuleSet(ruleSet, interfaces),
      settings: replaySettings(settings, options, ruleSet),
      seed: REPLAY_SEED,
    });
    this.engine.listener = this;
    const { nflog = null } = options;
    if (nflog === null) return;
    nflog.time = this.datapath.packetTime;
    this.engine.setNflogSink(nflog);
  }

  /** Returns a word about a file cut short, '' where it was whole. */
  run(): string {
    this.datapath.run(this.engine, this);
    this.reporter.summary(this.totals);
    return this.reader.truncation;
  }

  packetDone(n: number, time: number, outcome: OutcomeCode, packet: Packet): void {
    const report = reportPacket(this.engine, packet, n, time, outcome);
    this.totals.packets++;
    if (outcome === Outcome.Drop) this.totals.dropped++;
    else if (outcome === Outcome.Hold) this.totals.held++;
    else this.totals.accepted++;
    if (report.verdict === 'REJECT') this.totals.rejected++;
    this.reporter.packet(report);
    if (this.output.closed && !this.writesCapture) throw new NobodyReads();
  }

  connectionNew(row: number): void {
    this.tellConnection('NEW', row);
  }

  connectionUpdate(row: number): void {
    this.tellConnection('UPDATE', row);
  }

  connectionDestroy(row: number): void {
    this.tellConnection('DESTROY', row);
  }

  private tellConnection(event: 'NEW' | 'UPDATE' | 'DESTROY', row: number): void {
    this.reporter.connection(this.datapath.number, event, connectionDto(this.engine, row));
  }

  expectationNew(expectation: Expectation): void {
    this.totals.expectations++;
    this.tellExpectation('NEW', expectation);
  }

  expectationDestroy(expectation: Expectation): void {
    this.tellExpectation('DESTROY', expectation);
  }

  private tellExpectation(event: 'NEW' | 'DESTROY', expectation: Expectation): void {
    const entry = expectationDto(this.engine, expectation);
    this.reporter.expectation(this.datapath.number, event, entry);
  }

  announcementRefused(refusal: FtpRefusal): void {
    this.totals.refused++;
    const master = tupleDto(this.engine, refusal.row, Direction.Original);
    this.reporter.refusal(this.datapath.number, refusal, master);
  }

  controlEncrypted(_event: FtpEncrypted): void {}

  logged(): void {
    // What LOG rules would write is not part of a replay's output: the packet lines say more.
  }
}

function openReader(path: string) {
  try {
    return openCaptureFile(path);
  } catch (error) {
    throw asCommandError(error);
  }
}

/** Throws CommandError for a setting that cannot be made. */
function sysctlSettings(
  { sysctls = { sysctls: [], files: [] } }: ReplayOptions,
  ruleSet: RuleSet,
  stderr: (text: string) => void,
): EngineSettings {
  const settings = defaultEngineSettings();
  settings.conntrack.maximum = REPLAY_MAX_CONNECTIONS;
  const { conntrack } = ruleSet.modules;
  for (const warning of applySysctls('pinhole replay', settings, sysctls, conntrack)) {
    stderr(`pinhole replay: warning: ${warning}\n`);
  }
  return settings;
}

function replaySettings(
  settings: EngineSettings,
  options: ReplayOptions,
  ruleSet: RuleSet,
): EngineSettings {
  return {
    ...settings,
    ftp: { ...defaultFtpOptions, policy: { ...defaultFtpPolicy, bounce: options.bounce } },
    ftpPorts: helperPorts(ruleSet, options.ftpPorts),
    // Captures taken on an end host hold checksums that its network card was to fill in.
    checksums: options.verifyChecksums ? 'verify' : 'ignore',
  };
}
