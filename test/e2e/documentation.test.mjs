// The golden transcript: every request, answer, error sentence and the webhook of the public API documentation.
// Names, their order, types and text are those of the documentation; what is ours stands after them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CREATE, Receiver, Server, STATUS, hmacHex, keysInOrder, newOrderId, request, signV1, standardSignatureOk } from './harness.mjs';

const DOCUMENTED = [
  'payment_id', 'order_id', 'status', 'amount', 'pay_amount', 'currency', 'network', 'address', 'payment_url', 'expires_at', 'is_test',
];
const ADDED = ['expires_at_iso', 'substatus'];
const ADDED_WHEN_PAID = [...ADDED, 'txid', 'paid_at', 'paid_at_iso'];
const WEBHOOK = [
  'payment_id', 'app_id', 'order_id', 'status', 'amount', 'pay_amount', 'currency', 'network', 'txid', 'paid_at', 'is_test',
];
const PUBLIC_STATUS = ['payment_id', 'status', 'amount', 'pay_amount', 'currency', 'network', 'address', 'expires_at', 'is_test'];
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

// The request body as the documentation prints it, line breaks included: the signature is over these bytes.
const REQUEST = `{
"order_id": "ORDER_12345",
"amount": "50.00",
"description": "Service payment",
"success_url": "https://merchant-site.com/success",
"fail_url": "https://merchant-site.com/fail"
}`;

let server, receiver, project;
before(async () => {
  receiver = await Receiver.start();
  server = await Server.start();
  project = await server.addProject({ website: 'https://merchant-site.com', webhook: receiver.url });
});
after(async () => {
  await server?.close();
  await receiver?.close();
});

function checkPayment(payment, { isTest, orderId = 'ORDER_12345' }) {
  assert.ok(Number.isSafeInteger(payment.payment_id) && payment.payment_id > 0);
  assert.equal(payment.order_id, orderId);
  assert.equal(payment.status, 'pending');
  assert.equal(payment.amount, '50.00');
  assert.match(payment.pay_amount, /^50\.\d{6}$/);
  assert.equal(payment.currency, 'USDT');
  assert.equal(payment.network, 'TRC20');
  assert.match(payment.address, /^T[1-9A-HJ-NP-Za-km-z]{33}$/);
  assert.equal(payment.payment_url, `${server.baseUrl}/pay/?id=${payment.payment_id}`);
  assert.match(payment.expires_at, TIME);
  assert.equal(payment.is_test, isTest);
  assert.equal(payment.expires_at_iso, `${payment.expires_at.replace(' ', 'T')}Z`);
  assert.equal(payment.substatus, 'waiting');
  const leftMs = Date.parse(payment.expires_at_iso) - Date.now();
  assert.ok(Math.abs(leftMs - 30 * 60000) < 5000, `30 minutes by default, ${leftMs} ms left`);
}

describe('create payment', () => {
  test('the documented request gets the documented answer', async () => {
    const answer = await server.create(project.test, REQUEST);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.deepEqual(keysInOrder(answer.text), ['ok', 'payment', ...DOCUMENTED, ...ADDED]);
    assert.equal(answer.json.ok, true);
    checkPayment(answer.json.payment, { isTest: true });
  });

  test('only order_id and amount are required', async () => {
    const body = JSON.stringify({ order_id: newOrderId(), amount: '50.00' });
    const answer = await server.create(project.test, body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(keysInOrder(answer.text), ['ok', 'payment', ...DOCUMENTED, ...ADDED]);
  });

  test('Content-Type may have parameters, header names any case', async () => {
    const body = JSON.stringify({ order_id: newOrderId(), amount: '50.00' });
    const answer = await request(server.url(CREATE), {
      method: 'POST',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'x-api-key': project.test.api_key,
        'x-signature': hmacHex(project.test.api_secret, body),
      },
      body,
    });
    assert.equal(answer.status, 200, answer.text);
  });
});

