/** The model and the place reach every component through context, so that a test or the gallery can hand in its own. */
import { createContext } from 'svelte';
import type { AppModel } from '../state/model.ts';
import type { Place } from './place.svelte.ts';

const [useModel, provideModel] = createContext<AppModel>();
const [usePlace, providePlace] = createContext<Place>();

export { provideModel, providePlace, useModel, usePlace };
