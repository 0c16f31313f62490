import { Proto } from '../../../wire/index.ts';
import { optionsHeaderMatch } from '../parts/ipv6-options.ts';

/** `-m dst`: the destination options header of IPv6. */
export const dst = optionsHeaderMatch({
  name: 'dst',
  header: Proto.DestOptions,
  what: 'destination options',
});
