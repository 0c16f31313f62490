import { Proto } from '../../../wire/index.ts';
import { Hook, type RuleContext, type VerdictCode } from '../../context.ts';
import { RuleFault } from '../../errors.ts';
import { defineTarget, type TargetEvaluator, type TargetExtension } from '../../extension.ts';
import type { Family } from '../../model.ts';
import { shown } from '../../options.ts';
import { refused } from '../parts/match-place.ts';

/** `-j REJECT`: drops, and answers with an ICMP error or a reset. */

/** Name and alias. A beginning of either will do. */
type RejectName = readonly [name: string, alias: string];

const kinds4: readonly RejectName[] = [
  ['icmp-net-unreachable', 'net-unreach'],
  ['icmp-host-unreachable', 'host-unreach'],
  ['icmp-proto-unreachable', 'proto-unreach'],
  ['icmp-port-unreachable', 'port-unreach'],
  ['icmp-net-prohibited', 'net-prohib'],
  ['icmp-host-prohibited', 'host-prohib'],
  ['tcp-reset', 'tcp-rst'],
  ['icmp-admin-prohibited', 'admin-prohib'],
];
const kinds6: readonly RejectName[] = [
  ['icmp6-no-route', 'no-route'],
  ['icmp6-adm-prohibited', 'adm-prohibited'],
  ['icmp6-addr-unreachable', 'addr-unreach'],
  ['icmp6-port-unreachable', 'port-unreach'],
  ['tcp-reset', 'tcp-reset'],
  ['icmp6-policy-fail', 'policy-fail'],
  ['icmp6-reject-route', 'reject-route'],
];

class RejectEvaluator implements TargetEvaluator {
  private readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  apply(ctx: RuleContext): VerdictCode {
    return ctx.actions.reject(this.kind);
  }
}

function rejectTarget(family: Family, kinds: readonly RejectName[], standard: string) {
  return defineTarget<{ kind: string }>({
    name: 'REJECT',
    families: [family],
    tables: ['filter'],
    hooks: [Hook.Input, Hook.Forward, Hook.Output],
    options: [
      {
        name: 'reject-with',
        args: 1,
        argument: 'TYPE',
        help: `the answer: ${kinds.map(([name]) => name).join(', ')}`,
        set: (value, [text = '']) => {
          const lower = text.toLowerCase();
          const found = kinds.find((names) => names.some((name) => name.startsWith(lower)));
          if (found === undefined) {
            throw new RuleFault('bad-value', `unknown reject type "${text}"`);
          }
          value.kind = found[0];
        },
        save: (value) => shown(value.kind),
      },
    ],
    initial: () => ({ kind: standard }),
    check: ({ kind }, rule) => {
      // A reset answers a TCP segment and nothing else (reject_tg_check).
      if (kind !== 'tcp-reset') return;
      if (rule.protocol?.number !== Proto.Tcp || rule.protocol.negated) {
        throw refused('REJECT: tcp-reset needs -p tcp');
      }
    },
    list: (value) => `reject-with ${value.kind}`,
    evaluator: (value) => new RejectEvaluator(value.kind),
  });
}

export const reject4: TargetExtension = rejectTarget(4, kinds4, 'icmp-port-unreachable');
export const reject6: TargetExtension = rejectTarget(6, kinds6, 'icmp6-port-unreachable');
