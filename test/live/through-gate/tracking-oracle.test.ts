import { throughGate } from './gate.ts';

throughGate(() => import('../gate-oracle.ts'));
