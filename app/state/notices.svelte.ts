import type { Notice, NoticesModel } from './model.ts';

const SHOWN_MS = 6_000;
const SHOWN_AT_ONCE = 3;

interface Entry extends Notice {
  timer: ReturnType<typeof setTimeout> | null;
}

/** Short messages with at most one action; each goes by itself after six seconds, unless somebody is on it. */
export class Notices implements NoticesModel {
  #entries = $state.raw<readonly Entry[]>([]);
  #serial = 0;

  get list(): readonly Notice[] {
    return this.#entries;
  }

  info(text: string, action: Notice['action'] = null): void {
    this.#add('info', text, action);
  }

  problem(text: string, action: Notice['action'] = null): void {
    this.#add('problem', text, action);
  }

  dismiss(id: string): void {
    this.#stop(id);
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
  }

  hold(id: string): void {
    this.#stop(id);
  }

  release(id: string): void {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (entry && entry.timer === null) entry.timer = setTimeout(() => this.dismiss(id), SHOWN_MS);
  }

  close(): void {
    for (const entry of this.#entries) this.#stop(entry.id);
    this.#entries = [];
  }

  #add(kind: Notice['kind'], text: string, action: Notice['action']): void {
    const id = `notice-${++this.#serial}`;
    const wrapped = action && {
      label: action.label,
      run: () => {
        action.run();
        this.dismiss(id);
      },
    };
    const same = this.#entries.find((entry) => entry.text === text && !entry.action && !action);
    if (same) this.dismiss(same.id);
    const entry: Entry = { id, kind, text, action: wrapped, timer: null };
    for (const old of this.#entries.slice(0, Math.max(0, this.#entries.length + 1 - SHOWN_AT_ONCE)))
      this.dismiss(old.id);
    this.#entries = [...this.#entries, entry];
    this.release(id);
  }

  #stop(id: string): void {
    const entry = this.#entries.find((candidate) => candidate.id === id);
    if (entry?.timer != null) clearTimeout(entry.timer);
    if (entry) entry.timer = null;
  }
}
