/**
 * Who is here and what they tell about themselves. Every peer tells each linked peer itself; of a peer that announces
 * itself but cannot be reached, another peer that reaches it is asked to pass on what it tells (one such at a time). Who
 * comes is told who is asleep.
 */
import { RELAYED, RELAY_ASK, type Card, cardMessage, jsonMessage } from './room-wire.ts';
import { parseCard, parseRelayAsk, parseRelayed, parseSleepers, sleepersMessage } from './room-wire.ts';
import type { PeerId } from './transport.ts';

/** A phone in a pocket may come back all evening; after this it is gone. */
const ASLEEP_KEPT_MS = 12 * 3_600_000;
const MAX_ASLEEP = 256;
const ASK_DEADLINE_MS = 1_500;
const MAX_GOODBYES = 1_024;
/** When nobody could pass it on: until everybody is asked again. */
const ASK_ALL_AGAIN_MS = 15_000;

export interface CompanyOptions {
  selfId: PeerId;
  nowMs(): number;
  send(to: PeerId, message: Uint8Array<ArrayBuffer>): void;
  /**
   * Who a peer says that it is: somebody who comes again, or leaves, is not asleep as a former peer either. Null: cannot
   * be known.
   */
  personOf(state: unknown): string | null;
  /** What `presences` or `asleep` give has changed. */
  onChange(): void;
  /** From now on `to` wants to hear of `sources` through this peer. */
  onRelay(to: PeerId, sources: ReadonlySet<PeerId>): void;
}

export interface Company {
  setState(state: unknown): void;
  setSleeping(sleeping: boolean): void;
  opened(peerId: PeerId): void;
  /** Its link brings nothing any more, or something again: it counts as asleep or gone meanwhile. */
  silent(peerId: PeerId, silent: boolean): void;
  /** @param left it said goodbye; otherwise it is asleep if it said that it might fall asleep, and gone if not */
  closed(peerId: PeerId, left: boolean): void;
  /** Each takes the body of the message of its name; false: it cannot be understood. */
  card(from: PeerId, body: Uint8Array): boolean;
  relayAsk(from: PeerId, body: Uint8Array): boolean;
  relayed(from: PeerId, body: Uint8Array): boolean;
  sleepers(from: PeerId, body: Uint8Array): boolean;
  presences(): ReadonlyMap<PeerId, unknown>;
  asleep(): ReadonlyMap<PeerId, unknown>;
  /** @param missing peers that announce themselves and have had time to be reached */
  tick(missing: readonly PeerId[]): void;
}

interface Ask {
  via: PeerId | null;
  atMs: number;
  tried: Set<PeerId>;
}

