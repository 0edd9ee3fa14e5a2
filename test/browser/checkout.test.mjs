// A payment in a real browser, from the signed request to the verified webhook, with JavaScript and without; under a path prefix.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Receiver, Server, hmacHex, sleep, standardSignatureOk, until } from '../e2e/harness.mjs';
import { launch } from './pages.mjs';

const SITE = 'https://teahouse-checkout.com';
let browser, server, receiver, keys;
before(async () => {
  [browser, server, receiver] = await Promise.all([launch(), Server.start({ prefix: '/gate' }), Receiver.start()]);
  keys = (await server.addProject({ name: 'Teahouse', website: SITE, webhook: receiver.url })).test;
});
after(async () => {
  await browser?.close();
  await receiver?.close();
  await server?.close();
});

const create = (order) => server.createOk(keys, { success_url: `${SITE}/thanks`, fail_url: `${SITE}/basket`, ...order });

// A page on the payment; the shop's site is played, everything else from outside is a failure.
async function visit(payment, { javaScriptEnabled = true, permissions = [] } = {}) {
  const context = await browser.newContext({ javaScriptEnabled, locale: 'en-US', timezoneId: 'Europe/Berlin', viewport: { width: 390, height: 844 } });
  await context.grantPermissions(permissions, { origin: server.origin });
  const faults = [];
  await context.route(/^https?:/, (route) => {
    const url = route.request().url();
    if (url.startsWith(server.origin + server.prefix)) return route.continue();
    if (url.startsWith(SITE)) return route.fulfill({ contentType: 'text/html', body: '<h1>Shop</h1>' });
    faults.push(`asks ${url}`);
    return route.abort();
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  await page.goto(payment.payment_url);
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

async function assertWebhook(payment) {
  const [record] = await receiver.wait(payment.payment_id);
  assert.equal(record.headers['x-signature'], hmacHex(keys.api_secret, record.body));
  assert.ok(standardSignatureOk(keys.webhook_secret, record));
  assert.equal(JSON.parse(record.body).status, 'paid');
}

test('with JavaScript: create, pay, receipt, webhook, back to the shop', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  assert.equal(await page.locator('#address').textContent(), payment.address);
  assert.equal(Number(await page.locator('#sum').textContent()), Number(payment.pay_amount));
  await page.getByRole('button', { name: 'Pay exactly' }).click();
  await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor();
  assert.match(await page.locator('.receipt').textContent(), new RegExp(`${payment.order_id}.*test_`, 's'));
  await assertWebhook(payment);
  assert.equal(await page.locator('.next a').getAttribute('href'), `${SITE}/thanks`);
  await page.waitForURL(`${SITE}/thanks`, { timeout: 9000 });
  await close();
});

test('without JavaScript: the same, by refresh', async () => {
  const payment = await create();
  const { page, close } = await visit(payment, { javaScriptEnabled: false });
  assert.equal(await page.locator('#address').textContent(), payment.address);
  assert.ok(await page.locator('.qr svg').isVisible());
  assert.ok(!(await page.locator('.copy').first().isVisible()), 'what needs a script is not shown');
  await page.getByText('Paying from an exchange?').click();
  assert.ok(await page.getByText('Many exchanges take their fee').isVisible());
  assert.match(await page.locator('noscript').first().innerHTML(), /http-equiv="refresh" content="10"/);
  await page.getByRole('button', { name: 'Pay exactly' }).click();
  await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor();
  await assertWebhook(payment);
  await page.waitForURL(`${SITE}/thanks`, { timeout: 9000 });
  await close();
});

test('paid elsewhere: the open page changes within a second and says so', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  await page.locator('#exchange summary').click();
  await sleep(300);
  await server.testAction(payment.payment_id, 'underpay');
  await page.getByRole('heading', { name: 'Part of the money is still missing' }).waitFor({ timeout: 1000 });
  assert.ok(await page.locator('#exchange').evaluate((e) => e.open), 'what was open stays open');
  assert.match(await page.getByRole('status').textContent(), /^Part of the money is still missing/);
  const rest = Number(payment.pay_amount) - Number(payment.pay_amount) / 2;
  assert.equal(Number(await page.locator('#sum').textContent()), rest);
  await server.testAction(payment.payment_id, 'pay');
  await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor({ timeout: 1000 });
  assert.match(await page.title(), /^TEST · Paid\. Thank you! – Teahouse$/);
  await page.getByRole('button', { name: 'Stay here' }).click();
  await sleep(6000);
  assert.ok(page.url().startsWith(server.origin), 'whoever wants to stay may stay');
  await close();
});

test('the page waits in one request, and only while it is visible', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  let polls = 0;
  page.on('request', (request) => (polls += request.url().includes('/pay/status')));
  await sleep(2500);
  assert.ok(polls <= 1, `${polls} polls in 2.5 s`);
  const see = (state) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  await see('hidden');
  polls = 0;
  await server.testAction(payment.payment_id, 'underpay');
  await sleep(1500);
  assert.equal(polls, 0, 'nobody looks, nobody asks');
  await see('visible');
  await page.getByRole('heading', { name: 'Part of the money' }).waitFor({ timeout: 1000 });
  await close();
});

