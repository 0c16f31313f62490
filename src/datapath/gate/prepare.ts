import { InterfaceTable } from '../../base/index.ts';
import {
  HostChanges,
  needEthernet,
  needPrograms,
  needRoot,
  runCommand,
  stateFileOf,
} from '../host/index.ts';
import type { OnExit } from '../live.ts';
import { KernelRoutes } from '../routes/index.ts';
import { GateDatapath } from './gate-datapath.ts';
import { KernelPart } from './kernel-part.ts';
import { PUNT0, PUNT1 } from './sys/index.ts';

export interface GateOptions {
  /** Names of the interfaces to take over; all others are left to the kernel. */
  readonly interfaces: readonly string[];
  /** null: open when stopped, closed when killed. */
  readonly onExit: OnExit | null;
  /** Connections that there may be at once; 0: no limit. */
  readonly connections: number;
  readonly log: (line: string) => void;
  /** Where the undo list is kept. Default: /run/pinhole. */
  readonly runDir?: string;
}

const DEFAULT_RUN_DIR = '/run/pinhole';

/**
 * Prepares the gate in the network namespace of this process: reads what a former process left, loads
 * maps and programs into the kernel, reads the routes. Nothing on the host is changed yet. Rejects
 * with `DatapathUnavailable`, which says what mends it.
 */
export async function prepareGate(options: GateOptions): Promise<GateDatapath> {
  const { interfaces: managed, log, onExit } = options;
  needRoot(process.geteuid?.());
  needPrograms(runCommand, ['ip', 'tc', 'ethtool']);
  const runDir = options.runDir ?? DEFAULT_RUN_DIR;
  const changes = new HostChanges({ stateFile: stateFileOf(runDir), datapath: 'gate', log });
  changes.adoptStale();
  const kernel = await KernelPart.load(options.connections);
  const interfaces = new InterfaceTable();
  // The routes report from now on, the datapath exists a moment later.
  let datapath: GateDatapath | null = null;
  let routes: KernelRoutes | null = null;
  try {
    routes = await KernelRoutes.open({
      interfaces,
      log,
      ownDevices: [PUNT0, PUNT1],
      onLinks: () => datapath?.followLinks(),
      onRoutes: () => datapath?.followRoutes(),
    });
    for (const name of managed) needEthernet(routes.links, name);
    const run = runCommand;
    const parts = { interfaces, managed, onExit, runDir, routes, changes, kernel, run, log };
    datapath = new GateDatapath(parts);
    return datapath;
  } catch (error) {
    routes?.close();
    kernel.close();
    throw error;
  }
}
