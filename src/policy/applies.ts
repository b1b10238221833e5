/** True when a policy guards a workload. */
export { appliesTo as applies } from '../config/applies.ts';
