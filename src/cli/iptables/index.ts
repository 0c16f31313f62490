/**
 * cli/iptables: `iptables -L`, `-S`, `-Z` and `iptables-save`, both families, against the running
 * gateway: command lines, messages and exit codes of iptables-legacy 1.8.9. The gateway prints the
 * rules; this reads the command line and reports. Cold.
 */
export { type IptablesIo, type IptablesProgram, runIptables, runIptablesSave } from './command.ts';
