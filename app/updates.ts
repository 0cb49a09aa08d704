/**
 * The worker that makes the app start without a network, and new versions of it. A new one waits until somebody asks for it: it
 * becomes every open tab's at once, and takes away what the version before had not loaded yet.
 */
import { Workbox } from 'workbox-window';

export interface UpdatesOptions {
  /** A new version waits. */
  onReady: () => void;
  /** Another tab took a new version on; this one still runs the old, of which nothing more can be loaded. */
  onElsewhere: () => void;
  onProblem: (text: string) => void;
}

/** `apply` takes the newest version on and reloads; also where the new one was taken on elsewhere. */
export function offerUpdates({ onReady, onElsewhere, onProblem }: UpdatesOptions): {
  apply(): Promise<void>;
} {
  const container = navigator.serviceWorker;
  const workbox = new Workbox('/sw.js');
  let { controller } = container;
  let asked = false;
  let isElsewhere = false;

  workbox.addEventListener('waiting', onReady);
  // What another tab, or the browser by itself, has fetched is told like this.
  workbox.addEventListener('installed', (event) => {
    if (event.isUpdate === true || event.isExternal === true) onReady();
  });
  container.addEventListener('controllerchange', () => {
    // The page of a first visit gets its first one: of its own version.
    if (controller !== null) {
      isElsewhere = true;
      if (!asked) onElsewhere();
    }
    controller = container.controller;
  });
  workbox
    .register()
    .catch(() =>
      onProblem('This device will not open the room offline: its certificate is not trusted here.'),
    );

  function take(registration: ServiceWorkerRegistration, next: ServiceWorker): void {
    const look = (): void => {
      if (next.state === 'installed') next.postMessage({ type: 'SKIP_WAITING' });
      if (next.state === 'activated') location.reload();
      if (next.state !== 'redundant') return;
      next.removeEventListener('statechange', look);
      // Not all of it could be fetched, or one that is newer still took its place.
      if (registration.waiting) return take(registration, registration.waiting);
      if (isElsewhere) return location.reload();
      asked = false;
      onProblem('The new version did not arrive whole, so this one goes on. Try again near the node.');
    };
    next.addEventListener('statechange', look);
    look();
  }

  return {
    async apply() {
      asked = true;
      const registration = await container.getRegistration();
      // The node may have a newer app than the one that was offered, or that nobody has looked for yet.
      await registration?.update().catch(() => undefined);
      const next = registration?.installing ?? registration?.waiting;
      if (registration && next) take(registration, next);
      else location.reload();
    },
  };
}
