/**
 * sysctl: settings of connection tracking under the kernel's names, as sysctl(8) shows and sets them,
 * and as files of sysctl.conf(5) have them.
 */
export { runSysctl } from './command.ts';
export {
  applySysctls,
  applyToRunning,
  type StartSysctls,
  sizeForThisMachine,
  sysctlOptions,
} from './start.ts';
