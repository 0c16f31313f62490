import type { RuleContext } from '../../context.ts';
import type { MatchEvaluator } from '../../extension.ts';

/** Of a match whose question has one answer here for every packet. */
export class FixedAnswer implements MatchEvaluator {
  private readonly answer: boolean;

  constructor(answer: boolean) {
    this.answer = answer;
  }

  matches(_ctx: RuleContext): boolean {
    return this.answer;
  }
}
