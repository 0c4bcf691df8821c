// The test page in a real browser, against the real service.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { freePort } from '../harness/processes.ts';
import { startApp, tokenFor } from '../harness/service.ts';
import { startWebhook } from '../harness/webhook.ts';

const flags =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking ' +
  '--disable-component-update --disable-sync';

let service: ChildProcess;
let browser: Browser;
let origin: string;
let operations: string;
const problems: string[] = [];

beforeAll(async () => {
  const [PORT, OPERATIONS_PORT] = [`${await freePort()}`, `${await freePort()}`];
  origin = `http://localhost:${PORT}`;
  operations = `http://localhost:${OPERATIONS_PORT}`;
  const ports = { PORT, OPERATIONS_PORT };
  const limits = { PRESENCE_EVENTS_MEMBERS_MAX: '2' }; // of a small room
  const env = { ...process.env, ...ports, ...limits, LOG_LEVEL: 'warn', API_KEY: 'k'.repeat(32) };
  const command = ['service/main.ts', '--development'];
  service = spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  await vi.waitFor(async () => expect((await fetch(`${operations}/readyz`)).ok).toBe(true), 20_000);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags.split(' ') });
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  expect(problems.splice(0)).toEqual([]);
});

afterAll(async () => {
  await browser?.close();
  if (service?.kill()) await once(service, 'exit');
});

test('two tabs in a room see who is there, who is typing and what is written', async () => {
  const [alice, bob] = await meet('pier');
  await say(alice, 'Is <b>anyone</b> here?');
  await bob.getByText('Is <b>anyone</b> here?').waitFor();
  await bob.getByLabel('Message to pier').pressSequentially('I am');
  await alice.getByText('bob is typing').waitFor();
  await alice.getByText('bob is typing').waitFor({ state: 'hidden' });
  await bob.keyboard.press('Enter');
  await expect.poll(() => delivered(alice)).toEqual(['Is <b>anyone</b> here?', 'I am']);
  const members = alice.getByRole('region', { name: 'In this room' }).locator('.name');
  await expect.poll(() => members.allTextContents()).toEqual(['alice', 'bob']);
});

test('a tab in a large room sees how many are there and who comes and goes', async () => {
  const [alice] = await meet('plaza');
  const admin = await signIn('admin');
  await join(admin, 'plaza');
  const members = alice.getByRole('region', { name: 'In this room' }).locator('.name');
  await expect.poll(() => members.allTextContents()).toEqual(['admin', 'alice', 'bob']);
  await alice.getByText('3 people are here').waitFor();
  await admin.getByRole('button', { name: 'Leave' }).click();
  await alice.getByText('2 people are here').waitFor();
  await expect.poll(() => members.allTextContents()).toEqual(['alice', 'bob']);
});

test('messages in an inactive room are counted as unread until it is opened', async () => {
  const [alice, bob] = await meet('quiet');
  await join(alice, 'busy');
  for (const text of ['one', 'two']) await say(bob, text);
  await alice.getByRole('button', { name: 'quiet, 2 unread' }).click();
  await alice.getByRole('button', { name: 'quiet', exact: true }).waitFor();
  expect(await delivered(alice)).toEqual(['one', 'two']);
});

test('a tab whose connection is cut gets what it missed, once and in order', async () => {
  const [alice, bob] = await meet('storm');
  await say(alice, 'before');
  await bob.getByText('before').waitFor();
  await alice.route('**/socket.io/?*', (route) => route.abort());
  await alice.getByRole('button', { name: 'Close the transport' }).click();
  await alice
    .getByText(/^Reconnecting\./)
    .first()
    .waitFor();
  for (const text of ['first', 'second', 'third']) await say(bob, text);
  await expect.poll(() => delivered(bob)).toHaveLength(4);
  await say(alice, 'written meanwhile');
  await alice.getByText('Waiting for the connection').waitFor();
  await alice.unroute('**/socket.io/?*');
  await alice.getByText('recovered with 3 messages').waitFor();
  const all = ['before', 'first', 'second', 'third', 'written meanwhile'];
  for (const tab of [alice, bob]) await expect.poll(() => delivered(tab)).toEqual(all);
  await alice.locator('[data-key=Recovered]', { hasText: 'yes' }).waitFor();
});

test('a tab that disconnects on purpose joins again and fetches the history', async () => {
  const [alice, bob] = await meet('ashore');
  await alice.getByRole('button', { name: 'Disconnect' }).click();
  await say(bob, 'while you were out');
  await expect.poll(() => delivered(bob)).toEqual(['while you were out']);
  await alice.getByRole('button', { name: 'Connect', exact: true }).click();
  await expect.poll(() => delivered(alice)).toEqual(['while you were out']);
  await alice.locator('[data-key=Recovered]', { hasText: 'no' }).waitFor();
});

