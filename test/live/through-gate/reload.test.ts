import { throughGate } from './gate.ts';

throughGate(() => import('../reload.test.ts'));
