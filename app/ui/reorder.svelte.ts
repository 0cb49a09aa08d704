/** Moving a row of the queue by pointer or by keys: what is lifted, and where every row stands meanwhile. */
export interface Lifted {
  itemId: string;
  /** Index at which it would land now. */
  to: number;
  /** Pointer drags: pixels from the list's top to the row's top; keys: null, the row stands at `to`. */
  topPx: number | null;
}

/** `rows` yields the queue's item ids as they stand now: somebody else may edit them in the middle of a drag. */
export class Reorder {
  #ids: () => readonly string[];
  #held = $state.raw<Lifted | null>(null);
  /** Where the lifted row stands in the queue; -1 when nothing is lifted, or it was removed meanwhile. */
  readonly from: number = $derived.by(() => (this.#held ? this.#ids().indexOf(this.#held.itemId) : -1));
  readonly lifted: Lifted | null = $derived(this.from < 0 ? null : this.#held);

  constructor(ids: () => readonly string[]) {
    this.#ids = ids;
  }

  lift(itemId: string, at: number, topPx: number | null): void {
    this.#held = { itemId, to: at, topPx };
  }

  /** Moves the lifted row to a pixel place. */
  dragTo(topPx: number, rowHeight: number): void {
    if (!this.#held) return;
    const end = this.#ids().length - 1;
    const top = Math.min((end + 0.5) * rowHeight, Math.max(-0.5 * rowHeight, topPx));
    this.#held = { ...this.#held, topPx: top, to: Math.min(end, Math.max(0, Math.round(top / rowHeight))) };
  }

  stepTo(to: number): void {
    if (!this.#held) return;
    this.#held = { ...this.#held, to: Math.min(this.#ids().length - 1, Math.max(0, to)) };
  }

  offsetOf(index: number, rowHeight: number): number {
    const lifted = this.lifted;
    if (!lifted) return index * rowHeight;
    const { from } = this;
    const { to, topPx } = lifted;
    if (index === from) return topPx ?? to * rowHeight;
    if (from < index && index <= to) return (index - 1) * rowHeight;
    if (to <= index && index < from) return (index + 1) * rowHeight;
    return index * rowHeight;
  }

  /** Lets go; the move to make, or null when nothing moved. */
  drop(): { itemId: string; to: number } | null {
    const { lifted, from } = this;
    this.#held = null;
    return lifted && lifted.to !== from ? { itemId: lifted.itemId, to: lifted.to } : null;
  }

  cancel(): void {
    this.#held = null;
  }
}
