/** good: as it should be. note: works, but worth knowing. bad: something cannot run. */
export type FindingState = 'good' | 'note' | 'bad';

/** One thing that was looked at. */
export interface Finding {
  readonly state: FindingState;
  /** In a word or two: "kernel", "koffi", "wan0 lro". */
  readonly subject: string;
  /** What was found, as half a sentence. */
  readonly found: string;
  /** What mends it: a command or a sentence; '' where there is nothing to mend. */
  readonly mend: string;
  /** Which datapaths cannot run where the state is bad. */
  readonly stops: readonly ('gate' | 'capture')[];
}

export function good(subject: string, found: string): Finding {
  return { state: 'good', subject, found, mend: '', stops: [] };
}

export function note(subject: string, found: string, mend = ''): Finding {
  return { state: 'note', subject, found, mend, stops: [] };
}

export function bad(
  subject: string,
  found: string,
  mend: string,
  ...stops: ('gate' | 'capture')[]
): Finding {
  return { state: 'bad', subject, found, mend, stops };
}
