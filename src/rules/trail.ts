/**
 * What the walks of one packet through the rules leave behind for whoever wants to forward the rest
 * of its connection without them: whether every later packet would fare the same, and which rows
 * counted it. Hot: one object for all packets, nothing is allocated.
 *
 * "Later" are the plain packets of the same direction of the same connection, for as long as the
 * rules, routes and addresses stay: same tuple, same way in and out, state ESTABLISHED, whole, to the
 * MAC address of this host, without IP options and extension headers, and in TCP with ACK and without
 * SYN, FIN, RST and URG. All else about them may differ, and so may the time. The packet that is
 * walked must itself be such a one; whoever reads the trail sees to that. What holds for them holds for
 * those with FIN where `CompiledRules.takeFinsAlike` says so.
 *
 * Why a steady walk holds for them, in short: what rules read is fixed for such packets (addresses,
 * ports, interfaces, states), or changed by this same walk alone (marks, labels), which is why a
 * target that changed a connection lets no walk be steady; all else makes its row unsteady, met or
 * not, unless a steady condition of the row fails, which it then does for good. By induction over the
 * rows, each later packet meets the same ones with the same outcome.
 */

/** Of a number in `rows`: the row; above it, the place of its table in `CompiledRules`. */
export const ROW_BITS = 26;
const ROW_MASK = (1 << ROW_BITS) - 1;

export const rowOf = (entry: number) => entry & ROW_MASK;
export const placeOf = (entry: number) => entry >>> ROW_BITS;

/** A packet counts in a few rows of each table; where it is more, its flow stays in the engine. */
const MAX_ROWS = 256;

export class RuleTrail {
  /**
   * The packet is an imagined one: its walks count nowhere and change nothing. They end as soon as
   * that is impossible, and are not steady then.
   */
  readonly isRehearsal: boolean;
  /** Whether every later plain packet gets the same verdicts, effects and counters. */
  steady = true;
  /** How many rows counted the packet, and these rows in order. */
  count = 0;
  readonly rows = new Int32Array(MAX_ROWS);
  private place = 0;

  constructor(isRehearsal = false) {
    this.isRehearsal = isRehearsal;
  }

  /** To be called for each packet, before its first walk. */
  begin(): void {
    this.steady = true;
    this.count = 0;
  }

  /** A walk through the table at a place of `CompiledRules` begins. */
  enter(place: number): void {
    this.place = place << ROW_BITS;
  }

  /** A row counted the packet; `unsteadyTarget` 1: and will do what later packets may not meet so. */
  counted(row: number, unsteadyTarget: number): void {
    if (unsteadyTarget !== 0) this.steady = false;
    if (this.count === MAX_ROWS) {
      this.steady = false;
      return;
    }
    this.rows[this.count++] = this.place | row;
  }

  /**
   * Later packets may fare differently: at the row in hand, or because this one is no measure for them,
   * having been the first to change its connection, or no plain one.
   */
  disturb(): void {
    this.steady = false;
  }
}