export function createCompany(options: CompanyOptions): Company {
  const { selfId, nowMs, send } = options;
  let self: Card = { sleeping: false, state: null };
  /** Null: linked, and has not told anything yet. */
  const linked = new Map<PeerId, Card | null>();
  const silent = new Set<PeerId>();
  const passedOn = new Map<PeerId, Card>();
  const sleepers = new Map<PeerId, { state: unknown; sinceMs: number }>();
  /** When each person said goodbye last: others may have missed it, and tell that they are asleep. */
  const goodbyes = new Map<string, number>();
  const asks = new Map<PeerId, Ask>();
  const askers = new Map<PeerId, ReadonlySet<PeerId>>();

  function tellAll(): void {
    const message = cardMessage(self);
    for (const peerId of linked.keys()) send(peerId, message);
    options.onChange();
  }

  /** What a linked peer tells that is not silent. */
  function heard(peerId: PeerId): Card | null {
    return silent.has(peerId) ? null : (linked.get(peerId) ?? null);
  }

  function passOn(peerId: PeerId): void {
    const card = heard(peerId);
    for (const [asker, wanted] of askers)
      if (wanted.has(peerId)) send(asker, jsonMessage(RELAYED, { peerId, card }));
  }

  /** Asks the next peer to pass on what `missing` tells; returns those whose list of wishes has changed. */
  function askNext(missing: PeerId, ask: Ask): PeerId[] {
    const before = ask.via;
    const next = [...linked.keys()].find((peerId) => !silent.has(peerId) && !ask.tried.has(peerId)) ?? null;
    if (next === null && before === null) {
      if (nowMs() - ask.atMs > ASK_ALL_AGAIN_MS) ask.tried.clear();
      return [];
    }
    passedOn.delete(missing);
    ask.via = next;
    ask.atMs = nowMs();
    if (next !== null) ask.tried.add(next);
    return [before, next].filter((peerId) => peerId !== null);
  }

  function forgetSleepers(): boolean {
    let changed = false;
    const longestFirst = [...sleepers].sort(([, a], [, b]) => a.sinceMs - b.sinceMs);
    for (const [peerId, { sinceMs }] of longestFirst) {
      if (nowMs() - sinceMs < ASLEEP_KEPT_MS && sleepers.size <= MAX_ASLEEP) continue;
      sleepers.delete(peerId);
      changed = true;
    }
    return changed;
  }

  function dropSleepersOf(card: Card): void {
    const person = options.personOf(card.state);
    if (person === null) return;
    for (const [peerId, { state }] of sleepers)
      if (options.personOf(state) === person) sleepers.delete(peerId);
  }

  function saidGoodbye(peerId: PeerId, card: Card | null | undefined): void {
    sleepers.delete(peerId);
    if (!card) return;
    dropSleepersOf(card);
    const person = options.personOf(card.state);
    if (person === null) return;
    goodbyes.delete(person);
    goodbyes.set(person, nowMs());
    for (const oldest of goodbyes.keys()) if (goodbyes.size > MAX_GOODBYES) goodbyes.delete(oldest);
  }

  /** Those known to be asleep, the latest first. */
  function knownSleepers(): { peerId: PeerId; state: unknown; sinceMs: number }[] {
    const known = [...sleepers].map(([peerId, sleeper]) => ({ peerId, ...sleeper }));
    for (const peerId of silent) {
      const card = linked.get(peerId);
      if (card?.sleeping === true) known.push({ peerId, state: card.state, sinceMs: nowMs() });
    }
    return known.sort((a, b) => b.sinceMs - a.sinceMs);
  }

  return {
    setState(state) {
      // What the others get is a copy, and JSON only.
      self = { ...self, state: JSON.parse(JSON.stringify(state ?? null)) };
      tellAll();
    },
    setSleeping(sleeping) {
      if (sleeping === self.sleeping) return;
      self = { ...self, sleeping };
      tellAll();
    },
    opened(peerId) {
      linked.set(peerId, null);
      send(peerId, cardMessage(self));
      const asleep = knownSleepers().filter((one) => one.peerId !== peerId);
      if (asleep.length === 0) return;
      const message = sleepersMessage(
        asleep.map(({ sinceMs, ...one }) => ({ ...one, forMs: nowMs() - sinceMs })),
      );
      send(peerId, message);
    },
    silent(peerId, isSilent) {
      if (isSilent) silent.add(peerId);
      else silent.delete(peerId);
      passOn(peerId);
      options.onChange();
    },
    closed(peerId, left) {
      const card = linked.get(peerId);
      linked.delete(peerId);
      silent.delete(peerId);
      askers.delete(peerId);
      passOn(peerId);
      for (const [missing, ask] of asks) {
        if (ask.via !== peerId) continue;
        ask.via = null;
        passedOn.delete(missing);
      }
      if (left) saidGoodbye(peerId, card);
      else if (card?.sleeping === true) sleepers.set(peerId, { state: card.state, sinceMs: nowMs() });
      options.onChange();
    },
    card(from, body) {
      const card = parseCard(body);
      if (card === null) return false;
      if (!linked.has(from)) return true;
      linked.set(from, card);
      sleepers.delete(from);
      dropSleepersOf(card);
      passOn(from);
      options.onChange();
      return true;
    },
    relayAsk(from, body) {
      const asked = parseRelayAsk(body);
      if (asked === null) return false;
      const before = askers.get(from);
      const wanted = new Set(asked);
      askers.set(from, wanted);
      options.onRelay(from, wanted);
      for (const peerId of wanted) {
        if (before?.has(peerId)) continue;
        send(from, jsonMessage(RELAYED, { peerId, card: heard(peerId) }));
      }
      return true;
    },
    relayed(from, body) {
      const message = parseRelayed(body);
      if (message === null) return false;
      const ask = asks.get(message.peerId);
      if (ask?.via !== from) return true;
      if (message.card !== null) passedOn.set(message.peerId, message.card);
      else {
        passedOn.delete(message.peerId);
        ask.atMs = -Infinity;
      }
      options.onChange();
      return true;
    },
    sleepers(_from, body) {
      const told = parseSleepers(body);
      if (told === null) return false;
      for (const { peerId, state, forMs } of told) {
        if (peerId === selfId || linked.has(peerId) || sleepers.has(peerId)) continue;
        const sinceMs = nowMs() - forMs;
        const person = options.personOf(state);
        if (person !== null && (goodbyes.get(person) ?? -Infinity) >= sinceMs) continue;
        sleepers.set(peerId, { state, sinceMs });
      }
      forgetSleepers();
      options.onChange();
      return true;
    },
    presences() {
      const out = new Map<PeerId, unknown>([[selfId, self.state]]);
      for (const peerId of linked.keys()) {
        const card = heard(peerId);
        if (card !== null) out.set(peerId, card.state);
      }
      for (const [peerId, card] of passedOn) if (!out.has(peerId)) out.set(peerId, card.state);
      return out;
    },
    asleep() {
      // What somebody else passes on of it is later than that it fell asleep.
      const known = knownSleepers().filter(({ peerId }) => !passedOn.has(peerId));
      return new Map<PeerId, unknown>(known.map(({ peerId, state }) => [peerId, state]));
    },
    tick(missing) {
      const changed = new Set<PeerId>();
      const wanted = new Set(missing);
      let isNews = forgetSleepers();
      for (const [peerId, ask] of asks) {
        if (wanted.has(peerId)) continue;
        asks.delete(peerId);
        isNews = passedOn.delete(peerId) || isNews;
        if (ask.via !== null) changed.add(ask.via);
      }
      for (const peerId of missing) {
        const ask = asks.get(peerId) ?? { via: null, atMs: nowMs(), tried: new Set() };
        asks.set(peerId, ask);
        if (passedOn.has(peerId) || (ask.via !== null && nowMs() - ask.atMs < ASK_DEADLINE_MS)) continue;
        for (const via of askNext(peerId, ask)) changed.add(via);
      }
      for (const via of changed) {
        const list = [...asks].filter(([, ask]) => ask.via === via).map(([peerId]) => peerId);
        if (linked.has(via)) send(via, jsonMessage(RELAY_ASK, list));
      }
      if (isNews) options.onChange();
    },
  };
}
