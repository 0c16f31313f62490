import type { Table } from '../model.ts';
import { echoRule } from '../print/echo.ts';
import type { Command } from './command.ts';

/**
 * What iptables -v says of a command, before it is carried out: the rule it describes, or the chains
 * it goes through. '' where there is nothing to say.
 */
export function echoCommand(table: Table, command: Command): string {
  switch (command.kind) {
    case 'flush':
      return chainLines('Flushing', chosen(table, command));
    case 'zero':
      return command.number > 0 ? '' : chainLines('Zeroing', chosen(table, command));
    case 'delete-chain':
      return chainLines('Deleting', doomed(table, command));
    default:
      return command.rules.map(echoRule).join('');
  }
}

/** As -v of `-L -Z` and `-S -Z`, whose listing stands before. */
export function echoZero(table: Table, command: Command): string {
  return chainLines('Zeroing', chosen(table, command));
}

function chainLines(what: string, names: readonly string[]): string {
  return names.map((name) => `${what} chain \`${name}'\n`).join('');
}

function chosen(table: Table, command: Command): string[] {
  return command.isChainGiven ? [command.chain] : table.sortedChains().map(({ name }) => name);
}

/** The chains that -X tries: all user chains, whether they can go or not. */
function doomed(table: Table, command: Command): string[] {
  if (command.isChainGiven) return [command.chain];
  const users = table.sortedChains().filter((chain) => chain.hook < 0);
  return users.map(({ name }) => name);
}
