import type { AddressMatch, InterfaceMatch, ProtocolMatch } from '../model.ts';
import type { PortRange } from '../numbers.ts';
import { isAny, isAnyInterface, type RuleFacts } from './facts.ts';

/** True where every packet that `later` matches is one that `earlier` matches; false in doubt. */
export function covers(earlier: RuleFacts, later: RuleFacts): boolean {
  const { rule: a } = earlier;
  const { rule: b } = later;
  return (
    earlier.pure &&
    coversProtocol(a.protocol, b.protocol) &&
    coversAddress(a.source, b.source) &&
    coversAddress(a.destination, b.destination) &&
    coversInterface(a.inInterface, b.inInterface) &&
    coversInterface(a.outInterface, b.outInterface) &&
    (a.fragment === null || a.fragment === b.fragment) &&
    (!earlier.needsHeader || later.needsHeader) &&
    coversStates(earlier.states, later.states) &&
    coversPorts(earlier.destinationPorts, later.destinationPorts) &&
    coversPorts(earlier.sourcePorts, later.sourcePorts) &&
    earlier.others.every((text) => later.others.includes(text))
  );
}

function coversProtocol(a: ProtocolMatch | null, b: ProtocolMatch | null): boolean {
  if (a === null) return true;
  if (b === null) return false;
  if (a.negated === b.negated) return a.number === b.number;
  return a.negated && a.number !== b.number;
}

function coversAddress(a: AddressMatch | null, b: AddressMatch | null): boolean {
  if (isAny(a) || a === null) return true;
  if (b === null) return false;
  if (a.negated !== b.negated) return false;
  const inside = (outer: AddressMatch, inner: AddressMatch) =>
    outer.mask.every(
      (mask, i) =>
        (inner.mask[i]! & mask) === mask && (inner.address[i]! & mask) === outer.address[i]!,
    );
  // What is outside the larger network is outside the smaller one.
  return a.negated ? inside(b, a) : inside(a, b);
}

function coversInterface(a: InterfaceMatch | null, b: InterfaceMatch | null): boolean {
  if (isAnyInterface(a) || a === null) return true;
  if (b === null || a.negated !== b.negated) return false;
  if (a.name === b.name && a.wildcard === b.wildcard) return true;
  return !a.negated && a.wildcard && b.name.startsWith(a.name);
}

function coversStates(a: number | null, b: number | null): boolean {
  return a === null || (b !== null && (b & ~a) === 0);
}

function coversPorts(a: readonly PortRange[] | null, b: readonly PortRange[] | null): boolean {
  if (a === null) return true;
  if (b === null) return false;
  return b.every((inner) => a.some((outer) => inner.min >= outer.min && inner.max <= outer.max));
}
