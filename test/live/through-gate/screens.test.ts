import { throughGate } from './gate.ts';

throughGate(() => import('../screens.test.ts'));
