/** A page that nobody looks at has its timers held back; those of a worker go on (FACTS.md). Message in: the period in ms. */
addEventListener('message', ({ data }: MessageEvent<number>) => {
  setInterval(() => postMessage(null), data);
});
