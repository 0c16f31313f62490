import { listAddressMatch } from '../address.ts';
import type { ListView } from '../extension.ts';
import type { InterfaceMatch, Rule } from '../model.ts';
import { protocolName } from '../protocols.ts';
import { systemServices } from '../services.ts';

/** The line iptables -v shows of a rule it is about to add, look for or delete, with its newline. */
export function echoRule(rule: Rule): string {
  const view: ListView = { numeric: true, services: systemServices(), family: rule.family };
  const { protocol, jump } = rule;
  const name = protocol === null ? 'all' : protocolName(protocol.number);
  const ends =
    `in ${interfaceText(rule.inInterface)} out ${interfaceText(rule.outInterface)} ` +
    `${addressText(rule, view)} ${rule.destination?.negated ? '!' : ' '}-> ` +
    listAddressMatch(rule.destination, true, rule.family);
  let words = rule.matches.map((match) => match.listText(view)).join('');
  if (jump.kind === 'chain' && jump.goto) words = `[goto] ${words}`;
  if (jump.kind === 'target') words += jump.target.listText(view);
  const head = `${targetName(rule)} ${protocol?.negated ? '!' : ' '}${name}`;
  return `${head} opt ${fragmentText(rule)} ${ends}  ${words}\n`;
}

function targetName({ jump }: Rule): string {
  if (jump.kind === 'none') return '';
  if (jump.kind === 'chain') return jump.chain;
  return jump.kind === 'verdict' ? jump.verdict : jump.target.listName;
}

function fragmentText({ fragment }: Rule): string {
  if (fragment === null) return '--';
  return fragment === 'none' ? '!f' : '-f';
}

function interfaceText(match: InterfaceMatch | null): string {
  if (match === null || (match.name === '' && !match.negated)) return '*';
  return `${match.negated ? '!' : ''}${match.name}${match.wildcard ? '+' : ''}`;
}

function addressText({ source }: Rule, view: ListView): string {
  return `${source?.negated ? '!' : ' '}${listAddressMatch(source, true, view.family)}`;
}
