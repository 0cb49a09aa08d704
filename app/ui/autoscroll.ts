/** Scrolls while a drag stands near the scroller's upper or lower edge, faster the nearer. */
const EDGE_PX = 96;
const FASTEST_PX_A_FRAME = 18;

export function createAutoscroll(
  scroller: Element,
  onscroll: () => void,
): { at(y: number): void; close(): void } {
  let pointerY: number | null = null;
  let frame = 0;

  const tick = (): void => {
    frame = requestAnimationFrame(tick);
    if (pointerY === null) return;
    const { top, bottom } = scroller.getBoundingClientRect();
    const inset = parseFloat(getComputedStyle(scroller).scrollPaddingBottom) || 0;
    const above = Math.max(0, top + EDGE_PX - pointerY);
    const below = Math.max(0, pointerY - (bottom - inset - EDGE_PX));
    const push = Math.min(1, Math.max(above, below) / EDGE_PX) * FASTEST_PX_A_FRAME;
    if (push === 0) return;
    const before = scroller.scrollTop;
    scroller.scrollTop += below > 0 ? push : -push;
    if (scroller.scrollTop !== before) onscroll();
  };
  frame = requestAnimationFrame(tick);

  return {
    at(y) {
      pointerY = y;
    },
    close() {
      cancelAnimationFrame(frame);
    },
  };
}
