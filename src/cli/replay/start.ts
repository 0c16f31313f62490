import { Clock, type InterfaceTable } from '../../base/index.ts';
import { CaptureError, openCaptureFile } from '../../datapath/index.ts';
import {
  defaultEngineSettings,
  Engine,
  type EngineSettings,
  type PacketOutput,
  type Routes,
} from '../../engine/index.ts';
import { compileRuleSet, type RuleSet } from '../../rules/index.ts';
import { CommandError } from '../exit-code.ts';
import { helperPorts } from '../load-rules.ts';
import { applySysctls } from '../sysctl/index.ts';
import type { ReplayOptions } from './options.ts';

/** A fixed seed: the same capture and rules always give the same answer. */
const REPLAY_SEED = 0x50494e48;
/** A capture needs no room for a quarter of a million connections. */
const REPLAY_MAX_CONNECTIONS = 65_536;

/** What an engine for the packets of a capture is made of. */
export interface ReplayParts {
  readonly options: ReplayOptions;
  readonly settings: EngineSettings;
  readonly ruleSet: RuleSet;
  readonly interfaces: InterfaceTable;
  readonly routes: Routes;
  readonly output: PacketOutput;
}

/** An engine whose time begins with the capture's. */
export function replayEngine(parts: ReplayParts): Engine {
  const { settings, ruleSet, interfaces, routes, output } = parts;
  return new Engine({
    clock: new Clock(),
    interfaces,
    routes,
    output,
    rules: compileRuleSet(ruleSet, interfaces, { seed: REPLAY_SEED }),
    settings,
    seed: REPLAY_SEED,
  });
}

/** Throws CommandError for a setting that cannot be made. */
export function replaySettings(
  options: ReplayOptions,
  ruleSet: RuleSet,
  stderr: (text: string) => void,
): EngineSettings {
  const { sysctls = { sysctls: [], files: [] } } = options;
  const settings = defaultEngineSettings();
  settings.conntrack.maximum = REPLAY_MAX_CONNECTIONS;
  const { conntrack } = ruleSet.modules;
  for (const warning of applySysctls('pinhole replay', settings, sysctls, conntrack)) {
    stderr(`pinhole replay: warning: ${warning}\n`);
  }
  return {
    ...settings,
    ftp: options.ftp,
    ftpPorts: helperPorts(ruleSet, options.ftpPorts),
    // Captures taken on an end host hold checksums that its network card was to fill in.
    checksums: options.verifyChecksums ? 'verify' : 'ignore',
  };
}

export function openReader(path: string) {
  try {
    return openCaptureFile(path);
  } catch (error) {
    throw asCommandError(error);
  }
}

/** Trouble with a file gets one line; anything else is a fault of the program and keeps its trace. */
export function asCommandError(error: unknown): unknown {
  const isOfFile = error instanceof Error && 'syscall' in error;
  if (!isOfFile && !(error instanceof CaptureError)) return error;
  return new CommandError(`pinhole replay: ${error.message}`);
}
