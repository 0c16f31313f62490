import { formatAddressMatch, isAnyAddress } from '../address.ts';
import type { AddressMatch, InterfaceMatch, Rule } from '../model.ts';
import { protocolName } from '../protocols.ts';

/** One rule as text, in the normal form of iptables-save, without chain. */

function addressText(option: string, match: AddressMatch | null): string {
  if (match === null || (isAnyAddress(match) && !match.negated)) return '';
  return `${match.negated ? ' !' : ''} ${option} ${formatAddressMatch(match)}`;
}

function interfaceText(option: string, match: InterfaceMatch | null): string {
  // `-i +` is any interface, and iptables shows it neither plain nor with `!`.
  if (match === null || match.name === '') return '';
  const name = `${match.name}${match.wildcard ? '+' : ''}`;
  return `${match.negated ? ' !' : ''} ${option} ${name}`;
}

/** What a rule matches, each part with a blank before it. */
function conditions(rule: Rule): string {
  let text = addressText('-s', rule.source) + addressText('-d', rule.destination);
  text += interfaceText('-i', rule.inInterface) + interfaceText('-o', rule.outInterface);
  const { protocol } = rule;
  if (protocol !== null) {
    text += `${protocol.negated ? ' !' : ''} -p ${protocolName(protocol.number)}`;
  }
  if (rule.fragment !== null) text += rule.fragment === 'none' ? ' ! -f' : ' -f';
  for (const match of rule.matches) text += ` -m ${match.name}${match.saveText()}`;
  return text;
}

function jumpText(rule: Rule): string {
  const { jump } = rule;
  switch (jump.kind) {
    case 'none':
      return '';
    case 'verdict':
      return ` -j ${jump.verdict}`;
    case 'chain':
      return ` ${jump.goto ? '-g' : '-j'} ${jump.chain}`;
    case 'target':
      return ` -j ${jump.target.name}${jump.target.saveText()}`;
  }
}

/** `-s 10.0.0.0/8 -p tcp -j ACCEPT` with a leading blank; '' for a rule that says nothing. */
export function ruleSpec(rule: Rule): string {
  return conditions(rule) + jumpText(rule);
}

/** As `ruleSpec`, with `-c PACKETS BYTES` where iptables -v -S has it. */
export function ruleSpecWithCounters(rule: Rule, packets: number, bytes: number): string {
  return `${conditions(rule)} -c ${packets} ${bytes}${jumpText(rule)}`;
}
