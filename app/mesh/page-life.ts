/** What happens to the page that the mesh lives in (Page Lifecycle, W3C; pagehide and pageshow, HTML Standard). */
export interface PageEvents {
  /** True: nobody looks, and the system may stop this page at any moment without a word. */
  onSleeping(sleeping: boolean): void;
  /** It runs again, or the network has changed: connections may be dead without knowing it. */
  onWake(): void;
  /** It goes for good. */
  onLeave(): void;
}

/** Returns how to stop watching. */
export type WatchPage = (events: PageEvents) => () => void;

export const watchPage: WatchPage = ({ onSleeping, onWake, onLeave }) => {
  const abort = new AbortController();
  const { signal } = abort;
  const isHidden = (): boolean => document.visibilityState === 'hidden';
  const look = (): void => {
    onSleeping(isHidden());
    if (!isHidden()) onWake();
  };
  document.addEventListener('visibilitychange', look, { signal });
  document.addEventListener('freeze', () => onSleeping(true), { signal });
  document.addEventListener('resume', look, { signal });
  addEventListener('pageshow', (event) => event.persisted && look(), { signal });
  addEventListener('online', onWake, { signal });
  addEventListener('pagehide', (event) => (event.persisted ? onSleeping(true) : onLeave()), { signal });
  onSleeping(isHidden());
  return () => abort.abort();
};
