// Every state of the checkout in every dress: no axe violation of WCAG 2.2 AA, no sideways scrolling, targets large enough,
// nothing from elsewhere, few bytes.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT } from '../e2e/harness.mjs';
import { DRESSES, LANGUAGES, STATES, launch, open, serveStates, states } from './pages.mjs';

const TARGET_MIN_PX = 24;
const PAGE_BYTES_MAX = 60_000;
const axe = readFileSync(path.join(ROOT, 'test/node_modules/axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

let browser, server;
before(async () => {
  browser = await launch();
  server = await serveStates();
});
after(async () => {
  await browser?.close();
  server?.close();
});

// In the page: what is wrong with it, in words.
function inspect({ tags, least }) {
  const faults = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) faults.push(`scrolls sideways: ${scrollWidth} > ${clientWidth}`);
  for (const element of document.querySelectorAll('#live, #live *')) // what hides its overflow hides it from the page's own width
    if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) faults.push(`${element.tagName}.${element.className} is too wide: ${element.scrollWidth}`);
  for (const element of document.querySelectorAll('a, button, summary, input:not([type=hidden])')) {
    const box = element.getBoundingClientRect();
    if (box.width && (box.width < least || box.height < least))
      faults.push(`${element.textContent.trim()}: ${box.width.toFixed(1)} × ${box.height.toFixed(1)}`);
  }
  if (!window.axe) return faults;
  return axe.run({ runOnly: tags, resultTypes: ['violations'] }).then((result) => {
    for (const violation of result.violations)
      for (const node of violation.nodes) faults.push(`${violation.id}: ${node.html} ${node.failureSummary ?? ''}`);
    return faults;
  });
}

