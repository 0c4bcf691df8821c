// Takes a screenshot of the page with Chromium.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { requirePrograms } from '../../tools/programs.ts';

const width = 1440;

/** @param first the number of dashboards to include; default: all */
export async function photograph(page: string, image: string, first?: number): Promise<void> {
  const { chromium: executablePath } = await requirePrograms(['chromium'], false);
  const broken: Error[] = [];
  const args = ['--no-sandbox', '--disable-gpu'];
  const browser = await chromium.launch({ executablePath, args });
  try {
    const tab = await browser.newPage({ viewport: { width, height: 900 } });
    tab.on('pageerror', (error) => broken.push(error));
    await tab.goto(pathToFileURL(resolve(page)).href);
    const grids = await tab.locator('.grid').all();
    const box = await grids[(first ?? grids.length) - 1]?.boundingBox();
    const height = Math.ceil((box?.y ?? 0) + (box?.height ?? 900) + 20);
    if (broken[0]) throw broken[0];
    await tab.setViewportSize({ width, height });
    await tab.screenshot({ path: image, clip: { x: 0, y: 0, width, height } });
  } finally {
    await browser.close();
  }
}
