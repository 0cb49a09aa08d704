import { describe, expect, it } from 'vitest';
import { anglesOn, chooseSeated, roomOn, seatAt } from '../../app/ui/seats.ts';

const PHONE = { width: 390, height: 336, margin: 30 };

describe('seats around the cover', () => {
  it('lie inside the stage and apart from each other, for every crowd that has room', () => {
    for (const [width, height] of [
      [390, 336],
      [580, 446],
      [320, 230],
      [300, 280],
    ] as const) {
      const radius = Math.min(width / 390, height / 336) * 161;
      const room = roomOn(radius, width, height, 30, 42);
      for (let count = 1; count <= room; count++) {
        const seats = anglesOn(radius, count, width, height, 30).map((angle) =>
          seatAt(angle, radius, width, height, 30),
        );
        expect(seats).toHaveLength(count);
        for (const [i, seat] of seats.entries()) {
          expect(Math.abs(seat.x)).toBeLessThanOrEqual(width / 2 - 30 + 1e-6);
          expect(Math.abs(seat.y)).toBeLessThanOrEqual(height / 2 - 30 + 1e-6);
          for (const other of seats.slice(i + 1))
            expect(Math.hypot(seat.x - other.x, seat.y - other.y)).toBeGreaterThan(34);
        }
      }
    }
  });

  it('are drawn in where the outer ring leaves the stage', () => {
    const seat = seatAt(0, 191, PHONE.width, PHONE.height, PHONE.margin);
    expect(seat.x).toBeCloseTo(165);
    expect(seat.y).toBeCloseTo(0);
  });

  it('need a stage: without one nobody is placed', () => {
    expect(anglesOn(161, 5, 0, 0, 30)).toEqual([]);
  });
});

describe('who is seated', () => {
  const crowd = Array.from({ length: 40 }, (_, i) => ({
    id: i,
    isMe: i === 30,
    isHost: i === 20,
    isTalking: i === 35,
  }));

  it('is everybody while there is room', () => {
    expect(chooseSeated(crowd.slice(0, 12), 12)).toEqual({ shown: crowd.slice(0, 12), more: 0 });
  });

  it('is host, talkers and oneself first, in the order of arrival; the rest are counted', () => {
    const { shown, more } = chooseSeated(crowd, 12);
    expect(shown.map((person) => person.id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 20, 30, 35]);
    expect(more).toBe(29);
  });
});
