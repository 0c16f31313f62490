import { throughGate } from './gate.ts';

throughGate(() => import('../cli.test.ts'));
