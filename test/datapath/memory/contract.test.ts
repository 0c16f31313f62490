import { Outcome } from '../../../src/engine/index.ts';
import { makeGateway } from '../../support/gateway.ts';
import { type ContractOutcome, datapathContract } from '../contract.ts';

const names: Readonly<Record<number, ContractOutcome>> = {
  [Outcome.Drop]: 'drop',
  [Outcome.Forward]: 'forward',
  [Outcome.Deliver]: 'deliver',
};

datapathContract('memory', ({ rules, interfaces }, inputs) => {
  const gateway = makeGateway({ rules, interfaces, defaultOut: '' });
  const outcomes: ContractOutcome[] = [];
  const datagrams: Uint8Array[] = [];
  for (const { interfaceName, frame, atSec = 0 } of inputs) {
    gateway.now(atSec);
    const left = gateway.inject(interfaceName, frame);
    outcomes.push(names[left.outcome]!);
    datagrams.push(...left.answers.map(({ datagram }) => datagram));
    if (left.seen !== null) datagrams.push(left.seen.datagram);
  }
  return { outcomes, datagrams };
});
