import { type Printed, shown } from '../../options.ts';
import { formatRange, isWholeRange, type NumberRange } from './option-values.ts';

/** A range of numbers with or without `!`, as esp, ah, frag and rt ask for. */
export interface NumberCondition extends NumberRange {
  readonly negated: boolean;
}

/** What iptables-save prints: nothing for a range that holds everything, unless it is negated. */
export function saveCondition(condition: NumberCondition | null, limit: number): Printed | null {
  if (condition === null || (isWholeRange(condition, limit) && !condition.negated)) return null;
  return shown(formatRange(condition), condition.negated);
}

/** `spi:5`, `spis:!1:10` of -L; '' where there is nothing to say. */
export function listCondition(
  label: string,
  condition: NumberCondition | null,
  limit: number,
): string {
  if (condition === null || (isWholeRange(condition, limit) && !condition.negated)) return '';
  const plural = condition.min === condition.max ? '' : 's';
  return `${label}${plural}:${condition.negated ? '!' : ''}${formatRange(condition)}`;
}

/** A number condition ready to be asked. */
export class NumberTest {
  private readonly min: number;
  private readonly max: number;
  private readonly negated: boolean;

  /** null holds for every number. */
  constructor(condition: NumberCondition | null) {
    this.min = condition?.min ?? 0;
    this.max = condition?.max ?? Number.MAX_SAFE_INTEGER;
    this.negated = condition?.negated ?? false;
  }

  /** `value` is unsigned. */
  holds(value: number): boolean {
    return (value >= this.min && value <= this.max) !== this.negated;
  }
}
