import { Proto } from '../../../wire/index.ts';
import { spiMatch } from '../parts/spi.ts';

/** `-m esp`: the security parameter index of ESP (RFC 4303 section 2). */
export const esp = spiMatch({
  name: 'esp',
  option: 'espspi',
  protocol: Proto.Esp,
  families: [4, 6],
  help: 'security parameter index, or a range of them',
  listedAlone: 'esp',
  headerLen: 8,
  spiAt: 0,
});
