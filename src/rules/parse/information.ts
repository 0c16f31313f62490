import type { Family } from '../model.ts';
import { findMatch, findProtocolMatch, findTarget } from '../registry.ts';
import { helpFor, type OptionHelp } from './help.ts';
import type { RuleState } from './rule-state.ts';

/**
 * A typed line asks for help or the version (-h, -V): nothing after it is read, and nothing is done.
 * Thrown only where `LineScope.isTyped`.
 */
export class InformationAsked extends Error {
  readonly what: 'help' | 'version';
  private readonly state: RuleState;
  private readonly family: Family;
  private readonly subject: string;

  constructor(what: 'help' | 'version', state: RuleState, family: Family, subject: string) {
    super(what);
    this.name = 'InformationAsked';
    this.what = what;
    this.state = state;
    this.family = family;
    this.subject = subject;
  }

  /** The whole text for standard output. `program`: iptables or ip6tables. */
  text(program: string, version: string): string {
    if (this.what === 'version') return `${program} ${version}\n`;
    return helpFor(program, version, this.subjects());
  }

  /** The extensions that the line named before -h, and the one named behind it. */
  private subjects(): OptionHelp[] {
    const { state, family } = this;
    const subjects: OptionHelp[] = state.matches.map((draft) => ({ kind: 'match', draft }));
    if (subjects.length === 0 && state.protocol !== null) {
      const match = findProtocolMatch(state.protocol.number, family);
      if (match !== null) subjects.push({ kind: 'match', draft: match.start() });
    }
    if (state.target !== null) subjects.push({ kind: 'target', draft: state.target });
    if (this.subject !== '') {
      const match = findMatch(this.subject, family);
      const target = findTarget(this.subject, family);
      if (match !== null) subjects.push({ kind: 'match', draft: match.start() });
      if (target !== null) subjects.push({ kind: 'target', draft: target.start() });
    }
    return subjects;
  }
}
