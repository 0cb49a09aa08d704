/** What hands do: keys, pointer and finger on the controls that are more than a button. */
import type { Page } from '@playwright/test';
import { describe, expect, it } from 'vitest';
import { asked, setStage } from './stage.ts';

const stage = setStage();
const talk = (page: Page) => page.getByRole('button', { name: /talk/i });

async function boxOf(
  page: Page,
  name: string | RegExp,
): Promise<{ x: number; y: number; width: number; height: number }> {
  const box = await page.getByRole('button', { name }).boundingBox();
  if (!box) throw new Error(`${String(name)} is not on the screen`);
  return box;
}

describe('talk', () => {
  it('is live while Space is held', async () => {
    const page = await stage.open('queue');
    await page.clock.install();
    await talk(page).focus();
    await page.keyboard.down('Space');
    await page.clock.fastForward(400);
    expect(await asked(page)).toEqual(['press']);
    await page.keyboard.up('Space');
    expect(await asked(page)).toEqual(['press', 'release']);
  });

  it('stays on after a short press of Enter, and goes off with the next', async () => {
    const page = await stage.open('now');
    await page.clock.install();
    await talk(page).focus();
    await page.keyboard.press('Enter');
    expect(await asked(page)).toEqual(['press', 'toggleLatch']);
    await expect.poll(() => page.getByText('tap to stop', { exact: true }).isVisible()).toBe(true);
    await page.keyboard.press('Enter');
    expect(await asked(page)).toEqual(['press', 'toggleLatch', 'toggleLatch']);
  });

  it('is live while the pointer holds it, and lets go when the window loses focus', async () => {
    const page = await stage.open('now', 'laptop');
    await page.clock.install();
    const box = await boxOf(page, 'Hold to talk');
    await page.mouse.move(box.x + 20, box.y + 20);
    await page.mouse.down();
    await page.clock.fastForward(400);
    await page.mouse.up();
    expect(await asked(page)).toEqual(['press', 'release']);
    await page.mouse.down();
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    expect(await asked(page)).toEqual(['press', 'release', 'press', 'release']);
    await page.mouse.up();
    expect(await asked(page)).toHaveLength(4);
  });

  it('is not latched by a press that the window took away', async () => {
    const page = await stage.open('now', 'laptop');
    await page.clock.install();
    const box = await boxOf(page, 'Hold to talk');
    await page.mouse.move(box.x + 20, box.y + 20);
    await page.mouse.down();
    await page.clock.fastForward(150);
    await page.evaluate(() => dispatchEvent(new Event('blur')));
    await page.clock.fastForward(700);
    await page.mouse.up();
    expect(await asked(page)).toEqual(['press', 'release']);
  });

  it('toggles by a bare click, as assistive technology sends it', async () => {
    const page = await stage.open('now');
    await talk(page).evaluate((button: HTMLElement) => button.click());
    expect(await asked(page)).toEqual(['toggleLatch']);
  });

  it('opens no context menu', async () => {
    const page = await stage.open('now');
    const prevented = await talk(page).evaluate(
      (button) => !button.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true })),
    );
    expect(prevented).toBe(true);
  });
});

describe('seek', () => {
  it('previews while a key is held and tells the room once', async () => {
    const page = await stage.open('now');
    const slider = page.getByRole('slider', { name: 'Position in the song' });
    await slider.focus();
    expect(await slider.getAttribute('aria-valuetext')).toBe('1:33 of 3:47');
    await page.keyboard.down('ArrowRight');
    await page.keyboard.down('ArrowRight');
    expect(await slider.getAttribute('aria-valuetext')).toBe('1:43 of 3:47');
    expect(await asked(page)).toEqual([]);
    await page.keyboard.up('ArrowRight');
    expect(await asked(page)).toEqual(['seek 103000']);
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    expect(await asked(page)).toEqual(['seek 103000', 'seek 227000', 'seek 0']);
  });

  it('previews while the pointer drags and tells the room on release', async () => {
    const page = await stage.open('now', 'laptop');
    const box = await page.getByRole('slider', { name: 'Position in the song' }).boundingBox();
    if (!box) throw new Error('no slider');
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + box.width * 0.3, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
    expect(await asked(page)).toEqual([]);
    expect(await page.getByText('1:53', { exact: true }).isVisible()).toBe(true);
    await page.mouse.up();
    const seeks = await asked(page);
    expect(seeks).toHaveLength(1);
    expect(Number(seeks[0]?.split(' ')[1])).toBeCloseTo(113_500, -4);
  });
});

