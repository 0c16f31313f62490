import { RuleFault } from '../../errors.ts';
import { defineMatch } from '../../extension.ts';
import { shown } from '../../options.ts';
import { FixedAnswer } from '../parts/fixed-answer.ts';
import { hexDigits, MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-m cluster`: which node of a cluster of gateways a connection falls to. */

interface ClusterValues {
  total: number;
  nodeMask: number;
  negated: boolean;
  seed: number;
}

const MAX_NODES = 32;

const fault = (words: string) => new RuleFault('bad-value', `cluster match: ${words}`);

export const cluster = defineMatch<ClusterValues>({
  name: 'cluster',
  options: [
    {
      name: 'cluster-local-nodemask',
      args: 1,
      argument: 'MASK',
      help: 'the nodes whose part this one takes, a bit for each',
      negatable: true,
      set: (value, [text = ''], negated) => {
        const nodeMask = readNumber('cluster', 'cluster-local-nodemask', text, MAX_NODES, 1);
        Object.assign(value, { nodeMask, negated });
      },
      save: ({ nodeMask, negated }) => shown(hexDigits(nodeMask, 8), negated),
    },
    {
      name: 'cluster-total-nodes',
      required: true,
      args: 1,
      argument: 'NUMBER',
      help: 'how many nodes there are, 1 to 32',
      set: (value, [text = '']) => {
        value.total = readNumber('cluster', 'cluster-total-nodes', text, MAX_NODES, 1);
      },
      save: ({ total }) => shown(String(total)),
    },
    {
      name: 'cluster-local-node',
      args: 1,
      excludes: ['cluster-local-nodemask'],
      argument: 'NUMBER',
      help: 'number of this node, from 1',
      negatable: true,
      set: (value, [text = ''], negated) => {
        const node = readNumber('cluster', 'cluster-local-node', text, MAX_NODES, 1);
        Object.assign(value, { nodeMask: (1 << (node - 1)) >>> 0, negated });
      },
    },
    {
      name: 'cluster-hash-seed',
      required: true,
      args: 1,
      argument: 'NUMBER',
      help: 'the seed that all nodes share',
      set: (value, [text = '']) => {
        value.seed = readNumber('cluster', 'cluster-hash-seed', text, MAX_UINT32);
      },
      save: ({ seed }) => shown(hexDigits(seed, 8)),
    },
  ],
  initial: () => ({ total: 0, nodeMask: 0, negated: false, seed: 0 }),
  finish: ({ total, nodeMask }, _scope, given) => {
    const isMissing = (name: string) => !given.has(name);
    if (isMissing('cluster-local-node') && isMissing('cluster-local-nodemask')) {
      throw fault("`--cluster-local-node' or`--cluster-local-nodemask' is missing");
    }
    if (['cluster-total-nodes', 'cluster-hash-seed'].some(isMissing)) return;
    if (nodeMask < 2 ** total) return;
    throw isMissing('cluster-local-node')
      ? fault("`--cluster-local-nodemask' too big for `--cluster-total-nodes'")
      : fault("`--cluster-local-node' must be <= `--cluster-total-nodes'");
  },
  list: ({ total, nodeMask, negated, seed }) =>
    `cluster ${negated ? '!' : ''}node_mask=${hexDigits(nodeMask, 8)} total_nodes=${total} hash_seed=${hexDigits(seed, 8)}`,
  unenforced: () =>
    'this gateway shares its connections with no other node: every packet is its own',
  steady: true,
  evaluator: ({ negated }) => new FixedAnswer(!negated),
});