test('copying the sum and the address', async () => {
  const payment = await create();
  const { page, close } = await visit(payment, { permissions: ['clipboard-read', 'clipboard-write'] });
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole('button', { name: 'Copy the address' }).click();
  await until(async () => (await clipboard()) === payment.address, 'the address is on the clipboard', 2000);
  assert.equal(await page.getByRole('status').textContent(), 'Copied');
  await page.getByRole('button', { name: 'Copy the amount' }).click();
  await until(async () => Number(await clipboard()) === Number(payment.pay_amount), 'the sum is on the clipboard', 2000);
  await close();
});

test('copying where the clipboard is refused', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  await page.evaluate(() => {
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
    document.addEventListener('copy', () => (window.copied = String(getSelection())));
  });
  await page.getByRole('button', { name: 'Copy the address' }).click();
  await until(() => page.evaluate(() => window.copied), 'the old way of copying', 2000);
  assert.equal(await page.evaluate(() => window.copied), payment.address);
  await close();
});

test('with the keyboard alone: copy, more time, cancel', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  const tabTo = async (name) => {
    for (let i = 0; i < 40; i++) {
      await page.keyboard.press('Tab');
      const focus = await page.evaluate(() => {
        const e = document.activeElement;
        return { text: e.getAttribute('aria-label') ?? e.textContent.trim(), outline: getComputedStyle(e).outlineStyle };
      });
      if (focus.text !== name) continue;
      assert.notEqual(focus.outline, 'none', `the focus on ${name} is visible`);
      return;
    }
    assert.fail(`${name} is not reached`);
  };
  await tabTo('Copy the amount');
  await tabTo('Copy the address');
  await tabTo('I need more time');
  await page.keyboard.press('Enter');
  await page.waitForLoadState();
  await until(async () => (await page.getByRole('button', { name: 'I need more time' }).count()) === 0, 'the time is extended once');
  await tabTo('Cancel this payment');
  await page.keyboard.press('Enter');
  await tabTo('Yes, cancel the payment');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'This payment was cancelled' }).waitFor();
  await page.waitForURL(`${SITE}/basket`, { timeout: 9000 });
  await close();
});

test('calm at first; the countdown shows near the end, and is announced', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  assert.ok(!(await page.locator('#timer').isVisible()));
  await page.clock.install();
  await page.reload();
  await page.clock.runFor('25:02');
  assert.match(await page.locator('#timer').textContent(), /^Minutes left: 4:5\d$/);
  assert.equal(await page.getByRole('status').textContent(), '5 minutes left');
  await close();
});

test('at the end of its time the page asks again by itself', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  let asked = 0;
  await page.goto('about:blank'); // only the polls of the page that comes count
  const html = '<div id="live" data-state="expired"><div class="head"><h1>Over</h1></div></div>';
  await page.route('**/pay/status?*', (route) => { // the first poll is left hanging
    if (asked++) route.fulfill({ json: { version: 2, state: 'expired', html } });
  });
  await page.route('**/pay/?id=*', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: (await response.text()).replace(/data-left="\d+"/, 'data-left="8"') });
  });
  await page.goto(payment.payment_url);
  await page.locator('#timer').waitFor();
  await until(() => asked, 'the page polls', 4000);
  assert.equal(await page.getByRole('heading', { name: 'Over' }).count(), 0);
  await page.getByRole('heading', { name: 'Over' }).waitFor({ timeout: 12000 }); // the poll itself would wait 30 s
  await close();
});

test('a lost connection is said, and the page goes on by itself', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  let broken = true;
  let polls = 0; // of the page that is loaded next; the first one passes
  await page.goto('about:blank');
  await page.route('**/pay/status?*', (route) => (polls++ && broken ? route.fulfill({ status: 502 }) : route.continue()));
  await page.goto(payment.payment_url);
  await until(() => polls, 'the page polls', 4000);
  await server.testAction(payment.payment_id, 'underpay'); // ends the poll under way
  await page.getByRole('heading', { name: 'Part of the money' }).waitFor();
  await page.getByText('No connection.').waitFor({ timeout: 5000 });
  broken = false;
  await server.testAction(payment.payment_id, 'pay');
  await page.getByRole('heading', { name: 'Paid. Thank you!' }).waitFor({ timeout: 9000 });
  assert.ok(!(await page.getByText('No connection.').count()));
  await page.context().close();
});

test('the language switch keeps the payment', async () => {
  const payment = await create();
  const { page, close } = await visit(payment);
  for (const [name, heading] of [['العربية', 'في انتظار دفعتك'], ['Русский', 'Ждём вашу оплату'], ['中文', '正在等待您付款'], ['Español', 'Esperamos su pago']]) {
    await page.getByRole('link', { name }).click();
    await page.getByRole('heading', { name: heading }).waitFor();
  }
  await server.testAction(payment.payment_id, 'underpay');
  await page.getByRole('heading', { name: 'Todavía falta' }).waitFor({ timeout: 1500 });
  await page.getByRole('button', { name: 'Pagar exacto' }).click();
  await page.getByRole('heading', { name: 'Pagado' }).waitFor();
  await close();
});
