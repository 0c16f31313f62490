import { liveContract } from '../live-contract/contract.ts';

await liveContract('capture');
