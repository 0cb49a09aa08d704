/** What the sound tests may do in the page: thin handles on the real modules, and results as plain numbers. */
import { decodeBench } from './decode.ts';
import { hostBench } from './host.ts';
import { outputBench } from './output.ts';
import { playerBench } from './player.ts';
import { roomBench } from './room.ts';
import { voiceBench } from './voice.ts';

const sound = { ...decodeBench, ...playerBench, ...roomBench, ...outputBench, ...hostBench, ...voiceBench };

declare global {
  interface Window {
    sound: typeof sound;
  }
}
window.sound = sound;
