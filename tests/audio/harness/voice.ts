export const voiceBench = {};