describe('payment status', () => {
  test('unsigned: nine fields in their order', async () => {
    const payment = await server.createOk(project.test, { order_id: newOrderId(), amount: '50.00' });
    const answer = await server.status(payment.payment_id);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(keysInOrder(answer.text), ['ok', 'payment', ...PUBLIC_STATUS]);
    for (const key of PUBLIC_STATUS) assert.equal(answer.json.payment[key], payment[key], key);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  test('signed: the shape that create-payment answers', async () => {
    const created = await server.create(project.test, { order_id: newOrderId(), amount: '50.00' });
    const answer = await server.status(created.json.payment.payment_id, project.test);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.text, created.text);
  });

  test('the four status words', async () => {
    const words = {};
    for (const action of ['', 'pay', 'expire', 'cancel']) {
      const payment = await server.createOk(project.test, { order_id: newOrderId() });
      if (action) assert.equal((await server.testAction(payment.payment_id, action)).status, 303, action);
      words[action] = (await server.status(payment.payment_id)).json.payment.status;
    }
    assert.deepEqual(words, { '': 'pending', pay: 'paid', expire: 'expired', cancel: 'failed' });
  });

  test('paid: transaction and time are added at the end', async () => {
    const payment = await server.createOk(project.test, { order_id: newOrderId() });
    await server.testAction(payment.payment_id, 'pay');
    const answer = await server.status(payment.payment_id, project.test);
    assert.deepEqual(keysInOrder(answer.text), ['ok', 'payment', ...DOCUMENTED, ...ADDED_WHEN_PAID]);
    assert.match(answer.json.payment.txid, /^test_/);
    assert.match(answer.json.payment.paid_at, TIME);
    assert.equal(answer.json.payment.paid_at_iso, `${answer.json.payment.paid_at.replace(' ', 'T')}Z`);
    const unsigned = await server.status(payment.payment_id);
    assert.deepEqual(keysInOrder(unsigned.text), ['ok', 'payment', ...PUBLIC_STATUS]);
  });
});

describe('webhook', () => {
  test('eleven fields, their order, both signatures', async () => {
    const payment = await server.createOk(project.test, { order_id: newOrderId(), amount: '50.00' });
    await server.testAction(payment.payment_id, 'pay');
    const [record] = await receiver.wait(payment.payment_id);
    assert.equal(record.method, 'POST');
    assert.equal(record.url, '/webhook.php');
    assert.equal(record.headers['content-type'], 'application/json');
    assert.equal(record.headers['x-signature'], hmacHex(project.test.api_secret, record.body));
    assert.ok(record.headers['webhook-id']);
    assert.ok(Math.abs(Number(record.headers['webhook-timestamp']) - Date.now() / 1000) < 10);
    assert.ok(standardSignatureOk(project.test.webhook_secret, record), 'webhook-signature');
    assert.deepEqual(keysInOrder(record.body), WEBHOOK);
    const status = (await server.status(payment.payment_id, project.test)).json.payment;
    assert.deepEqual(JSON.parse(record.body), {
      payment_id: payment.payment_id,
      app_id: project.app_id,
      order_id: payment.order_id,
      status: 'paid',
      amount: '50.00',
      pay_amount: payment.pay_amount,
      currency: 'USDT',
      network: 'TRC20',
      txid: status.txid,
      paid_at: status.paid_at,
      is_test: true,
    });
  });

  test('the body is signed as it is: slashes and other scripts are not escaped', async () => {
    const orderId = `заказ/№7/${Date.now()}`;
    const payment = await server.createOk(project.test, { order_id: orderId });
    await server.testAction(payment.payment_id, 'pay');
    const [record] = await receiver.wait(payment.payment_id);
    assert.ok(record.body.includes(`"order_id":"${orderId}"`), record.body);
    assert.equal(record.headers['x-signature'], hmacHex(project.test.api_secret, record.body));
  });
});

describe('error answers', () => {
  // Documented sentence, HTTP status, how to get it.
  const cases = [
    ['Invalid API key', 401, async () => server.create({ ...project.test, api_key: 'pk_test_unknown' })],
    ['Invalid signature', 401, async () => server.create({ ...project.test, api_secret: 'sk_test_wrong' })],
    [
      'Project website is not configured.',
      422,
      async () => server.create((await server.addProject({ website: null })).test),
    ],
    [
      'Success URL domain does not match project website.',
      422,
      async () => server.create(project.test, { success_url: 'https://example.com/success' }),
    ],
    [
      'Fail URL domain does not match project website.',
      422,
      async () => server.create(project.test, { fail_url: 'https://example.com/fail' }),
    ],
    [
      'Project is currently in Test mode. Use test API credentials or switch project to Live mode.',
      403,
      async () => server.create(project.live),
    ],
    [
      'Project is disabled.',
      403,
      async () => {
        const disabled = await server.addProject();
        assert.equal((await server.setProject(disabled.app_id, { enabled: 'no' })).code, 0);
        return server.create(disabled.test);
      },
    ],
    ['Amount must be greater than zero', 422, async () => server.create(project.test, { amount: '0.00' })],
    [
      'Project is currently in Live mode. Use live API credentials or switch project to Test mode.',
      403,
      async () => {
        const live = await server.addProject();
        assert.equal((await server.setProject(live.app_id, { mode: 'live' })).code, 0);
        return server.create(live.test);
      },
    ],
  ];
  for (const [sentence, status, provoke] of cases)
    test(sentence, async () => {
      const answer = await provoke();
      assert.equal(answer.json?.error, sentence, answer.text);
      assert.equal(answer.status, status);
      assert.equal(answer.json.ok, false);
      assert.match(answer.headers['content-type'], /^application\/json/);
      const keys = keysInOrder(answer.text);
      assert.deepEqual(keys, ['ok', 'error', 'code', 'param', 'request_id'].filter((key) => key !== 'param' || keys.includes('param')));
      assert.equal(answer.json.request_id, answer.headers['x-request-id']);
      assert.match(answer.json.code, /^[a-z_0-9]+$/);
    });

  test('the field at fault is named', async () => {
    assert.equal((await server.create(project.test, { amount: '0' })).json.param, 'amount');
    assert.equal((await server.create(project.test, { success_url: 'https://example.com/' })).json.param, 'success_url');
    assert.equal((await server.create(project.test, { order_id: '' })).json.param, 'order_id');
  });

  test('headers missing altogether', async () => {
    const body = JSON.stringify({ order_id: newOrderId(), amount: '1.00' });
    const bare = { 'Content-Type': 'application/json' };
    const none = await request(server.url(CREATE), { method: 'POST', headers: bare, body });
    assert.equal(none.json.error, 'Invalid API key');
    const keyOnly = { ...bare, 'X-API-Key': project.test.api_key };
    const unsigned = await request(server.url(CREATE), { method: 'POST', headers: keyOnly, body });
    assert.equal(unsigned.json.error, 'Invalid signature');
    const mixed = { api_key: project.test.api_key, api_secret: project.live.api_secret };
    assert.equal((await server.create(mixed)).json.error, 'Invalid signature');
    const upper = { ...bare, ...signV1(project.test, body) };
    upper['X-Signature'] = upper['X-Signature'].toUpperCase();
    assert.equal((await request(server.url(CREATE), { method: 'POST', headers: upper, body })).json.error, 'Invalid signature');
  });

  test('unknown paths answer in the same form', async () => {
    for (const path of ['/api/nothing.php', `${STATUS}/x`]) {
      const answer = await request(server.url(path));
      assert.equal(answer.status, 404, path);
      assert.equal(answer.json?.ok, false, path);
    }
  });
});
