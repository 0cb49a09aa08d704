export const hostBench = {};
