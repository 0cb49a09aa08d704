/**
 * Who may do what: the one place that knows roles. It binds the commands of this app; a document that all members can
 * write can't be defended against a member who runs other code.
 */
export type Role = 'guest' | 'dj' | 'owner';

export type Action =
  | 'add' // a track to the room, an item to the end of the queue
  | 'vote'
  | 'edit-own' // remove what one added oneself, and put it back
  | 'offer-host'
  | 'name-host' // hand the host's role to a device; the host itself may do that always
  | 'edit-any'
  | 'control' // play, pause, skip, seek, …
  | 'order' // move, shuffle, play next, order mode, loop, crossfade, clear
  | 'speakers' // switch loudspeakers on and off, their volume and delay
  | 'rename-room'
  | 'make-djs'
  | 'replace-link'
  | 'hand-on'; // make another member the owner

export interface Roles {
  owner: string | null;
  /** Only DJs control; off: everybody is a DJ. */
  djOnly: boolean;
  djs: ReadonlySet<string>;
}

export function roleOf(memberId: string, { owner, djOnly, djs }: Roles): Role {
  if (memberId === owner) return 'owner';
  return !djOnly || djs.has(memberId) ? 'dj' : 'guest';
}

const OWNER_ACTIONS: ReadonlySet<Action> = new Set<Action>(['make-djs', 'replace-link', 'hand-on']);
const GUEST_ACTIONS: ReadonlySet<Action> = new Set<Action>(['add', 'vote', 'edit-own', 'offer-host']);

export function may(role: Role, action: Action): boolean {
  if (role === 'owner') return true;
  if (role === 'dj') return !OWNER_ACTIONS.has(action);
  return GUEST_ACTIONS.has(action);
}
