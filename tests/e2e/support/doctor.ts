/** The room doctor as it is asked and read. */
import type { Locator, Page } from '@playwright/test';
import { visit } from './room.ts';

/** Opens the doctor from People; the first look is over when this resolves. */
export async function askDoctor(page: Page): Promise<Locator> {
  await visit(page, 'People');
  await page.getByRole('button', { name: /^Room doctor/ }).click();
  return lookedAround(page);
}

export async function lookedAround(page: Page): Promise<Locator> {
  const doctor = page.getByRole('dialog', { name: 'Room doctor' });
  await doctor.getByRole('button', { name: 'Look again' }).waitFor({ timeout: 30_000 });
  return doctor;
}

export async function lookAgain(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Look again' }).click();
  return lookedAround(page);
}

/** What is named as wrong. */
export function problem(doctor: Locator, text: string | RegExp): Locator {
  return doctor
    .getByRole('listitem')
    .filter({ hasText: text })
    .filter({ hasText: /Wrong:|Mind:/ });
}

/** Everything that is named as wrong, but for how slowly this machine answers itself when others use it. */
export async function problemsNamed(doctor: Locator): Promise<string[]> {
  const named = await problem(doctor, '').allInnerTexts();
  return named.filter((text) => !/takes (longer than )?\d+ ms/.test(text));
}
