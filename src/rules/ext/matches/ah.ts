import { Proto } from '../../../wire/index.ts';
import { spiMatch } from '../parts/spi.ts';

/** `-m ah` of IPv4: the security parameter index of AH (RFC 4302 section 2). */
export const ah = spiMatch({
  name: 'ah',
  option: 'ahspi',
  protocol: Proto.Ah,
  families: [4],
  help: 'security parameter index, or a range of them',
  listedAlone: 'ah ',
  headerLen: 12,
  spiAt: 4,
});
