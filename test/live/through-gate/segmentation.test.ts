import { throughGate } from './gate.ts';

throughGate(() => import('../segmentation.test.ts'));