describe('crossfade', () => {
  it('previews while a key is held, and sets whole seconds when it comes up', async () => {
    const page = await stage.open('queue-crossfade');
    const slider = page.getByRole('slider', { name: 'Crossfade' });
    expect(await slider.getAttribute('aria-valuetext')).toBe('8 s');
    await slider.focus();
    await page.keyboard.down('ArrowRight');
    await page.keyboard.down('ArrowRight');
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('10 s');
    expect(await asked(page)).toEqual([]);
    await page.keyboard.up('ArrowRight');
    expect(await asked(page)).toEqual(['setCrossfade 10000']);
    await page.keyboard.press('Home');
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('off');
    expect(await asked(page)).toEqual(['setCrossfade 10000', 'setCrossfade 0']);
  });
});

describe('reorder', () => {
  it('by keys: lift, move, drop; the focus stays on the row', async () => {
    const page = await stage.open('queue');
    const rows = page.getByRole('list', { name: 'Up next' }).getByRole('listitem');
    const copies = async () =>
      (await rows.allInnerTexts()).map((text) => /one copy|\d+ copies/.exec(text)?.[0]);
    await expect.poll(copies).toEqual(['2 copies', 'one copy', '3 copies', '2 copies', '2 copies']);
    const grip = page.getByRole('button', { name: 'Move Paper Lanterns' });
    await grip.focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => page.getByText('place 3 of 5', { exact: true }).count()).toBe(1);
    expect(await asked(page)).toEqual([]);
    await page.keyboard.press('Space');
    expect(await asked(page)).toEqual(['move i0 2']);
    await expect.poll(() => grip.evaluate((element) => element === document.activeElement)).toBe(true);
    expect(await rows.count()).toBe(5);
  });

  it('by keys: Escape puts it back', async () => {
    const page = await stage.open('queue');
    await page.getByRole('button', { name: 'Move Paper Lanterns' }).focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('End');
    await page.keyboard.press('Escape');
    await expect.poll(() => page.getByText('Paper Lanterns is back at place 1 of 5').count()).toBe(1);
    expect(await asked(page)).toEqual([]);
  });

  it('by keys: Enter opens the menu, Escape returns the focus', async () => {
    const page = await stage.open('queue');
    const grip = page.getByRole('button', { name: 'Move Paper Lanterns' });
    await grip.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Paper Lanterns' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await grip.evaluate((element) => element === document.activeElement)).toBe(true);
  });

  it('by pointer: the row lands where it is dropped, and no menu opens', async () => {
    const page = await stage.open('queue', 'laptop');
    const from = await boxOf(page, /Move Paper Lanterns/);
    const x = from.x + from.width / 2;
    const y = from.y + from.height / 2;
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x, y + 72 * 3, { steps: 8 });
    await page.mouse.up();
    expect(await asked(page)).toEqual(['move i0 3']);
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('by pointer: at the lower edge the list scrolls on', async () => {
    const page = await stage.open('queue-5000', 'laptop');
    const from = await boxOf(page, /Move Paper Lanterns,/);
    await page.mouse.move(from.x + 20, from.y + 20);
    await page.mouse.down();
    await page.mouse.move(from.x + 20, 700, { steps: 5 });
    await expect
      .poll(() => page.locator('main').evaluate((main) => main.scrollTop), { timeout: 10_000 })
      .toBeGreaterThan(1500);
    await page.mouse.up();
    const [move = ''] = await asked(page);
    expect(Number(move.split(' ')[2])).toBeGreaterThan(20);
  });

  it('by finger: a swipe removes the row, a short one does not', async () => {
    const page = await stage.open('queue');
    const client = await page.context().newCDPSession(page);
    const swipe = async (distance: number): Promise<void> => {
      const box = await page.getByRole('button', { name: 'Kites' }).first().boundingBox();
      if (!box) throw new Error('no row');
      const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', dx: number): Promise<unknown> =>
        client.send('Input.dispatchTouchEvent', {
          type,
          touchPoints: type === 'touchEnd' ? [] : [{ x: box.x + 30 + dx, y: box.y + 30 }],
        });
      await touch('touchStart', 0);
      for (let step = 1; step <= 8; step++) await touch('touchMove', (distance * step) / 8);
      await touch('touchEnd', distance);
    };
    await swipe(60);
    expect(await asked(page)).toEqual([]);
    await swipe(200);
    await expect.poll(() => asked(page)).toEqual(['remove i2']);
    expect(await page.getByRole('dialog').count()).toBe(0);
  });
});

