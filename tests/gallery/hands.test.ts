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

describe('reorder', () => {
  it('by keys: lift, move, drop; the focus stays on the row', async () => {
    const page = await stage.open('queue');
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
    expect(
      await page.getByRole('list', { name: 'Up next' }).getByRole('listitem').allInnerTexts(),
    ).toHaveLength(5);
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
    await page.getByRole('heading', { name: 'Play it on anything' }).waitFor();
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
