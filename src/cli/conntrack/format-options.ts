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
  /** `-o labels`, and wherever a label was named: the labels that are set. */
  labels: boolean;
  /** The name of a label; null for one that has none, which is not shown. */
  labelName: (label: number) => string | null;
}

/** What is shown without any `-o`. */
export const defaultFormat: Readonly<FormatOptions> = {
  format: 'plain',
  extended: false,
  id: false,
  timestamp: false,
  ktimestamp: false,
  labels: false,
  labelName: () => null,
};
