/** `?state=<name>&theme=dark|light`: the app in one state. */
import { mount } from 'svelte';
import App from '../../app/ui/App.svelte';
import { asked, createGalleryModel } from './model.svelte.ts';
import { STATES } from './states.ts';

declare global {
  interface Window {
    /** What the controls asked the model for, oldest first. */
    asked: string[];
  }
}

const wanted = new URLSearchParams(location.search);
const name = wanted.get('state') ?? 'now';
const theme = wanted.get('theme');
const state = STATES[name];
const target = document.querySelector('#app');
if (!state || !target) throw new Error(`no such state: ${name}`);

const model = createGalleryModel();
state.set(model);
if (theme === 'dark' || theme === 'light') model.device.theme = theme;
if (state.dir) document.documentElement.dir = state.dir;
history.replaceState({ place: state.place }, '');
window.asked = asked;
mount(App, { target, props: { model } });
