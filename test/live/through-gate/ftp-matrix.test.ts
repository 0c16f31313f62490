import { throughGate } from './gate.ts';

throughGate(() => import('../ftp-matrix.test.ts'));
