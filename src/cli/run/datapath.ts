import {
  DatapathUnavailable,
  type LiveDatapath,
  type LiveDatapathName,
  liveDatapathNames,
  type OnExit,
  onExitValues,
  prepareCapture,
  prepareGate,
} from '../../datapath/index.ts';
import { CommandError, Exit } from '../exit-code.ts';

/** Which datapath, and what it leaves behind. */
export interface DatapathOptions {
  readonly interfaces: readonly string[];
  /** 'auto': the gate where this host has what it needs, else capture. */
  readonly datapath: LiveDatapathName | 'auto';
  /** null: a stop gives the host back, a crash leaves it closed. */
  readonly onExit: OnExit | null;
}

/** Given twice, the last one counts: a list would be none of the choices. */
function lastOf<T>(value: T | readonly T[]): T {
  return Array.isArray(value) ? (value.at(-1) as T) : (value as T);
}

export const datapathOptions = {
  datapath: {
    choices: ['auto', ...liveDatapathNames],
    default: 'auto',
    coerce: lastOf<LiveDatapathName | 'auto'>,
    describe:
      'gate: established flows in the kernel (eBPF); capture: every packet through libpcap; ' +
      'auto: gate where it can run',
  },
  'on-exit': {
    choices: onExitValues,
    coerce: lastOf<OnExit | undefined>,
    describe:
      'What the gate leaves, killed or stopped: closed: known flows go on, nothing new passes; ' +
      'open: the kernel forwards by itself. Default: open when stopped, closed when killed',
  },
} as const;

/**
 * Opens the datapath that is asked for, for so many connections; nothing on the host is changed yet. Throws
 * `DatapathUnavailable` where it cannot run here, CommandError for options that contradict.
 */
export async function openDatapath(
  options: DatapathOptions,
  connections: number,
  log: (line: string) => void,
): Promise<LiveDatapath> {
  const { interfaces, datapath, onExit } = options;
  if (datapath === 'capture' && onExit !== null) {
    throw new CommandError(
      'pinhole run: --on-exit needs the gate: capture is open when stopped, closed when killed',
      Exit.Usage,
    );
  }
  if (datapath !== 'capture') {
    try {
      return await prepareGate({ interfaces, onExit, connections, log });
    } catch (error) {
      const mayFallBack = error instanceof DatapathUnavailable && error.isMissing;
      if (datapath === 'gate' || onExit !== null || !mayFallBack) throw error;
      log(`no gate here: ${error.message}`);
      log('datapath capture instead: slower, and OUTPUT rules are not enforced');
    }
  }
  return prepareCapture({ interfaces, log, handleSignals: false });
}
