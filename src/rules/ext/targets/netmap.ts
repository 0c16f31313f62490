import { formatWords, maskOfPrefix } from '../../address.ts';
import { Hook, type NatRange, type RuleContext, type VerdictCode } from '../../context.ts';
import { defineTarget, type TargetEvaluator } from '../../extension.ts';
import { shown } from '../../options.ts';
import { maskAddress, parsePrefix } from '../parts/target-address.ts';

/** `-j NETMAP`: one network onto another, host part for host part. */

interface NetmapValues {
  /** The network, host bits cleared. */
  address: readonly number[];
  length: number;
}

class NetmapEvaluator implements TargetEvaluator {
  private readonly address: readonly number[];
  private readonly mask: readonly number[];

  constructor({ address, length }: NetmapValues) {
    this.address = address;
    this.mask = maskOfPrefix(length, address.length === 1 ? 4 : 6);
  }

  /** Asked once for a connection, so that its range may be an object of its own. */
  apply(ctx: RuleContext): VerdictCode {
    const { hook, packet, actions } = ctx;
    // netmap_tg4: before routing the destination is mapped, behind it the source.
    if (hook === Hook.Prerouting || hook === Hook.Output) {
      const { dst0, dst1, dst2, dst3 } = packet;
      return actions.destinationNat(this.mapped([dst0, dst1, dst2, dst3]));
    }
    const { src0, src1, src2, src3 } = packet;
    return actions.sourceNat(this.mapped([src0, src1, src2, src3]));
  }

  private mapped(host: readonly number[]): NatRange {
    const { mask } = this;
    const address = this.address.map((word, i) => word | (host[i]! & ~mask[i]!));
    return {
      minAddress: address,
      maxAddress: address,
      minPort: 0,
      maxPort: 0,
      random: false,
      randomFully: false,
      persistent: false,
    };
  }
}

const formatNetwork = ({ address, length }: NetmapValues) => `${formatWords(address)}/${length}`;

export const netmap = defineTarget<NetmapValues>({
  name: 'NETMAP',
  tables: ['nat'],
  hooks: [Hook.Prerouting, Hook.Input, Hook.Output, Hook.Postrouting],
  options: [
    {
      name: 'to',
      args: 1,
      argument: 'ADDRESS[/MASK]',
      help: 'the network to map onto',
      required: true,
      set: (value, [text = ''], _negated, { family }) => {
        const { address, length } = parsePrefix('NETMAP', 'to', text, family);
        Object.assign(value, { address: maskAddress(address, length), length });
      },
      save: (value) => shown(formatNetwork(value)),
    },
  ],
  initial: () => ({ address: [], length: 0 }),
  list: (value) => `to:${formatNetwork(value)}`,
  evaluator: (value) => new NetmapEvaluator(value),
});
