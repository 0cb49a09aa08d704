/** A sideways swipe by a finger, over rows that also scroll up and down: `touch-action: pan-y` leaves us the rest. */
import type { Attachment } from 'svelte/attachments';

export interface SwipeOptions {
  /** Pixels from where the finger went down; 0 when it is over. */
  onmove(dx: number): void;
  /** The finger let go beyond a third of the row. */
  onaway(): void;
}

const SLOP_PX = 10;

export function swipe(options: SwipeOptions): Attachment<HTMLElement> {
  return (row) => {
    let start: { x: number; y: number; id: number } | null = null;
    let swiping = false;
    let dx = 0;

    const down = (event: PointerEvent): void => {
      if (event.pointerType === 'mouse' || !event.isPrimary) return;
      start = { x: event.clientX, y: event.clientY, id: event.pointerId };
      swiping = false;
      dx = 0;
    };
    const move = (event: PointerEvent): void => {
      if (!start || event.pointerId !== start.id) return;
      dx = event.clientX - start.x;
      if (!swiping && Math.abs(dx) > SLOP_PX && Math.abs(dx) > Math.abs(event.clientY - start.y) * 1.5) {
        swiping = true;
        row.setPointerCapture(start.id);
      }
      if (swiping) options.onmove(dx);
    };
    const end = (event: PointerEvent): void => {
      if (!start || event.pointerId !== start.id) return;
      start = null;
      if (!swiping) return;
      options.onmove(0);
      if (event.type === 'pointerup' && Math.abs(dx) > row.clientWidth / 3) options.onaway();
    };
    /** The click that follows a swipe is not a tap. */
    const click = (event: MouseEvent): void => {
      if (!swiping) return;
      swiping = false;
      event.preventDefault();
      event.stopPropagation();
    };
    row.addEventListener('pointerdown', down);
    row.addEventListener('pointermove', move);
    row.addEventListener('pointerup', end);
    row.addEventListener('pointercancel', end);
    row.addEventListener('click', click, true);
    return () => {
      row.removeEventListener('pointerdown', down);
      row.removeEventListener('pointermove', move);
      row.removeEventListener('pointerup', end);
      row.removeEventListener('pointercancel', end);
      row.removeEventListener('click', click, true);
    };
  };
}
