import { throughGate } from './gate.ts';

throughGate(() => import('../conntrack-transfers.test.ts'));