describe('long lists', () => {
  it('keep only the rows near the screen, and reach the last', async () => {
    const page = await stage.open('queue-5000');
    const rows = page.getByRole('list', { name: 'Up next' }).getByRole('listitem');
    expect(await rows.count()).toBeLessThan(40);
    await page.locator('main').evaluate((main) => main.scrollTo(0, main.scrollHeight));
    await page.getByRole('list', { name: 'Up next' }).locator('[aria-posinset="5000"]').waitFor();
    expect(await rows.count()).toBeLessThan(40);
  });
});

describe('places', () => {
  it('follow the back button and leave the fragment alone', async () => {
    const page = await stage.open('now');
    await page.getByRole('button', { name: 'Queue', exact: true }).click();
    await page.getByRole('button', { name: 'People', exact: true }).click();
    await page.getByRole('heading', { name: 'Within earshot' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#secret');
    await page.goBack();
    await page.getByRole('heading', { name: 'Up next' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Glass Harbour' }).waitFor();
    expect(new URL(page.url()).hash).toBe('#secret');
  });

  it('keep how far they were scrolled', async () => {
    const page = await stage.open('queue-5000');
    const top = (): Promise<number> => page.locator('main').evaluate((main) => main.scrollTop);
    await page.locator('main').evaluate((main) => main.scrollTo(0, 3000));
    await page.getByRole('list', { name: 'Up next' }).locator('[aria-posinset="43"]').waitFor();
    await page.getByRole('button', { name: 'Speakers', exact: true }).click();
    await page.getByRole('heading', { name: 'Loudspeakers' }).waitFor();
    expect(await top()).toBe(0);
    await page.goBack();
    await expect.poll(top).toBe(3000);
  });

  it('are all reached by the Tab key alone', async () => {
    const page = await stage.open('now', 'laptop');
    const names: string[] = [];
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press('Tab');
      names.push(
        await page.evaluate(
          () =>
            document.activeElement?.getAttribute('aria-label') ??
            (document.activeElement as HTMLElement).innerText,
        ),
      );
    }
    expect(names).toEqual(
      expect.arrayContaining([
        'Now',
        'Queue',
        'Music',
        'People',
        'Speakers',
        'Hold to talk',
        'Invite somebody',
        'Pause',
        'Skip',
      ]),
    );
  });
});

describe('back', () => {
  const BACK_TO_NOW = 'Glass Harbour';

  it('closes a menu first, then leaves the place; the fragment stays', async () => {
    const page = await stage.open('now');
    await page.getByRole('button', { name: 'Queue', exact: true }).click();
    await page.getByRole('button', { name: /^Order/ }).click();
    await page.getByRole('dialog').waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.getByRole('heading', { name: 'Up next' }).isVisible()).toBe(true);
    expect(new URL(page.url()).hash).toBe('#secret');
    await page.goBack();
    await page.getByRole('heading', { name: BACK_TO_NOW }).waitFor();
    expect(new URL(page.url()).hash).toBe('#secret');
  });

  it('is not spent on a sheet that was closed by hand, nor on one that another took the place of', async () => {
    const page = await stage.open('people');
    await page.getByRole('button', { name: 'Queue', exact: true }).click();
    await page.getByRole('button', { name: /^Attic party/ }).click();
    await page.getByRole('dialog', { name: 'Rooms' }).getByRole('button', { name: 'Room doctor' }).click();
    await page.getByRole('dialog', { name: 'Rooms' }).waitFor({ state: 'detached' });
    // It is loaded only now, and opens after the one before it has gone.
    await page.getByRole('dialog', { name: 'Room doctor' }).waitFor();
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^Attic party/ }).click();
    await page.getByRole('button', { name: 'Menu of Kitchen' }).click();
    await page.getByRole('dialog', { name: 'Kitchen' }).getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog', { name: 'Kitchen' }).waitFor({ state: 'detached' });
    await page.getByRole('dialog', { name: 'Rooms' }).getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Music', exact: true }).click();
    await page.locator('nav [aria-current=page]', { hasText: 'Music' }).waitFor();
    // A browser goes back in its own time; nobody's thumb is as quick as a test.
    await page.waitForFunction(() => (history.state as { place?: string } | null)?.place === 'music');
    await page.goBack();
    await page.getByRole('heading', { name: 'Up next' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Within earshot' }).waitFor();
  });

  it('leaves open what opens while the history still passes over a sheet that was closed by hand', async () => {
    const page = await stage.open('queue');
    const order = page.getByRole('button', { name: /^Order/ });
    await order.click();
    await page.getByRole('dialog').waitFor();
    await order.evaluate((button: HTMLElement) => {
      addEventListener('popstate', () => window.asked.push('passed over'), { once: true });
      new MutationObserver((_, observer) => {
        if (document.querySelector('dialog')) return;
        observer.disconnect();
        button.click();
        window.asked.push('opened again');
      }).observe(document.body, { childList: true, subtree: true });
    });
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => asked(page)).toEqual(['opened again', 'passed over']);
    const covers = (): Promise<unknown> =>
      page.evaluate(() => (history.state as { covers?: number } | null)?.covers);
    await expect.poll(covers).toBe(1);
    expect(await page.getByRole('dialog').isVisible()).toBe(true);
    await page.goBack();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.getByRole('heading', { name: 'Up next' }).isVisible()).toBe(true);
  });

  it('from a room that a sheet led to ends where the sheet was opened', async () => {
    const page = await stage.open('now');
    await page.getByRole('button', { name: 'Queue', exact: true }).click();
    await page.getByRole('button', { name: /^Attic party/ }).click();
    await page.getByRole('dialog').waitFor();
    await page.evaluate(() => {
      location.hash = 'other';
    });
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: BACK_TO_NOW }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Up next' }).waitFor();
    await expect.poll(() => page.evaluate(() => JSON.stringify(history.state))).toContain('"covers":0');
    expect(new URL(page.url()).hash).toBe('#secret');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.goBack();
    await page.getByRole('heading', { name: BACK_TO_NOW }).waitFor();
  });

  it('does not lead to the room that was left by a sheet', async () => {
    const page = await stage.open('now');
    await page.getByRole('button', { name: /^Attic party/ }).click();
    await page.getByRole('dialog').waitFor();
    await page.evaluate(() => {
      addEventListener('hashchange', () => window.asked.push(`hash ${location.hash}`));
      history.replaceState(null, '', '#next');
    });
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => page.evaluate(() => JSON.stringify(history.state))).toContain('"place":"now"');
    await expect.poll(() => asked(page)).toEqual(['hash #next']);
    expect(new URL(page.url()).hash).toBe('#next');
  });
});

