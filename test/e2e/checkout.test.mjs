// The checkout from outside, without a browser: answers, headers, long poll, buttons.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, request, sleep } from './harness.mjs';

let server, project, keys;
before(async () => {
  server = await Server.start({ prefix: '/gate' });
  project = await server.addProject({ name: 'Tea & <House>' });
  keys = project.test;
});
after(() => server?.close());

const create = (order) => server.createOk(keys, order);
const page = (id, { lang, headers } = {}) => request(server.url(`/pay/?id=${id}${lang ? `&lang=${lang}` : ''}`), { headers });
const post = (action, form, headers = {}) =>
  request(server.url(`/pay/${action}`), {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });
const poll = (id, { v = 0, s = '' } = {}) => request(server.url(`/pay/status?id=${id}&v=${v}&s=${s}`));

test('the page has what a payer needs, and its headers', async () => {
  const payment = await create({ description: 'for the records only' });
  const answer = await request(payment.payment_url);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^text\/html; charset=utf-8$/);
  for (const part of [payment.address.slice(6, -6), payment.order_id, 'Tea &amp; &lt;House&gt;', 'TRON (TRC20)', '<svg', '<strong>TEST</strong>'])
    assert.ok(answer.text.includes(part), part);
  for (const secret of [keys.api_key, keys.api_secret, keys.webhook_secret, 'for the records only']) assert.ok(!answer.text.includes(secret));
  const h = answer.headers;
  assert.equal(
    h['content-security-policy'],
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  );
  assert.equal(h['referrer-policy'], 'no-referrer');
  assert.equal(h['x-content-type-options'], 'nosniff');
  assert.equal(h['cross-origin-opener-policy'], 'same-origin');
  assert.equal(h['cache-control'], 'no-store');
  assert.equal(h['set-cookie'], undefined);
});

test('css and js are kept for ever under the hash of their bytes', async () => {
  const { text } = await page((await create()).payment_id);
  const files = [...text.matchAll(/"(\/gate\/static\/[^"]+)"/g)].map((match) => match[1]);
  assert.equal(files.length, 2);
  for (const file of files) {
    const answer = await request(server.origin + file);
    assert.equal(answer.status, 200);
    assert.match(file, /\.[0-9a-f]{16}\.(css|js)$/);
    assert.match(answer.headers['content-type'], /^text\/(css|javascript)/);
    assert.match(answer.headers['cache-control'], /max-age=31536000, immutable/);
    assert.equal((await request(server.origin + file.replace(/.\.(css|js)$/, 'z.$1'))).status, 404);
  }
});

test('a link that leads nowhere is a page that helps', async () => {
  const { payment_id: id } = await create();
  for (const wrong of [String(id + 1), '', 'x', '-1', '0', '99999999999999999999', `${id}%00`]) {
    const answer = await page(wrong);
    assert.equal(answer.status, 404, wrong);
    assert.match(answer.text, /This link leads to no payment/);
  }
  assert.equal((await request(server.url('/pay/status?id=1&v=1'))).status, 404);
});

test('/pay leads to /pay/', async () => {
  const answer = await request(server.url('/pay?id=5'));
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.location, '/gate/pay/?id=5');
});

test('languages: the browser’s, or the one chosen, which the buttons carry on', async () => {
  const { payment_id: id } = await create();
  assert.match((await page(id)).text, /<html lang="en" dir="ltr">/);
  assert.match((await page(id, { headers: { 'Accept-Language': 'de, ar;q=0.9, ru;q=0.1' } })).text, /<html lang="ar" dir="rtl">/);
  const chosen = await page(id, { lang: 'es', headers: { 'Accept-Language': 'ru' } });
  assert.match(chosen.text, /<html lang="es"/);
  assert.match(chosen.text, /name="lang" value="es"/);
  assert.doesNotMatch((await page(id, { headers: { 'Accept-Language': 'es' } })).text, /name="lang"/);
  const answer = await post('test', { id, action: 'pay', lang: 'es' });
  assert.equal(answer.headers.location, `/gate/pay/?id=${id}&lang=es`);
});

test('the long poll answers at once when there is news, and otherwise when something happens', async () => {
  const { payment_id: id } = await create();
  const first = await poll(id);
  assert.equal(first.status, 200);
  assert.equal(first.headers['cache-control'], 'no-store');
  assert.deepEqual([first.json.status, first.json.substatus, first.json.state], ['pending', 'waiting', 'waiting']);
  assert.match(first.json.html, /^\s*<div id="live"/);

  const began = Date.now();
  let waited;
  const waiting = poll(id, { v: first.json.version, s: 'waiting' }).then((answer) => {
    waited = Date.now() - began;
    return answer;
  });
  await sleep(700);
  assert.equal(waited, undefined, 'it waits');
  await server.testAction(id, 'pay');
  const news = await waiting;
  assert.ok(waited >= 700 && waited < 1700, `${waited} ms`);
  assert.equal(news.json.status, 'paid');
  assert.match(news.json.html, /Receipt/);
  assert.ok((await poll(id, { v: news.json.version, s: 'waiting' })).json.html, 'another state than shown is news, too');
});

