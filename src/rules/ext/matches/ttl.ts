import { hopLimitMatch } from '../parts/hop-limit.ts';

/** `-m ttl`: the time to live of IPv4. */
export const ttl = hopLimitMatch({
  name: 'ttl',
  family: 4,
  field: 'TTL',
  help: 'time to live',
  // Without the closing quote: so it is in iptables 1.8.9.
  missing: "TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt",
});
