import type { Server } from 'node:net';
import { Clock, randomSeed, takePrecedence, tuneForPackets } from '../../base/index.ts';
import { EventHub, gatewayHandler, RuleChanges, serveLines } from '../../control/index.ts';
import {
  DatapathUnavailable,
  type LiveDatapath,
  NflogOutputs,
  type NflogTarget,
} from '../../datapath/index.ts';
import { defaultEngineSettings, Engine, type EngineSettings } from '../../engine/index.ts';
import type { FtpOptions } from '../../helpers/index.ts';
import {
  type CompiledRules,
  compileRuleSet,
  type ModuleSettings,
  type RuleSet,
} from '../../rules/index.ts';
import { CommandError, Exit } from '../exit-code.ts';
import { helperPorts, loadRules } from '../load-rules.ts';
import { systemHostResolver } from '../resolve-host.ts';
import { applySysctls, applyToRunning, sizeForThisMachine } from '../sysctl/index.ts';
import { type DatapathOptions, openDatapath } from './datapath.ts';
import { GatewayLog, type LogFormat } from './log.ts';
import { remarksOn } from './remarks.ts';
import { listenOnSocket } from './socket.ts';

export interface RunOptions extends DatapathOptions {
  readonly rules: readonly string[];
  /** What is read and not enforced is an error. */
  readonly strict: boolean;
  readonly socket: string;
  readonly ftpPorts: readonly number[] | null;
  readonly ftp: FtpOptions;
  /** A word about options that do nothing in this mode; '' for none. */
  readonly idleOptions: string;
  readonly logFormat: LogFormat;
  /** `NAME=VALUE` of connection tracking, after what the files say. */
  readonly sysctls: readonly string[];
  readonly sysctlFiles: readonly string[];
  readonly nflog: readonly NflogTarget[];
}

/** Records for readers wait no longer than this. */
const NFLOG_FLUSH_MS = 100;

/**
 * `pinhole run`: the gateway in the foreground, until a signal ends it. Throws CommandError where it
 * cannot start; nothing on the host is changed then.
 */
export async function runGateway(options: RunOptions): Promise<number> {
  tuneForPackets();
  // Whoever reads the log may end first (EPIPE); the gateway goes on without it.
  process.stderr.on('error', () => {});
  const log = new GatewayLog(
    options.logFormat,
    (line) => process.stderr.write(line),
    () => Date.now(),
  );
  // Of `auto` the better: what it comes to is known when the rules have been read.
  const mayHoldOutput = options.datapath !== 'capture';
  const ruleSet = readRules(options, log, mayHoldOutput);
  const settings = sysctlSettings(options, ruleSet, log);
  if (process.geteuid?.() !== 0) {
    throw new CommandError('pinhole run: must be root: start it with sudo', Exit.NoGateway);
  }
  takePrecedence();
  // A reload asked for before there is anything to reload is no reason to end.
  process.on('SIGHUP', () => {});
  const server = await listenOnSocket(options.socket);
  let datapath: LiveDatapath | null = null;
  let gateway: Gateway | null = null;
  try {
    datapath = await openDatapath(options, settings.conntrack.maximum, (line) => log.info(line));
    if (options.strict && datapath.holdsOutput !== mayHoldOutput) {
      readRules(options, log, datapath.holdsOutput);
    }
    gateway = new Gateway(options, settings, ruleSet, datapath, log);
    await gateway.openNflog();
    gateway.start(server);
    log.info(`FTP helper: ${options.ftp.mode} mode`);
    if (options.idleOptions !== '') log.warn(options.idleOptions);
    const where = `${options.interfaces.join(', ')}; control socket ${options.socket}`;
    log.info(`ready: datapath ${datapath.name}; ${where}`);
    return await gateway.untilStopped();
  } catch (error) {
    if (error instanceof DatapathUnavailable) {
      throw new CommandError(`pinhole run: ${error.message}`);
    }
    throw error;
  } finally {
    // Without a gateway the datapath still follows the routes, and would keep the process alive.
    await (gateway ?? datapath)?.stop();
    server.close();
  }
}

function readRules(options: RunOptions, log: GatewayLog, holdsOutput: boolean): RuleSet {
  const { rules, strict } = options;
  const { ruleSet, messages, exitCode } = loadRules(rules, { strict, holdsOutput });
  if (ruleSet === null) throw new CommandError(messages.join('\n'), exitCode);
  for (const message of messages) log.aboutRules('warning', message);
  return ruleSet;
}

/** A running gateway: engine, datapath, control socket, signals. */
class Gateway {
  private readonly options: RunOptions;
  private readonly datapath: LiveDatapath;
  private readonly log: GatewayLog;
  private readonly engine: Engine;
  private readonly events: EventHub;
  private readonly changes: RuleChanges;
  private readonly startedMs = Date.now();
  private closeClients = () => {};
  private remarks: ReadonlySet<string> = new Set();
  private settingsUsed: ModuleSettings;
  private nflog: NflogOutputs | null = null;
  private nflogTimer: NodeJS.Timeout | undefined;
  private end: (code: number) => void = () => {};
  private readonly ended: Promise<number>;

  constructor(
    options: RunOptions,
    settings: EngineSettings,
    ruleSet: RuleSet,
    datapath: LiveDatapath,
    log: GatewayLog,
  ) {
    this.options = options;
    this.datapath = datapath;
    this.log = log;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    const { interfaces, routes, output } = datapath;
    this.engine = new Engine({
      clock: new Clock(Math.floor(this.startedMs / 1000)),
      interfaces,
      routes,
      output,
      rules: compileRuleSet(ruleSet, interfaces),
      settings: engineSettings(settings, options, ruleSet),
      seed: randomSeed(),
    });
    this.events = new EventHub(this.engine, log);
    this.engine.listener = this.events;
    this.changes = new RuleChanges({
      engine: this.engine,
      useRules: (compiled, why) => this.useRules(compiled, why),
    });
    this.settingsUsed = ruleSet.modules;
    this.sayWhatIsNotEnforced(ruleSet);
  }