test('test buttons: 303 when the change is committed, 409 where it is illegal', async () => {
  const outcome = async (action) => {
    const { payment_id: id } = await create();
    const answer = await server.testAction(id, action);
    assert.equal(answer.status, 303, action);
    assert.equal(answer.headers.location, `/gate/pay/?id=${id}`);
    const { json } = await server.status(id, keys);
    return [id, json.payment.status, json.payment.substatus];
  };
  const [paid, ...asPaid] = await outcome('pay');
  assert.equal(asPaid[0], 'paid');
  assert.deepEqual((await outcome('underpay')).slice(1), ['pending', 'underpaid']);
  assert.deepEqual((await outcome('overpay')).slice(1), ['paid', 'overpaid']);
  assert.deepEqual((await outcome('late')).slice(1), ['paid', 'late']);
  assert.deepEqual((await outcome('cancel')).slice(1), ['failed', 'cancelled']);
  const [expired, ...asExpired] = await outcome('expire');
  assert.equal(asExpired[0], 'expired');
  for (const action of ['pay', 'cancel', 'expire']) assert.equal((await server.testAction(paid, action)).status, 409, action);
  assert.equal((await server.testAction(expired, 'cancel')).status, 409);
  assert.equal((await server.testAction(expired, 'late')).status, 303);
  assert.match((await server.testAction(paid, 'pay')).text, /Back to the payment/);
  assert.equal((await server.testAction(paid + 1, 'pay')).status, 404);
  assert.equal((await server.testAction((await create()).payment_id, 'fly')).status, 422);
});

test('no test buttons once the project is live', async () => {
  const other = await server.addProject({ name: 'Other' });
  const payment = await server.createOk(other.test);
  await server.setProject(other.app_id, { mode: 'live' });
  const answer = await page(payment.payment_id);
  assert.match(answer.text, /<strong>TEST<\/strong>/);
  assert.doesNotMatch(answer.text, /action="test"/);
  assert.equal((await server.testAction(payment.payment_id, 'pay')).status, 404);
  assert.equal((await server.testAction(payment.payment_id, 'cancel')).status, 404);
  assert.equal((await post('cancel', { id: payment.payment_id })).status, 303, 'the payer may still cancel');
});

test('more time once, cancelling until money is there', async () => {
  const payment = await create();
  const id = payment.payment_id;
  assert.equal((await post('extend', { id })).status, 303);
  const later = (await server.status(id, keys)).json.payment.expires_at;
  assert.ok(later > payment.expires_at);
  assert.doesNotMatch((await page(id)).text, /action="extend"/);
  assert.equal((await post('extend', { id })).status, 409);
  await server.testAction(id, 'underpay');
  assert.equal((await post('cancel', { id })).status, 409);
  assert.doesNotMatch((await page(id)).text, /action="cancel"/);
});

test('pages of other sites cannot press the buttons', async () => {
  const { payment_id: id } = await create();
  for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site' }, { Origin: 'https://evil.example' }]) {
    assert.equal((await post('cancel', { id }, headers)).status, 403, JSON.stringify(headers));
    assert.equal((await post('test', { id, action: 'pay' }, headers)).status, 403);
  }
  assert.equal((await server.status(id, keys)).json.payment.status, 'pending');
  for (const headers of [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }, { Origin: 'null' }, { Origin: server.origin }]) {
    const { payment_id: other } = await create();
    assert.equal((await post('cancel', { id: other }, headers)).status, 303, JSON.stringify(headers));
  }
});

test('the order again after its end: the old link leads to the new payment', async () => {
  const order = { order_id: `AGAIN_${Date.now()}` };
  const old = await create(order);
  await server.testAction(old.payment_id, 'expire');
  const fresh = await create(order);
  assert.notEqual(fresh.payment_id, old.payment_id);
  const { text } = await page(old.payment_id);
  assert.match(text, /There is a newer payment for this order/);
  assert.ok(text.includes(`href="?id=${fresh.payment_id}"`));
});

test('only POST changes anything', async () => {
  const { payment_id: id } = await create();
  for (const action of ['test', 'extend', 'cancel'])
    assert.equal((await request(server.url(`/pay/${action}?id=${id}&action=pay`))).status, 405);
  assert.equal((await server.status(id, keys)).json.payment.status, 'pending');
});
