/**
 * cli/conntrack: the `conntrack` command, in the shape of conntrack(8) 1.4.7: its command line,
 * lines, messages and exit codes. It reads and prints; what it shows and changes it asks of the
 * gateway over the control socket.
 *
 * Invariant: data on stdout, everything else on stderr; nothing is kept of an entry once it is
 * printed. Cold.
 */
export { runConntrack } from './command.ts';
export { compileFilter, type EntryPredicate } from './filter.ts';
export {
  formatDeleted,
  formatEntry,
  formatEvent,
  formatExpect,
  formatExpectEvent,
  formatStats,
  OutputFrame,
} from './format.ts';
export { defaultFormat, type FormatOptions, type OutputFormat } from './format-options.ts';
export type { ConntrackIo } from './io.ts';
export { LabelNames } from './labels.ts';
export { type ConntrackOptions, parseConntrackOptions } from './options.ts';
export { ExitCode, UsageError } from './usage-error.ts';