describe('when the music has ended', () => {
  it('offers to play it again, and to add to it', async () => {
    const page = await stage.open('now-ended');
    await page.getByRole('heading', { name: 'The music has ended' }).waitFor();
    await page.getByRole('button', { name: 'Play again' }).click();
    expect(await asked(page)).toEqual(['play']);
    await page.getByRole('button', { name: 'Add music' }).click();
    await page.locator('nav [aria-current=page]', { hasText: 'Music' }).waitFor();
  });

  it('says before what the end of the last song will be', async () => {
    const page = await stage.open('queue-last', 'laptop');
    await page.getByText('When this song ends, it goes quiet.').waitFor();
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await page.getByRole('button', { name: 'Loop: off' }).click();
    await page.getByText('When this song ends, everything plays again from the beginning.').waitFor();
    await page.getByRole('button', { name: 'Loop: everything' }).click();
    await page.getByText('It plays again and again: its loop is on.').waitFor();
    expect(await page.getByText('it goes quiet').count()).toBe(0);
  });
});

describe('loudspeakers that are out of reach', () => {
  it('are called so on Now and on Speakers, by those who do not host', async () => {
    const page = await stage.open('now-unreachable', 'laptop');
    await page.getByRole('button', { name: 'The loudspeakers are out of reach' }).click();
    await page
      .getByRole('region', { name: 'Host' })
      .getByText('The loudspeakers are out of reach.', { exact: true })
      .waitFor();
  });

  it('are called so by the host, with what is wrong', async () => {
    const page = await stage.open('speakers-down');
    const card = page.getByRole('region', { name: 'Host' });
    expect(await card.getByText('Nothing comes out of the loudspeakers.').isVisible()).toBe(true);
    expect(await card.getByText('The stream is out of reach').isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Now', exact: true }).click();
    await page.getByRole('button', { name: /^The loudspeakers are/ }).waitFor();
  });
});

describe('loudspeakers that nobody can see', () => {
  it('are listed under the reason, and not called out of reach themselves', async () => {
    const page = await stage.open('speakers-unseen-wanted');
    await page.getByText('Loudspeakers cannot be seen from here.').waitFor();
    const kitchen = page.getByRole('listitem', { name: 'Kitchen' });
    expect(await kitchen.getByRole('status').innerText()).toBe('Not seen from here.');
    expect(await page.getByText('Out of reach. It plays').count()).toBe(0);
  });
});

describe('loudspeakers that play as one', () => {
  it('are switched and turned as one, and each beside the others', async () => {
    const page = await stage.open('speakers-groups');
    const group = page.getByRole('listitem', { name: 'Kitchen + Dining room' });
    // The loudest stands at 35 %, the other at 20 %; a page down takes 20 % off.
    await group.getByRole('slider', { name: 'Volume of Kitchen + Dining room' }).press('PageDown');
    await group.getByRole('slider', { name: 'Volume of Dining room' }).press('Home');
    await group.getByRole('button', { name: 'Mute Kitchen', exact: true }).click();
    await group.getByRole('switch').click();
    const [both, one, ...rest] = await asked(page);
    const [kitchen, dining] = JSON.parse(both?.replace('setVolumes ', '') ?? '') as [string, number][];
    expect(kitchen).toEqual(['sonos:0', expect.closeTo(0.15, 5)]);
    expect(dining).toEqual(['sonos:1', expect.closeTo(0.2 * (0.15 / 0.35), 5)]);
    expect(one).toBe('setVolumes [["sonos:1",0]]');
    expect(rest).toEqual(['setMuted sonos:0 true', 'setOn sonos:0,sonos:1 false']);
    expect(await page.getByRole('listitem', { name: 'Study + Workshop' }).getByRole('switch').count()).toBe(
      3,
    );
  });
});

describe('another owner', () => {
  it('is made from the menu of a person, once it is said what that means', async () => {
    const page = await stage.open('people-person-menu');
    await page.getByRole('button', { name: 'Make Chidi the owner…' }).click();
    await page.getByRole('button', { name: 'Stay the owner' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await asked(page)).toEqual([]);
    await page.getByRole('button', { name: 'Menu of Chidi' }).click();
    await page.getByRole('button', { name: 'Make Chidi the owner…' }).click();
    await page.getByRole('button', { name: 'Hand the room over' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await asked(page)).toEqual(['handTo Chidi']);
    expect(await page.getByRole('button', { name: /^Menu of/ }).count()).toBe(0);
  });
});

describe('a Cast group that is on', () => {
  it('G3 is said by its members, which cannot be switched beside it', async () => {
    const page = await stage.open('speakers-cast-group');
    const kitchen = page.getByRole('listitem', { name: 'Kitchen' });
    await kitchen.getByText('On with Downstairs').waitFor();
    expect(await kitchen.getByRole('switch').count()).toBe(0);
    expect(await page.getByRole('switch').count()).toBe(2);
    await page.getByRole('button', { name: 'All on' }).click();
    await page.getByRole('switch', { name: 'Downstairs plays the room' }).click();
    expect(await asked(page)).toEqual(['setAll true', 'setOn cast:0 false']);
  });
});

describe('a token for Home Assistant', () => {
  it('goes to the node as it was typed, and is not shown again', async () => {
    const page = await stage.open('another-not-set');
    const sheet = page.getByRole('dialog', { name: 'Home Assistant' });
    await sheet.getByLabel('Address of Home Assistant').fill('http://10.0.0.5:8123');
    await sheet.getByLabel('Token').fill('a-token-of-the-house');
    await sheet.getByRole('button', { name: 'Set' }).click();
    await sheet.getByText('Set', { exact: true }).waitFor();
    expect(await asked(page)).toContain('give home-assistant http://10.0.0.5:8123 a-token-of-the-house');
    await sheet.getByRole('button', { name: 'Change' }).click();
    expect(await sheet.getByLabel('Token').inputValue()).toBe('');
    expect(await sheet.getByLabel('Address of Home Assistant').inputValue()).toBe('http://10.0.0.5:8123');
    expect(await asked(page)).not.toContain('unwatch');
    await sheet.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => asked(page)).toContain('unwatch');
  });
});

describe('a song that is fetched but not yet heard', () => {
  it('is getting ready', async () => {
    const page = await stage.open('now-ready');
    expect(await page.getByText('getting ready', { exact: true }).isVisible()).toBe(true);
    expect(await page.getByText(/^fetching/).count()).toBe(0);
  });
});

describe('Now', () => {
  const SMALL = { viewport: { width: 320, height: 568 }, hasTouch: true };

  it.each(['now', 'now-empty', 'now-ended', 'now-unreachable'])(
    'fits on the smallest phone without scrolling: %s',
    async (state) => {
      const page = await stage.open(state, SMALL);
      const main = page.locator('main');
      expect(await main.evaluate((box) => box.scrollHeight - box.clientHeight)).toBe(0);
      const talkBox = await boxOf(page, 'Hold to talk');
      const out = await page.locator('.out').boundingBox();
      expect((out?.y ?? Infinity) + (out?.height ?? 0)).toBeLessThanOrEqual(talkBox.y);
    },
  );

  it.each([
    ['phone', 'now-talking'],
    ['laptop', 'now-talking'],
    [SMALL, 'now-talking'],
    [{ viewport: { width: 844, height: 390 }, hasTouch: true }, 'now-talking'],
  ] as const)('shows a notice where it covers no control: %o', async (size, state) => {
    const page = await stage.open(state, size);
    await page.getByText('Kites was removed.').waitFor();
    const covered = await page.evaluate(() => {
      const notice = document.querySelector('[aria-label="Notice"]')?.getBoundingClientRect();
      if (!notice) throw new Error('no notice');
      return [...document.querySelectorAll('button, input')]
        .filter((control) => !control.closest('[aria-label="Notice"]'))
        .filter((control) => {
          const box = control.getBoundingClientRect();
          return (
            box.left < notice.right &&
            box.right > notice.left &&
            box.top < notice.bottom &&
            box.bottom > notice.top
          );
        })
        .map((control) => control.getAttribute('aria-label') ?? control.textContent);
    });
    expect(covered).toEqual([]);
  });
});

describe('dropping files on the window', () => {
  it('imports them', async () => {
    const page = await stage.open('now', 'laptop');
    const transfer = await page.evaluateHandle(() => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'song.mp3', { type: 'audio/mpeg' }));
      return data;
    });
    await page.dispatchEvent('body', 'dragenter', { dataTransfer: transfer });
    await page.getByText('Drop it into Attic party').waitFor();
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await expect.poll(() => asked(page)).toEqual(['importFiles song.mp3']);
  });
});

describe('naming', () => {
  it('asks for a name, says so when there is none, and comes in', async () => {
    const page = await stage.open('naming');
    await page.getByRole('button', { name: 'Come in' }).click();
    expect(await page.getByText('A name, please').isVisible()).toBe(true);
    await page.getByLabel('What shall we call you?').fill('  Mira ');
    await page.keyboard.press('Enter');
    await expect.poll(() => asked(page)).toEqual(['setName Mira']);
    await page.getByRole('heading', { name: 'Attic party' }).waitFor();
  });
});

describe('notices', () => {
  it('are held while the pointer or the focus is on them', async () => {
    const page = await stage.open('queue-full', 'laptop');
    await page.getByText('Kites was removed.').hover();
    expect(await asked(page)).toEqual(['hold n1']);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('Kites was removed.').waitFor({ state: 'detached' });
  });
});

describe('reduced motion', () => {
  it('keeps the rings still', async () => {
    const page = await stage.open('now', { viewport: { width: 390, height: 844 }, reducedMotion: 'reduce' });
    const scales = await page
      .locator('.rings i')
      .evaluateAll((rings) => rings.map((ring) => getComputedStyle(ring).scale));
    expect(scales).toEqual(['1', '1', '1']);
  });
});
