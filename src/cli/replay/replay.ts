import { InterfaceTable, tuneForPackets } from '../../base/index.ts';
import { Direction, type Expectation } from '../../conntrack/index.ts';
import { connectionDto, encryptedEventDto, expectationDto, tupleDto } from '../../control/index.ts';
import { ReplayDatapath, type ReplayObserver } from '../../datapath/index.ts';
import {
  type Engine,
  type EngineListener,
  type EngineSettings,
  Outcome,
  type OutcomeCode,
} from '../../engine/index.ts';
import type { FtpEncrypted, FtpRefusal } from '../../helpers/index.ts';
import type { RuleSet } from '../../rules/index.ts';
import type { Packet } from '../../wire/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { idleDirectives } from '../ftp-start.ts';
import { loadRules } from '../load-rules.ts';
import { nflogWithoutTarget } from '../nflog.ts';
import { Output } from '../output.ts';
import { Comparison } from './compare/index.ts';
import { parseInterfaceOption } from './interface-option.ts';
import { JsonReporter } from './json-reporter.ts';
import type { ReplayOptions } from './options.ts';
import { type ReplayReporter, reportPacket, type Totals } from './report.ts';
import { asCommandError, openReader, replayEngine, replaySettings } from './start.ts';
import { TextReporter } from './text-reporter.ts';

export type { ReplayOptions } from './options.ts';

/** Thrown to end a replay whose output nobody reads any more. */
class NobodyReads extends Error {}

/**
 * Runs a capture file through the engine. Needs no privileges. Returns the exit code; throws
 * `CommandError` where options are bad (2), or the capture cannot be read or written (1). With
 * `compare` the exit codes are those of diff(1): 0 no difference, 1 differences, 2 trouble.
 */
export function runReplay(
  options: ReplayOptions,
  stderr: (text: string) => void,
  output = new Output(),
): number {
  if (options.compare !== true) return replay(options, stderr, output);
  try {
    return replay(options, stderr, output);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(error.message, Exit.Usage);
  }
}

function replay(options: ReplayOptions, stderr: (text: string) => void, output: Output): number {
  tuneForPackets();
  const loaded = loadRules(options.rules, { strict: options.strict });
  for (const message of loaded.messages) stderr(`${message}\n`);
  const { ruleSet } = loaded;
  if (ruleSet === null) return loaded.exitCode;
  const settings = replaySettings(options, ruleSet, stderr);
  const play =
    options.compare === true
      ? new Comparison(options, settings, ruleSet, output)
      : new Replay(options, settings, ruleSet, output);
  warnOfUnknownInterfaces(options, ruleSet, stderr);
  const nowhere = nflogWithoutTarget(ruleSet, options.nflog?.targets ?? []);
  const idle = options.compare === true ? '' : idleDirectives(options.ftp, ruleSet);
  for (const word of [nowhere, idle]) {
    if (word !== '') stderr(`pinhole replay: warning: ${word}\n`);
  }
  try {
    const truncation = play.run();
    if (truncation !== '') stderr(`pinhole replay: warning: ${truncation}\n`);
    return play.exitCode;
  } catch (error) {
    if (error instanceof NobodyReads) return Exit.Ok;
    throw asCommandError(error);
  } finally {
    output.flush();
  }
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
  readonly exitCode = Exit.Ok;
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

  constructor(options: ReplayOptions, settings: EngineSettings, ruleSet: RuleSet, output: Output) {
    const { write } = output;
    this.reporter = options.json ? new JsonReporter(write) : new TextReporter(write);
    this.output = output;
    this.writesCapture = options.write !== null;
    const interfaces = new InterfaceTable();
    const prefixes = options.interfaces.map(parseInterfaceOption);
    this.reader = openReader(options.read);
    this.datapath = new ReplayDatapath(this.reader, prefixes, interfaces, options.write);
    const { routes, output: answers } = this.datapath;
    const parts = { options, settings, ruleSet, interfaces, routes, output: answers };
    this.engine = replayEngine(parts);
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

  controlEncrypted(encrypted: FtpEncrypted): void {
    this.reporter.encrypted(this.datapath.number, encryptedEventDto(this.engine, encrypted));
  }

  logged(): void {
    // What LOG rules would write is not part of a replay's output: the packet lines say more.
  }
}
