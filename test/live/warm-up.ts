import type { Agent } from './agent.ts';
import type { Daemon } from './daemon.ts';
import { untilTrue } from './until.ts';

/**
 * Sends datagrams to port 10 of the gateway until the policy of INPUT has counted one from each
 * side: neighbours are resolved then, and what follows is counted from a settled state.
 */
export async function warmUp(
  daemon: Daemon,
  sides: readonly (readonly [agent: Agent, gatewayAddress: string])[],
): Promise<void> {
  for (const [agent, host] of sides) {
    const before = await policyPackets(daemon);
    const socket = await agent.udp({});
    await untilTrue(`a frame for ${host}`, async () => {
      await agent.sendTo(socket, host, 10, 'x');
      return (await policyPackets(daemon)) > before;
    });
    await agent.close(socket);
  }
}

/** Packets that the policy of INPUT decided about. */
async function policyPackets(daemon: Daemon): Promise<number> {
  const [policy = ''] = (await daemon.show('iptables', '-S', 'INPUT', '-v')).split('\n');
  return Number(/-c (\d+) /.exec(policy)?.[1]);
}
