import { throughGate } from './gate.ts';

throughGate(() => import('../retransmission.test.ts'));