test('an admin sees the pods and announces to all; a notification reaches its user', async () => {
  const [[alice, bob], admin] = await Promise.all([meet('square'), signIn('admin')]);
  expect(await alice.getByLabel('Announcement to everyone').isVisible()).toBe(false);
  await admin.getByLabel('Announcement to everyone').fill('High tide at noon');
  await admin.getByRole('button', { name: 'Send announcement' }).click();
  for (const tab of [alice, bob, admin]) await tab.getByText('High tide at noon').waitFor();
  await admin
    .locator('#pods')
    .getByText(/^[1-9]\d* connections$/)
    .waitFor();
  expect(await alice.locator('#fleet').isVisible()).toBe(false);
  await alice.getByRole('button', { name: 'Dismiss announcement' }).click();
  await alice.getByText('High tide at noon').waitFor({ state: 'hidden' });
  const body = { users: ['bob'], event: 'notification', data: { text: 'Your berth is ready' } };
  const headers = { authorization: `Bearer ${'k'.repeat(32)}`, 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  expect((await fetch(`${operations}/v1/publish`, init)).status).toBe(202);
  await bob.getByText('Your berth is ready').waitFor();
  expect(await alice.getByText('Your berth is ready').isVisible()).toBe(false);
});

test('the keyboard alone signs in, joins and sends', async () => {
  const tab = await openTab();
  await tab.locator(':focus', { hasText: 'alice' }).waitFor();
  await tab.keyboard.press('Tab');
  await tab.keyboard.press('Enter');
  await tab.locator('#room:focus').waitFor();
  await tab.keyboard.type('keys');
  await tab.keyboard.press('Enter');
  await tab.locator('#message:focus').waitFor();
  await tab.keyboard.type('Look, no mouse');
  await tab.keyboard.press('Enter');
  await expect.poll(() => delivered(tab)).toEqual(['Look, no mouse']);
});

test('a token in the URL signs in, is removed from the URL, and is stored in the tab', async () => {
  const tab = await openTab();
  const ready = 'fetch("/page.json").then((answer) => answer.json())';
  const token = await tab.evaluate(`${ready}.then(({ tokens }) => tokens[0].token)`);
  await tab.goto(`${origin}/#token=${token}&room=from-address`);
  await tab.getByRole('heading', { name: 'from-address' }).waitFor();
  expect(tab.url()).toBe(`${origin}/`);
  await tab.reload();
  await tab.getByRole('heading', { name: 'from-address' }).waitFor();
});

test('a refused token shows the reason, and another can be tried', async () => {
  const tab = await openTab();
  await tab.getByLabel('Paste a token').fill('not a token');
  await tab.keyboard.press('Enter');
  await expect.poll(() => tab.getByRole('alert').first().textContent()).toMatch(/token/i);
  await tab.getByRole('button', { name: 'alice' }).click();
  await tab.getByLabel('Room to join').waitFor();
});

test('a room whose webhook no longer allows it says so, and can be opened again', async () => {
  const webhook = await startWebhook();
  const { url } = await startApp({
    PAGE: 'on',
    ROOM_ACCESS: 'webhook',
    ROOM_ACCESS_URL: webhook.url,
    ROOM_ACCESS_MS_MAX: '1000',
  });
  const tab = await openTab();
  await tab.goto(`${url}/#token=${tokenFor('alice')}&room=vault`);
  await tab.getByRole('heading', { name: 'vault', exact: true }).waitFor();
  await say(tab, 'inside');
  await expect.poll(() => delivered(tab)).toEqual(['inside']);
  webhook.denied.add('vault');
  await tab.getByText('You left vault').waitFor();
  await expect.poll(() => tab.locator('#room-summary').textContent()).toBe('Access ended');
  webhook.denied.clear();
  await expect
    .poll(async () => {
      await tab.getByRole('button', { name: 'vault', exact: true }).click();
      return tab.locator('#room-summary').textContent();
    })
    .toBe('Only you are here');
});

test('a phone shows one pane at a time and never scrolls sideways', async () => {
  const tab = await signIn('alice');
  await tab.setViewportSize({ width: 360, height: 740 });
  await tab.getByLabel('Views').getByRole('button', { name: 'Rooms' }).click();
  await join(tab, 'a-room-with-a-rather-long-name.and-more-of-it');
  await say(tab, 'x'.repeat(200));
  for (const pane of ['Rooms', 'Connection', 'Conversation']) {
    await tab.getByLabel('Views').getByRole('button', { name: pane }).click();
    expect(await tab.evaluate('document.documentElement.scrollWidth')).toBe(360);
  }
});

async function openTab(): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    const polled = message.location().url.includes('/socket.io/'); // closed on purpose, or refused
    if (message.type() === 'error' && !polled) problems.push(message.text());
  });
  await page.goto(origin);
  return page;
}

async function signIn(userId: string): Promise<Page> {
  const page = await openTab();
  await page.getByRole('button', { name: userId }).click();
  await page.getByLabel('Room to join').waitFor();
  return page;
}

async function meet(room: string): Promise<[Page, Page]> {
  const tabs: [Page, Page] = await Promise.all([signIn('alice'), signIn('bob')]);
  for (const tab of tabs) await join(tab, room);
  return tabs;
}

async function join(page: Page, room: string): Promise<void> {
  await page.getByLabel('Room to join').fill(room);
  await page.getByRole('button', { name: 'Join', exact: true }).click();
  await page.getByRole('heading', { name: room, exact: true }).waitFor();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel(/^Message to/).fill(text);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
}

const delivered = (page: Page) =>
  page.getByRole('log').locator('[data-state=""] .text').allTextContents();
