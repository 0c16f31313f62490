import { throughGate } from './gate.ts';

throughGate(() => import('../bounce.test.ts'));
