/**
 * cli/iptables: `iptables`, `iptables-restore` and `iptables-save`, both families, against the
 * running gateway: command lines, messages and exit codes of iptables-legacy 1.8.9. Commands of
 * iptables are parsed by the gateway; the others have few options, which are read here. Cold.
 */
export { runIptables } from './command.ts';
export type { IptablesIo, IptablesProgram } from './io.ts';
export { runIptablesRestore } from './restore.ts';
export { runIptablesSave } from './save.ts';
