/** How entries and events are put into text. */

export type OutputFormat = 'plain' | 'xml' | 'save' | 'json';

export interface FormatOptions {
  format: OutputFormat;
  /** `-o extended`: the layer 3 protocol first. */
  extended: boolean;
  /** `-o id`. */
  id: boolean;
  /** `-o timestamp`: when an event, or a listed expectation, was seen. */
  timestamp: boolean;
  /** `-o ktimestamp`: when the entry began and, for a destroyed one, ended. */
  ktimestamp: boolean;
  /** Show packet and byte counters (the kernel's nf_conntrack_acct). */
  accounting: boolean;
  /** Show delta-time (the kernel's nf_conntrack_timestamp); `ktimestamp` implies it. */
  timestamps: boolean;
}

/** What Pinhole shows without any `-o`: it always counts, and keeps times out of plain lines. */
export const defaultFormat: Readonly<FormatOptions> = {
  format: 'plain',
  extended: false,
  id: false,
  timestamp: false,
  ktimestamp: false,
  accounting: true,
  timestamps: false,
};
