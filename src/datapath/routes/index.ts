/**
 * routes: the kernel's routes, addresses and neighbours, read through `ip -j` and followed through
 * `ip monitor`. Reading is cold and asynchronous; a lookup is hot, allocates nothing and answers
 * from what was read last. Knows nothing of packets beyond their addresses.
 */
export { familyOf, parseWords } from './fill-table.ts';
export { type LinkJson, type NeighbourJson, parseIpJson, type RouteJson } from './ip-json.ts';
export { type IpRunner, KernelRoutes, type KernelRoutesOptions } from './kernel-routes.ts';
export { macWords, NeighbourTable } from './neighbours.ts';
