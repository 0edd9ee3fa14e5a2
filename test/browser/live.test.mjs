// Live payments in a real browser, on a simulated chain: waiting → seen → confirming → paid by itself, delayed confirmations,
// and the transaction that a payer names. Blocks are made on command.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BINARY, Receiver, Server, run, until } from '../e2e/harness.mjs';
import { SimChain } from '../e2e/simnode.mjs';
import { DRESSES, launch } from './pages.mjs';

const SITE = 'https://teahouse-live.com';
const XPUB =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';
const BLOCK_MS = 3000;
const BLOCKS = 60;
const AGE_MS = 120_000; // of the newest block at first: longer than a chain may stand still
const SOON_MS = 15_000;
let browser, chain, server, receiver, keys;
before(async () => {
  const genesis = Date.now() - AGE_MS - BLOCKS * BLOCK_MS;
  [browser, chain, receiver] = await Promise.all([
    launch(),
    SimChain.start({ args: ['--pace', '0', '--blocks', BLOCKS, '--genesis', genesis - (genesis % BLOCK_MS)].map(String) }),
    Receiver.start(),
  ]);
  server = await Server.start({ args: chain.args(['--trust', 'verified:1']) });
  const project = await server.addProject({ name: 'Teahouse', website: SITE, webhook: receiver.url });
  assert.equal((await server.setProject(project.app_id, { mode: 'live' })).code, 0);
  await server.cliJson(['address', 'set-xpub', String(project.app_id), XPUB]);
  keys = project.live;
});
after(async () => {
  await browser?.close();
  await receiver?.close();
  await server?.close();
  await chain?.stop();
});

const create = () => server.createOk(keys, { success_url: `${SITE}/thanks`, fail_url: `${SITE}/basket` });
const mine = (n) => chain.do('mine', { n });
const heading = (page, name) => page.getByRole('heading', { name });

// A page on the payment; the shop's site answers nothing, everything else from outside is a failure.
async function visit(payment, dress, options = {}) {
  const { viewport, colorScheme } = DRESSES[dress];
  const context = await browser.newContext({ viewport, colorScheme, locale: 'en-US', ...options });
  const faults = [];
  await context.route(/^https?:/, (route) => {
    const url = route.request().url();
    if (url.startsWith(server.origin)) return route.continue();
    if (!url.startsWith(SITE)) faults.push(`asks ${url}`);
    return route.fulfill({ status: 204 });
  });
  const page = await context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(payment.payment_url);
  const close = async () => {
    await context.close();
    assert.deepEqual(faults, []);
  };
  return { page, close };
}

