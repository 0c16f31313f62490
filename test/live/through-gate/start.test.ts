import { throughGate } from './gate.ts';

throughGate(() => import('../start.test.ts'));
