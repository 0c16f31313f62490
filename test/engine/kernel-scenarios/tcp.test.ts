/** Case 78 of the reference: the TCP scripts through gateways of both families, routed and masqueraded. */
import { playScript } from './play.ts';
import { tcpScripts } from './tcp-scripts.ts';

for (const [name, text] of Object.entries(tcpScripts)) {
  playScript(`case 78: ${name}`, text);
}