  /** Throws CommandError where an output of `--nflog` cannot be opened. */
  async openNflog(): Promise<void> {
    const { options, datapath, engine } = this;
    if (options.nflog.length === 0) return;
    try {
      this.nflog = await NflogOutputs.open(options.nflog, {
        time: engineTime(engine),
        indexOf: (id) => datapath.kernelIndexOf(id),
      });
    } catch (error) {
      throw new CommandError(`pinhole run: --nflog: ${(error as Error).message}`);
    }
    engine.setNflogSink(this.nflog);
    this.nflogTimer = setInterval(() => this.nflog?.flush(), NFLOG_FLUSH_MS);
  }

  start(server: Server): void {
    process.on('SIGINT', () => this.end(Exit.Ok));
    process.on('SIGTERM', () => this.end(Exit.Ok));
    process.on('SIGHUP', () => this.reloadAndLog());
    const { close } = serveLines(server, gatewayHandler(this.controlHost()));
    this.closeClients = close;
    this.datapath.attach(this.engine);
  }

  untilStopped(): Promise<number> {
    return this.ended;
  }

  /** The signal handlers stay: a second signal must not end the process before its host is back. */
  async stop(): Promise<void> {
    this.closeClients();
    await this.datapath.stop();
    this.closeNflog();
    this.log.info(this.datapath.farewell);
  }

  private closeNflog(): void {
    clearInterval(this.nflogTimer);
    this.nflog?.close();
    const lost = this.nflog?.lost ?? 0;
    if (lost > 0) this.log.warn(`${lost} packets of NFLOG rules found no room`);
  }

  private controlHost() {
    const { holdsOutput } = this.datapath;
    return {
      engine: this.engine,
      events: this.events,
      changes: this.changes,
      get loadOptions() {
        return { resolveHost: systemHostResolver(), holdsOutput };
      },
      refreshClock: () => this.engine.clock.setEpochMs(Date.now()),
      reload: () => this.reload(),
      note: (line: string) => this.log.info(line),
      status: () => ({
        pid: process.pid,
        datapath: this.datapath.name,
        interfaces: this.options.interfaces,
        rules: this.options.rules,
        uptimeSec: Math.floor((Date.now() - this.startedMs) / 1000),
        [this.datapath.name]: this.datapath.statistics(),
      }),
    };
  }

  /** All or nothing: the old rules stay where the new ones have an error. The tables are kept. */
  private reload(): readonly string[] {
    const { refusal } = this.changes;
    if (refusal !== null) return [`rules not re-read: ${refusal}`];
    const { rules, strict } = this.options;
    const { holdsOutput } = this.datapath;
    const { ruleSet, messages } = loadRules(rules, { strict, holdsOutput });
    if (ruleSet === null) return messages;
    for (const message of messages) this.log.aboutRules('warning', message);
    this.changes.replace(ruleSet, false, null, 'rules re-read');
    return [];
  }

  /** Rules in force, with what hangs on them: the ports of the helper, and what is said of them. */
  private useRules(compiled: CompiledRules, why: string): void {
    const { ruleSet } = compiled;
    this.engine.setRules(compiled);
    this.engine.setFtpPorts(helperPorts(ruleSet, this.options.ftpPorts));
    this.useSettings(ruleSet.modules);
    this.sayWhatIsNotEnforced(ruleSet);
    this.log.info(why);
  }

  /** Settings of scripts that were read anew; a rule that is merely edited brings none back. */
  private useSettings(modules: ModuleSettings): void {
    if (modules === this.settingsUsed) return;
    this.settingsUsed = modules;
    applyToRunning(this.engine, modules.conntrack, (problem) => this.log.warn(`rules: ${problem}`));
  }

  private reloadAndLog(): void {
    const problems = this.reload();
    if (problems.length === 0) return;
    for (const problem of problems) this.log.aboutRules('error', problem);
    this.log.error('rules not changed: the files have errors');
  }

  /** What was said of the rules before and holds of these as well is not said again. */
  private sayWhatIsNotEnforced(ruleSet: RuleSet): void {
    const remarks = remarksOn(ruleSet, this.options, this.datapath);
    for (const remark of remarks) if (!this.remarks.has(remark)) this.log.warn(remark);
    this.remarks = new Set(remarks);
  }
}

/** The engine's time as records want it. */
function engineTime({ clock }: Engine) {
  return {
    get epochSec() {
      return clock.baseEpochSec + clock.sec;
    },
    get usec() {
      return clock.usec;
    },
  };
}

/** Throws CommandError for a setting that cannot be made. */
function sysctlSettings(options: RunOptions, ruleSet: RuleSet, log: GatewayLog): EngineSettings {
  const settings = defaultEngineSettings();
  sizeForThisMachine(settings);
  const { sysctls, sysctlFiles: files } = options;
  const { conntrack } = ruleSet.modules;
  for (const warning of applySysctls('pinhole run', settings, { sysctls, files }, conntrack)) {
    log.warn(warning);
  }
  return settings;
}

function engineSettings(
  settings: EngineSettings,
  options: RunOptions,
  ruleSet: RuleSet,
): EngineSettings {
  return {
    ...settings,
    ftp: options.ftp,
    ftpPorts: helperPorts(ruleSet, options.ftpPorts),
  };
}
