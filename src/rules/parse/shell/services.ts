import { RuleFault } from '../../errors.ts';
import type { Invocation } from './builtins.ts';
import { baseName } from './names.ts';
import type { Argument } from './simple.ts';
import { type Status, WAY_OUT } from './unknown.ts';

/** `service iptables save`, `/etc/init.d/ip6tables restart`, `systemctl restart netfilter-persistent`. */

const ruleService =
  /^(ip6?tables|netfilter-persistent|iptables-persistent|shorewall6?|ufw|firewalld|nftables)(\.service)?$/;

export function service(call: Invocation, name: Argument, action: string): Status {
  const { state, program } = call;
  if (!ruleService.test(baseName(name.text))) {
    return /^(status|is-active|is-enabled)$/.test(action)
      ? state.unknown('command', `the state of \`${name.text}'`, program.at)
      : 0;
  }
  const { ruleSet } = state.unit.source;
  const empty = ruleSet
    .allTables()
    .every((table) => [...table.chains.values()].every((c) => c.rules.length === 0));
  if (action === 'save') state.saved = true;
  const replaces = /^(restart|start|reload|force-reload|try-restart|condrestart)$/.test(action);
  const clears = /^(stop|flush|panic)$/.test(action);
  const keeps = name.text !== 'firewalld' && name.text !== 'ufw' && replaces && state.saved;
  const shown = `${baseName(program.text)} ${call.words.map(({ text }) => text).join(' ')}`.trim();
  if ((replaces && !keeps) || (clears && !empty)) {
    const message = `\`${shown}' replaces the rules by others that are not known here`;
    throw new RuleFault('not-understood', message, WAY_OUT, state.position(program.at));
  }
  const words = `\`${program.text}' has no effect here: the rules are read from this file`;
  state.warn(words, program.at);
  return 0;
}
