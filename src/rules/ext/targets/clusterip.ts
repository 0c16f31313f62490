import { Hook } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget } from '../../extension.ts';
import type { Rule } from '../../model.ts';
import { type OptionSpec, shown } from '../../options.ts';
import { goOn } from '../parts/fixed-verdict.ts';
import { refused } from '../parts/match-place.ts';
import { MAX_UINT32, readNumber } from '../parts/option-values.ts';

/** `-j CLUSTERIP`: one address shared by several nodes. Not enforced; kernels since 6.3 dropped it. */

interface ClusterValues {
  isNew: boolean;
  hashMode: string | null;
  mac: readonly number[] | null;
  totalNodes: number | null;
  localNode: number | null;
  hashInit: number | null;
}

const hashModes = ['sourceip', 'sourceip-sourceport', 'sourceip-sourceport-destport'];

function parseMac(text: string): readonly number[] {
  const parts = text.split(':');
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-fA-F]{1,2}$/.test(part))) {
    throw new RuleFault('bad-value', 'Invalid MAC address specified.');
  }
  const mac = parts.map((part) => Number.parseInt(part, 16));
  if ((mac[0]! & 1) === 0) {
    throw new RuleFault('bad-value', 'MAC has to be a multicast ethernet address');
  }
  return mac;
}

const formatMac = (mac: readonly number[]) =>
  mac.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(':');

function numberOption(
  name: string,
  field: 'totalNodes' | 'localNode' | 'hashInit',
  max: number,
  help: string,
): OptionSpec<ClusterValues> {
  return {
    name,
    args: 1,
    argument: 'NUMBER',
    help,
    set: (values, [text = '']) => {
      values[field] = readNumber('CLUSTERIP', name, text, max);
    },
    save: (values) => (values.isNew ? shown(String(values[field] ?? 0)) : null),
  };
}

function refuseParts(values: ClusterValues): void {
  const { isNew, hashMode, mac, totalNodes, localNode, hashInit } = values;
  const parts = [hashMode, mac, totalNodes, localNode];
  const isWhole = isNew && parts.every((part) => part !== null);
  const isEmpty = !isNew && [...parts, hashInit].every((part) => part === null);
  if (isWhole || isEmpty) return;
  throw new RuleFault('missing-option', 'CLUSTERIP target: Invalid parameter combination');
}

/** clusterip_tg_check: one address, an interface, and a node of the cluster. */
function checkCluster({ isNew, totalNodes, localNode }: ClusterValues, rule: Rule): void {
  const refuse = (detail: string): never => {
    throw refused(`CLUSTERIP needs ${detail}`);
  };
  const { destination, inInterface } = rule;
  if (destination === null || destination.mask[0] !== -1) refuse('a -d of one address');
  if (!isNew) return;
  if (inInterface === null) refuse('an -i');
  const node = localNode ?? 0;
  if (node < 1 || node > (totalNodes ?? 0)) refuse('a --local-node of 1 to --total-nodes');
}

export const clusterip = defineTarget<ClusterValues>({
  name: 'CLUSTERIP',
  families: [4],
  hooks: [Hook.Input],
  options: [
    {
      name: 'new',
      args: 0,
      help: 'begin a cluster',
      set: (values) => {
        values.isNew = true;
      },
      save: ({ isNew }) => (isNew ? shown('') : null),
    },
    {
      name: 'hashmode',
      args: 1,
      argument: 'MODE',
      help: `what is hashed: ${hashModes.join(', ')}`,
      set: (values, [text = '']) => {
        if (!hashModes.includes(text)) {
          throw new RuleFault('bad-value', `Unknown hashmode "${text}"`);
        }
        values.hashMode = text;
      },
      save: ({ isNew, hashMode }) => (isNew ? shown(hashMode ?? '') : null),
    },
    {
      name: 'clustermac',
      args: 1,
      argument: 'MAC',
      help: 'multicast hardware address of the cluster',
      set: (values, [text = '']) => {
        values.mac = parseMac(text);
      },
      save: ({ isNew, mac }) => (isNew ? shown(formatMac(mac ?? [])) : null),
    },
    numberOption('total-nodes', 'totalNodes', 16, 'number of nodes'),
    numberOption('local-node', 'localNode', 16, 'number of this node'),
    numberOption('hash-init', 'hashInit', MAX_UINT32, 'start value of the hash'),
  ],
  initial: () => ({
    isNew: false,
    hashMode: null,
    mac: null,
    totalNodes: null,
    localNode: null,
    hashInit: null,
  }),
  finish: refuseParts,
  check: checkCluster,
  list: ({ isNew, hashMode, mac, totalNodes, localNode, hashInit }) => {
    if (!isNew) return 'CLUSTERIP';
    const nodes = `total_nodes=${totalNodes} local_node=${localNode} hash_init=${hashInit ?? 0}`;
    return `CLUSTERIP hashmode=${hashMode} clustermac=${formatMac(mac ?? [])} ${nodes}`;
  },
  unenforced: () => 'addresses are not shared by a cluster here: the next rule is asked',
  evaluator: () => goOn,
});
