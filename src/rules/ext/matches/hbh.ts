import { Proto } from '../../../wire/index.ts';
import { optionsHeaderMatch } from '../parts/ipv6-options.ts';

/** `-m hbh`: the hop-by-hop options header of IPv6. */
export const hbh = optionsHeaderMatch({
  name: 'hbh',
  header: Proto.HopByHop,
  what: 'hop-by-hop options',
});
