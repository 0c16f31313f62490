import { throughGate } from './gate.ts';

throughGate(() => import('../closing.test.ts'));
