import { throughGate } from './gate.ts';

throughGate(() => import('../attacks.test.ts'));