async function inspectAll(dress, lang, withAxe) {
  const context = await open(browser, dress);
  const page = await context.newPage();
  const faults = [];
  const tags = dress === 'light' ? [...TAGS, 'best-practice'] : TAGS;
  page.on('pageerror', (error) => faults.push(`script: ${error}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  for (const state of states()) {
    await page.goto(server.url(lang, state));
    await page.evaluate(() => document.querySelectorAll('details').forEach((d) => (d.open = true)));
    if (withAxe) await page.evaluate(axe);
    for (const fault of await page.evaluate(inspect, { tags, least: TARGET_MIN_PX })) faults.push(`${state}: ${fault}`);
  }
  await context.close();
  assert.deepEqual(faults, []);
}

for (const [dress, { lang }] of Object.entries(DRESSES)) test(`${dress}: accessible, nothing sideways, targets large enough`, () => inspectAll(dress, lang, dress !== 'phone')); // for axe a phone is like light
for (const lang of LANGUAGES.filter((l) => l !== 'ru')) test(`320 px wide in ${lang}: nothing sideways, targets large enough`, () => inspectAll('narrow', lang, false));

test('the code is dark on light, at least 200 px wide, in the dark too', async () => {
  const context = await open(browser, 'narrow');
  const page = await context.newPage();
  await page.goto(server.url('en', 'waiting'));
  const svg = page.locator('.qr svg');
  assert.ok((await svg.boundingBox()).width >= 200);
  assert.deepEqual(await svg.locator('path').evaluateAll((paths) => paths.map((p) => getComputedStyle(p).fill)), ['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
  await context.close();
});

test('on a phone the whole code is above the fold, with what the browser itself takes of the screen', async () => {
  const FOLD_PX = 660;
  const context = await open(browser, 'phone');
  const page = await context.newPage();
  const faults = [];
  for (const lang of LANGUAGES)
    for (const state of ['waiting', 'waiting-plain', 'waiting-test', 'waiting-ending']) {
      await page.goto(server.url(lang, state));
      const box = await page.locator('.qr svg').boundingBox();
      if (box.y + box.height > FOLD_PX) faults.push(`${lang} ${state}: ends at ${box.y + box.height}`);
      assert.ok(box.width >= 200, `${lang} ${state}: ${box.width} wide`);
    }
  assert.deepEqual(faults, []);
  await context.close();
});

test('a test payment says TEST wherever the page is scrolled to', async () => {
  const context = await open(browser, 'phone');
  const page = await context.newPage();
  for (const state of ['waiting-test', 'expired-test', 'cancelled-test', 'paid-test']) {
    await page.goto(server.url('en', state));
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    const box = await page.locator('.test').boundingBox();
    assert.ok(box.y >= 0 && box.height > 20, `${state}: the banner is at ${box.y}`);
    assert.match(await page.title(), /^TEST · /);
  }
  for (const state of ['waiting-test', 'expired-test', 'cancelled-test']) {
    await page.goto(server.url('en', state));
    const buttons = await page.locator('.tester button').count();
    assert.equal(await page.locator('.tester').count(), buttons ? 1 : 0, `${state}: no heading without buttons`);
    assert.equal(buttons > 0, state !== 'cancelled-test');
  }
  await page.goto(server.url('en', 'waiting'));
  assert.equal(await page.locator('.test').count(), 0);
  await context.close();
});

test('under 60 kB in all and nothing from elsewhere', async () => {
  const context = await open(browser, 'light');
  const page = await context.newPage();
  for (const state of states()) {
    let bytes = 0;
    const urls = [];
    const count = async (response) => {
      urls.push(response.url());
      bytes += (await response.body()).length;
    };
    const pending = [];
    const listen = (response) => pending.push(count(response));
    page.on('response', listen);
    await page.goto(server.url('zh', state), { waitUntil: 'load' });
    await Promise.all(pending);
    page.off('response', listen);
    assert.ok(bytes > 1000 && bytes < PAGE_BYTES_MAX, `${state}: ${bytes} bytes`);
    const origin = new URL(server.url('zh', state)).origin;
    assert.deepEqual(urls.filter((url) => !url.startsWith(origin) && !url.startsWith('data:')), []);
  }
  await context.close();
});

test('right to left: addresses and sums keep their direction', async () => {
  const context = await open(browser, 'right-to-left');
  const page = await context.newPage();
  await page.goto(server.url('ar', 'waiting'));
  assert.equal(await page.locator('html').getAttribute('dir'), 'rtl');
  for (const id of ['#sum', '#address']) assert.equal(await page.locator(id).evaluate((e) => e.tagName), 'BDI');
  assert.ok((await page.locator('.copy').first().boundingBox()).x < (await page.locator('#sum').boundingBox()).x);
  await context.close();
});

test('printing leaves the receipt and takes the rest away', async () => {
  const context = await open(browser, 'light');
  const page = await context.newPage();
  await page.goto(server.url('en', 'paid-test'));
  await page.emulateMedia({ media: 'print' });
  assert.ok(await page.locator('.receipt').isVisible());
  for (const gone of ['#print', '.next', 'footer nav']) assert.ok(!(await page.locator(gone).isVisible()), gone);
  assert.equal(await page.locator('.receipt').evaluate((e) => getComputedStyle(e, '::after').content), '"TEST"');
  assert.ok(!(await page.getByText('The shop is being told').isVisible()), 'what is true only now');
  await page.clock.setFixedTime('2026-07-01T20:00:00Z');
  await page.reload();
  assert.match(await page.locator('.receipt time').textContent(), /Jul 1, 2026/, 'a receipt has its date, on its day too');
  await context.close();
});

test('while it is confirmed the page counts on by itself, and the chain sets it right', async () => {
  const context = await open(browser, 'phone');
  const page = await context.newPage();
  const shown = async () => [await page.locator('#blocks').textContent(), await page.locator('#seconds').textContent(), await page.locator('progress').evaluate((bar) => `${bar.value}/${bar.max}`)];
  const answers = [];
  await page.route('**/status?*', (route) => (answers.length ? route.fulfill({ json: answers.shift() }) : undefined)); // left waiting
  await page.clock.install();
  await page.goto(server.url('en', 'confirming'));
  const [before] = await shown(); // the clock goes on, too
  assert.match(before, /^Confirmations: [78] of 18\.$/);
  await page.clock.runFor(10100);
  const [done, left, bar] = (await shown()).map((text) => Number(/\d+/.exec(text)));
  assert.ok(done >= Number(/\d+/.exec(before)) + 3 && done <= 14 && left <= 24 && bar === done, `${done} blocks, ${left} s, bar at ${bar}`);
  await page.clock.runFor(60000); // it never says that what is not final is
  assert.deepEqual(await shown(), ['Confirmations: 18 of 18.', 'Seconds left: about 3.', '18/18']);
  answers.push({ state: 'confirming', blocks_done: 10, blocks_needed: 21, seconds_left: 33 });
  await page.clock.runFor(31000); // the poll that hangs is given up
  await page.waitForFunction(() => document.getElementById('blocks').textContent.includes('21'));
  assert.match((await shown())[0], /^Confirmations: 1\d of 21\.$/);
  await context.close();
});

test('an answer about a named transaction goes when the payment changes, and is not sent again by a reload', async () => {
  const context = await open(browser, 'phone');
  const page = await context.newPage();
  const html = readFileSync(path.join(STATES, 'en', 'paid.html'), 'utf8').match(/<div id="live"[^]*<\/div>\s*<\/main>/)[0].replace('</main>', '');
  let asked = null;
  await page.route('**/status?*', (route) => (asked = route));
  await page.goto(server.url('en', 'underpaid-claimed'));
  assert.match(await page.locator('#answer').textContent(), /^Noted/);
  assert.match(page.url(), /\?id=\d+$/);
  for (let i = 0; !asked && i < 100; i++) await page.waitForTimeout(20);
  await asked.fulfill({ json: { version: 9, state: 'paid', html } });
  await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor();
  assert.equal(await page.locator('#answer').count(), 0);
  await context.close();
});
