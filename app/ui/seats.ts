/**
 * Where people sit around the cover. Everybody gets an angle of their own, spread evenly over the parts of the inner
 * ring that lie inside the stage, from the top right onwards; who listens sits on the inner ring, who only controls on
 * the outer one. Pure; pixels and radians, angle 0 to the right, growing clockwise.
 */
export interface Seat {
  x: number;
  y: number;
}

interface Arc {
  from: number;
  to: number;
}

/** The arcs of a ring on which a disc with the given margin stays inside the stage. */
export function openArcs(radius: number, width: number, height: number, margin: number): Arc[] {
  const across = Math.min(1, Math.max(0, (width / 2 - margin) / radius));
  const up = Math.min(1, Math.max(0, (height / 2 - margin) / radius));
  const steepest = Math.asin(up);
  const flattest = Math.acos(across);
  if (flattest > steepest) return [];
  const whole = up === 1;
  const halves: Arc[] = [];
  for (const middle of [0, Math.PI]) {
    if (flattest === 0) halves.push({ from: middle - steepest, to: middle + steepest });
    else {
      const arcs = [
        { from: middle - steepest, to: middle - flattest },
        { from: middle + flattest, to: middle + steepest },
      ];
      halves.push(...arcs);
    }
  }
  if (whole && flattest === 0) return [{ from: -Math.PI / 2, to: (Math.PI * 3) / 2 }];
  return halves;
}

/** How many discs find room on a ring, `pitch` pixels from middle to middle. */
export function roomOn(radius: number, width: number, height: number, margin: number, pitch: number): number {
  const total = openArcs(radius, width, height, margin).reduce((sum, arc) => sum + arc.to - arc.from, 0);
  return Math.floor((total * radius) / pitch);
}

/** Even angles for `count` discs along the open arcs; empty when the ring lies outside the stage. */
export function anglesOn(
  radius: number,
  count: number,
  width: number,
  height: number,
  margin: number,
): number[] {
  const arcs = openArcs(radius, width, height, margin);
  const total = arcs.reduce((sum, arc) => sum + arc.to - arc.from, 0);
  const angles: number[] = [];
  for (let i = 0; i < count && arcs.length > 0; i++) {
    let along = ((i + 0.5) / count) * total;
    for (const arc of arcs) {
      const length = arc.to - arc.from;
      if (along <= length || arc === arcs.at(-1)) {
        angles.push(arc.from + Math.min(along, length));
        break;
      }
      along -= length;
    }
  }
  return angles;
}

/** The place at an angle on a ring, drawn in as far as needed to stay inside the stage. */
export function seatAt(angle: number, radius: number, width: number, height: number, margin: number): Seat {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const across = Math.abs(cos) < 1e-9 ? Infinity : (width / 2 - margin) / Math.abs(cos);
  const up = Math.abs(sin) < 1e-9 ? Infinity : (height / 2 - margin) / Math.abs(sin);
  const reach = Math.max(0, Math.min(radius, across, up));
  return { x: cos * reach, y: sin * reach };
}

export interface Seatable {
  isMe: boolean;
  isHost: boolean;
  isTalking: boolean;
}

/**
 * Who is drawn when not everybody fits: host, talkers and oneself before the others, each in their order of arrival;
 * `more` counts the rest. The shown keep the order they came in, so that nobody's seat jumps when they speak.
 */
export function chooseSeated<P extends Seatable>(
  people: readonly P[],
  seats: number,
): { shown: P[]; more: number } {
  if (people.length <= seats) return { shown: [...people], more: 0 };
  const weight = (p: P): number => (p.isHost ? 4 : 0) + (p.isTalking ? 2 : 0) + (p.isMe ? 1 : 0);
  const chosen = new Set(
    people
      .map((person, index) => ({ person, index }))
      .sort((a, b) => weight(b.person) - weight(a.person) || a.index - b.index)
      .slice(0, seats - 1)
      .map(({ person }) => person),
  );
  return { shown: people.filter((p) => chosen.has(p)), more: people.length - chosen.size };
}
