/** What a program cost, for readers above this layer. */
export type { ProgramCost } from '../bpf/info.ts';
