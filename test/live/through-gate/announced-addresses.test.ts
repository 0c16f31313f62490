import { throughGate } from './gate.ts';

throughGate(() => import('../announced-addresses.test.ts'));