// Whoever comes back to the page sees at once what is new.
async function comeBack(page) {
  for (const value of ['hidden', 'visible'])
    await page.evaluate((state) => {
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, value);
}

// The same without a script, where the page loads itself again: now instead of in ten seconds.
async function refresh(page) {
  assert.match(await page.locator('noscript').first().innerHTML(), /http-equiv="refresh" content="10"/);
  await page.reload();
}

async function refreshUntil(page, name) {
  await until(async () => {
    await refresh(page);
    return heading(page, name).count();
  }, `"${name}" without JavaScript`, SOON_MS, 300);
}

// Somebody else checks the file with a list of witnesses of his own; a changed byte is refused.
async function assertProves(file, txid) {
  const folder = mkdtempSync(path.join(tmpdir(), 'cryptopay-proof-'));
  const put = (name, content) => (writeFileSync(path.join(folder, name), content), path.join(folder, name));
  const witnesses = put('witnesses.json', JSON.stringify((await chain.do('witnesses')).witnesses));
  const verify = (proof) => run(BINARY, ['proof', 'verify', proof, '--network', 'custom', '--usdt-contract', chain.token, '--witness-file', witnesses, '--json']);
  const checked = await verify(file);
  assert.equal(checked.code, 0, checked.stdout);
  assert.equal(JSON.parse(checked.stdout).txid, txid);
  const bytes = readFileSync(file);
  for (let i = 0; i < 10; i++) {
    const changed = Buffer.from(bytes);
    changed[Math.floor((i * bytes.length) / 10)] ^= 1 << i % 7;
    assert.equal((await verify(put('changed.json', changed))).code, 1, `change ${i} is refused`);
  }
  rmSync(folder, { recursive: true });
}

test('a chain that stands still is said, and it is over when blocks come again', async () => {
  const payment = await create();
  const [{ page, close }, plain] = await Promise.all([visit(payment, 'phone'), visit(payment, 'dark', { javaScriptEnabled: false })]);
  for (const view of [page, plain.page]) {
    await heading(view, 'Waiting for your payment').waitFor();
    assert.ok(await view.getByText('Confirmations are delayed just now.').isVisible());
    assert.ok(await view.locator('#address').isVisible(), 'one can pay all the same');
  }
  await chain.do('skip', { slots: AGE_MS / BLOCK_MS });
  await mine(1);
  await until(async () => {
    await comeBack(page);
    return (await page.getByText('Confirmations are delayed').count()) === 0;
  }, 'the notice goes away by itself', SOON_MS, 500);
  await plain.page.reload();
  assert.equal(await plain.page.getByText('Confirmations are delayed').count(), 0);
  await Promise.all([close(), plain.close()]);
});

test('waiting, seen, confirming, paid: by itself, and without JavaScript by refresh', async () => {
  const payment = await create();
  const [{ page, close }, plain] = await Promise.all([visit(payment, 'phone'), visit(payment, 'dark', { javaScriptEnabled: false })]);
  assert.ok(await page.getByText('Cancel this payment').isVisible());
  const { txid } = await chain.transfer(payment.address, payment.pay_amount);
  await mine(1);
  await heading(page, 'Your payment is on its way').waitFor({ timeout: SOON_MS });
  assert.match(await page.getByRole('status').first().textContent(), /^Your payment is on its way/);
  assert.equal(await page.locator('.wide dd').textContent(), txid);
  for (const gone of ['Cancel this payment', 'I have paid, but it does not show']) assert.equal(await page.getByText(gone).count(), 0);
  assert.equal(await page.locator('#address').count(), 0, 'nobody pays twice');
  const seen = (await server.status(payment.payment_id, keys)).json.payment;
  assert.deepEqual([seen.status, seen.substatus, 'txid' in seen], ['pending', 'seen', false]);
  await refreshUntil(plain.page, 'Your payment is on its way');

  await mine(4);
  await heading(page, 'Your payment is being confirmed').waitFor({ timeout: SOON_MS });
  const [, done, needed] = /^Confirmations: (\d+) of (\d+)\.$/.exec(await page.locator('#blocks').textContent());
  assert.ok(done >= 1 && done <= 8 && needed >= 16 && needed <= 24, `${done} of ${needed}`);
  assert.match(await page.locator('#seconds').textContent(), /^Seconds left: about \d+\.$/);
  await refreshUntil(plain.page, 'Your payment is being confirmed');
  assert.match(await plain.page.locator('#blocks').textContent(), /^Confirmations: \d+ of \d+\.$/);
  assert.equal(receiver.for(payment.payment_id).length, 0, 'nothing is told before it is final');

  await mine(20);
  await heading(page, 'Paid. Thank you!').waitFor({ timeout: SOON_MS });
  assert.match(await page.locator('.receipt').textContent(), new RegExp(txid));
  const [webhook] = await receiver.wait(payment.payment_id);
  assert.equal(JSON.parse(webhook.body).txid, txid);
  const proof = page.getByRole('link', { name: 'Download the proof of payment' });
  await proof.waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), proof.click()]);
  assert.equal(download.suggestedFilename(), `payment-${payment.payment_id}-proof.json`);
  await assertProves(await download.path(), txid);
  await plain.page.reload();
  await heading(plain.page, 'Paid. Thank you!').waitFor();
  await Promise.all([close(), plain.close()]);
});

test('underpaid, then the rest', async () => {
  const payment = await create();
  const { page, close } = await visit(payment, 'light');
  await chain.transfer(payment.address, '20');
  await mine(22);
  await heading(page, 'Part of the money is still missing').waitFor({ timeout: SOON_MS });
  const rest = await page.locator('#sum').textContent();
  assert.equal(Number(rest), Number(payment.pay_amount) - 20);
  await chain.transfer(payment.address, rest);
  await mine(22);
  await heading(page, 'Paid. Thank you!').waitFor({ timeout: SOON_MS });
  await close();
});

test('a transaction that does not show is named, with and without JavaScript', async () => {
  const payment = await create();
  for (const javaScriptEnabled of [true, false]) {
    const { page, close } = await visit(payment, 'phone', { javaScriptEnabled });
    const name = async (text) => {
      if (!(await page.locator('#txid').isVisible())) await page.getByText('I have paid, but it does not show').click();
      const still = page.getByRole('link', { name: 'enter it on a page that stays as it is' });
      if (await still.count()) await still.click();
      if (!javaScriptEnabled) assert.equal(await page.locator('meta[http-equiv=refresh]').count(), 0, 'nothing that is typed is lost');
      await page.getByLabel('Transaction number or link').fill(text);
      await page.getByRole('button', { name: 'Look for it' }).click();
      await page.locator('#answer').waitFor();
      return page.locator('#answer').textContent();
    };
    assert.match(await name('my payment'), /^That is no transaction number/);
    assert.equal(await page.locator('#txid').inputValue(), 'my payment', 'it can be mended');
    assert.match(await name(`https://tronscan.org/#/transaction/${'ab'.repeat(32)}`), /^Noted: the shop sees it/);
    assert.ok(await page.locator('#address').isVisible());
    if (javaScriptEnabled) await page.reload(); // asks nothing again
    else await page.goBack();
    await close();
  }
});
