import { throughGate } from './gate.ts';

throughGate(() => import('../edit.test.ts'));
