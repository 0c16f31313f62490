import { hopLimitMatch } from '../parts/hop-limit.ts';

/** `-m hl`: the hop limit of IPv6. */
export const hl = hopLimitMatch({
  name: 'hl',
  family: 6,
  field: 'HL',
  help: 'hop limit',
  missing: "HL match: You must specify one of `--hl-eq', `--hl-lt', `--hl-gt'",
});
