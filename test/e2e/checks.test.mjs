// The order of the checks, amounts, URLs, websites and the rules of order_id: one table each.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CREATE, STATUS, Server, newOrderId, request, signV1 } from './harness.mjs';

let server, project;
before(async () => {
  server = await Server.start({ args: ['--rate-limit', 'no'] });
  project = await server.addProject({ website: 'https://merchant-site.com' });
});
after(() => server?.close());

function refused(answer, status, code, error) {
  assert.deepEqual({ status: answer.status, code: answer.json?.code }, { status, code }, answer.text);
  assert.equal(answer.json.ok, false);
  if (error) assert.equal(answer.json.error, error);
}

describe('the first failure answers', () => {
  const post = (headers, body, method = 'POST') =>
    request(server.url(CREATE), { method, headers: { 'Content-Type': 'application/json', ...headers }, body });
  const large = 'x'.repeat(66000);
  const everythingWrong = { order_id: '', amount: '0', success_url: 'https://example.com/' };

  test('413 before 405, 415 and the key', async () => {
    refused(await post({ 'Content-Type': 'text/plain' }, large), 413, 'body_too_large');
    refused(await post({}, large, 'PUT'), 413, 'body_too_large');
  });
  test('405 before 415 and the key', async () => {
    const answer = await post({ 'Content-Type': 'text/plain' }, '{}', 'PUT');
    refused(answer, 405, 'method_not_allowed');
    assert.match(answer.headers.allow, /POST/);
    refused(await request(server.url(CREATE)), 405, 'method_not_allowed');
    refused(await post({}, '{}', 'DELETE'), 405, 'method_not_allowed');
  });
  test('415 before the key', async () => {
    refused(await post({ 'Content-Type': 'text/plain' }, '{}'), 415, 'unsupported_media_type');
    refused(await post({ 'Content-Type': 'application/jsonp' }, '{}'), 415, 'unsupported_media_type');
    const none = await request(server.url(CREATE), { method: 'POST', body: '{}' });
    refused(none, 415, 'unsupported_media_type');
  });
  test('key before signature', async () => {
    refused(await post({ 'X-API-Key': 'pk_test_x', 'X-Signature': 'x' }, 'no json'), 401, 'invalid_api_key');
    refused(await post({ 'X-API-Key': project.test.api_key, 'X-Signature': 'x' }, 'no json'), 401, 'invalid_signature');
  });
  test('signature, enabled, mode, website, body: each hides the next', async () => {
    const bare = await server.addProject({ website: null });
    await server.setProject(bare.app_id, { enabled: 'no' });
    refused(await server.create({ ...bare.live, api_secret: 'wrong' }, everythingWrong), 401, 'invalid_signature');
    refused(await server.create(bare.live, everythingWrong), 403, 'project_disabled');
    await server.setProject(bare.app_id, { enabled: 'yes' });
    refused(await server.create(bare.live, everythingWrong), 403, 'wrong_mode');
    refused(await server.create(bare.test, everythingWrong), 422, 'website_not_configured');
    refused(await server.create(bare.test, 'no json'), 422, 'website_not_configured');
  });
  test('body fields, URLs, amount, replay: each hides the next', async () => {
    refused(await server.create(project.test, everythingWrong), 422, 'invalid_order_id');
    const orderId = newOrderId();
    await server.createOk(project.test, { order_id: orderId, amount: '5.00' });
    const wrongUrl = { order_id: orderId, amount: '0', success_url: 'https://example.com/', fail_url: 'https://example.com/' };
    refused(await server.create(project.test, wrongUrl), 422, 'success_url_domain');
    refused(await server.create(project.test, { ...wrongUrl, success_url: '' }), 422, 'fail_url_domain');
    refused(await server.create(project.test, { order_id: orderId, amount: '0' }), 422, 'invalid_amount');
    refused(await server.create(project.test, { order_id: orderId, amount: '6.00' }), 409, 'order_amount_conflict');
  });
});

describe('body', () => {
  const bad = {
    'not JSON': ['no json', 400],
    empty: ['', 400],
    'an array': ['[]', 400],
    'a string': ['"x"', 400],
    'trailing text': ['{"order_id":"x","amount":"1"} x', 400],
    'a duplicate key': ['{"order_id":"x","amount":"1","amount":"2"}', 400],
    'invalid UTF-8': [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
    'too deep': [`{"order_id":"x","amount":"1","x":${'['.repeat(20)}${']'.repeat(20)}}`, 400],
    'extremely deep': [`{"order_id":"x","amount":"1","x":${'['.repeat(20000)}`, 400],
  };
  for (const [name, [body, status]] of Object.entries(bad))
    test(`${name} is refused`, async () => {
      const answer = await request(server.url(CREATE), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...signV1(project.test, body) },
        body,
      });
      assert.equal(answer.status, status, answer.text);
      assert.equal(answer.json.ok, false);
    });
  test('unknown fields are ignored, also nested ones that carry the known names', async () => {
    const payment = await server.createOk(project.test, { x: { amount: '0', order_id: 7 }, amount: '3.00', y: [1.5, null, true] });
    assert.equal(payment.amount, '3.00');
  });
  test('64 KiB of body is taken', async () => {
    const order = { order_id: newOrderId(), amount: '1.00', filler: '' };
    order.filler = 'x'.repeat(65536 - JSON.stringify(order).length);
    assert.equal((await server.create(project.test, JSON.stringify(order))).status, 200);
  });
});

describe('amount', () => {
  const zero = 'Amount must be greater than zero';
  // JSON text of the amount -> what is answered
  const taken = {
    '"50.00"': ['50.00', '50.000000'],
    '"50"': ['50.00', '50.000000'],
    '"50.1"': ['50.10', '50.100000'],
    '"50.100"': ['50.100', '50.100000'],
    '"50.123456"': ['50.123456', '50.123456'],
    '"0.01"': ['0.01', '0.010000'],
    '"1000000"': ['1000000.00', '1000000.000000'],
    '50': ['50.00', '50.000000'],
    '50.10': ['50.10', '50.100000'],
    '0.07': ['0.07', '0.070000'],
    '999999.999999': ['999999.999999', '999999.999999'],
  };
  for (const [text, expected] of Object.entries(taken))
    test(`${text} is taken`, async () => {
      const answer = await server.create(project.test, `{"order_id":"${newOrderId()}","amount":${text}}`);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual([answer.json.payment.amount, answer.json.payment.pay_amount], expected);
    });
  const refusedAmounts = {
    '"0"': zero,
    '"0.00"': zero,
    '0': zero,
    '0.0': zero,
    '-0': zero,
    '-1': zero,
    '"-1"': zero,
    '"-0.5"': zero,
    '"50.1234567"': /decimals/,
    '50.1234567': /decimals/,
    '"1000000.01"': /maximum/,
    '1000001': /maximum/,
    '"99999999999999999999999999"': /maximum/,
    '99999999999999999999999999': /maximum/,
    '"0.009"': /minimum/,
    '"1e2"': /decimal number/,
    '1e2': /decimal number/,
    '1E2': /decimal number/,
    '"+5"': /decimal number/,
    '" 5"': /decimal number/,
    '"5 "': /decimal number/,
    '"5."': /decimal number/,
    '".5"': /decimal number/,
    '"1,000"': /decimal number/,
    '"1 000"': /decimal number/,
    '"five"': /decimal number/,
    '"٥"': /decimal number/,
    '"0x10"': /decimal number/,
    '""': /./,
    'null': /./,
    'true': /./,
    '[]': /./,
    '{}': /./,
  };
  for (const [text, sentence] of Object.entries(refusedAmounts))
    test(`${text} is refused`, async () => {
      const answer = await server.create(project.test, `{"order_id":"${newOrderId()}","amount":${text}}`);
      assert.equal(answer.status, 422, answer.text);
      assert.equal(answer.json.param, 'amount');
      if (typeof sentence === 'string') assert.equal(answer.json.error, sentence);
      else assert.match(answer.json.error, sentence);
    });
  test('missing', async () => {
    const answer = await server.create(project.test, `{"order_id":"${newOrderId()}"}`);
    assert.equal(answer.status, 422);
    assert.equal(answer.json.param, 'amount');
  });
});

describe('order_id', () => {
  for (const orderId of ['x', 'ORDER 1 / № ☺', `${Date.now()}${'я'.repeat(115)}`])
    test(`${orderId.slice(0, 20)} is taken`, async () => {
      assert.equal((await server.createOk(project.test, { order_id: orderId })).order_id, orderId);
    });
  test('an integer is answered as its digits and is the same order', async () => {
    const number = Date.now();
    const first = await server.createOk(project.test, `{"order_id":${number},"amount":"1.00"}`);
    assert.equal(first.order_id, String(number));
    const again = await server.create(project.test, `{"order_id":"${number}","amount":"1.00"}`);
    assert.equal(again.json.payment.payment_id, first.payment_id);
    assert.equal(again.headers['idempotent-replayed'], 'true');
  });
  for (const text of ['""', '"a\\nb"', '1.5', 'null', 'true', '[]', `"${'x'.repeat(129)}"`, '"\\u007f"'])
    test(`${text.slice(0, 20)} is refused`, async () => {
      refused(await server.create(project.test, `{"order_id":${text},"amount":"1.00"}`), 422, 'invalid_order_id');
    });
  test('a NUL is refused', async () => {
      assert.ok([400, 422].includes((await server.create(project.test, '{"order_id":"a\\u0000b","amount":"1.00"}')).status));
    });
});

describe('success_url and fail_url', () => {
  const good = [
    'https://merchant-site.com/success',
    'http://merchant-site.com',
    'https://www.merchant-site.com/x?y=1&z=%20#f',
    'https://merchant-site.com:8443/',
    'HTTPS://Merchant-Site.COM/Path',
    '',
  ];
  for (const url of good)
    test(`${url || 'empty'} is taken`, async () => {
      await server.createOk(project.test, { success_url: url, fail_url: url });
    });
  const otherDomain = [
    'https://example.com/',
    'https://sub.merchant-site.com/',
    'https://merchant-site.com.example.com/',
    'https://example.com/merchant-site.com',
    'https://notmerchant-site.com/',
    'https://example.com#merchant-site.com',
    'https://example.com?merchant-site.com',
  ];
  for (const url of otherDomain)
    test(`${url} has another domain`, async () => {
      const success = await server.create(project.test, { success_url: url });
      refused(success, 422, 'success_url_domain', 'Success URL domain does not match project website.');
      const fail = await server.create(project.test, { fail_url: url });
      refused(fail, 422, 'fail_url_domain', 'Fail URL domain does not match project website.');
    });
  const bad = [
    'javascript:alert(1)//merchant-site.com',
    'ftp://merchant-site.com/',
    '//merchant-site.com/',
    '/success',
    'merchant-site.com',
    'https://user@merchant-site.com/',
    'https://merchant-site.com@example.com/',
    'https://example.com\\@merchant-site.com/',
    'https://merchant-site.com\\@example.com/',
    'https://merchant-site.com/\r\nX: y',
    'https://merchant-site.com /',
    'https:///merchant-site.com/',
    `https://merchant-site.com/${'x'.repeat(2048)}`,
  ];
  for (const url of bad)
    test(`${JSON.stringify(url).slice(0, 60)} is refused`, async () => {
      for (const name of ['success_url', 'fail_url']) {
        const answer = await server.create(project.test, { [name]: url });
        assert.equal(answer.status, 422, answer.text);
        assert.equal(answer.json.param, name);
      }
    });
  for (const value of [5, true, [], {}])
    test(`${JSON.stringify(value)} is refused`, async () => {
      assert.equal((await server.create(project.test, { success_url: value })).status, 422);
    });
});

describe('website of a project', () => {
  const add = (website) => server.cli(['project', 'add', '--merchant', server.merchant.email, '--name', 'X', '--website', website, '--json']);
  const bad = [
    'http://localhost', 'https://localhost.', 'https://shop.localhost', 'https://127.0.0.1', 'https://2130706433', 'https://0x7f.1',
    'https://0177.0.0.1', 'https://127.1', 'https://[::1]', 'https://[::ffff:127.0.0.1]', 'https://router.local', 'https://a.test',
    'https://a.invalid', 'https://a.example', 'https://x.onion', 'https://com', 'https://co.uk', 'https://shop', 'ftp://a-shop.com',
    'https://user@a-shop.com', 'a-shop.com', 'https://', 'https://a..b.com', 'https://-a.com', 'https://a_b .com',
  ];
  for (const website of bad)
    test(`${website} is refused`, async () => {
      const result = await add(website);
      assert.equal(result.code, 1, `${result.stdout}${result.stderr}`);
    });
  test('the same host again is refused, with www., port, case or path', async () => {
    assert.equal((await add('https://unique-shop.com')).code, 0);
    for (const same of ['https://unique-shop.com', 'http://www.unique-shop.com', 'https://UNIQUE-shop.com:8443/shop', 'https://unique-shop.com.'])
      assert.equal((await add(same)).code, 1, same);
    assert.equal((await add('https://sub.unique-shop.com')).code, 0);
  });
  test("the documentation's own names and other scripts are allowed", async () => {
    for (const website of ['https://example.com', 'https://example.org', 'https://shop.example.net', 'https://bücher-laden.de']) {
      const result = await add(website);
      assert.equal(result.code, 0, `${website} ${result.stderr}`);
    }
    assert.equal((await add('https://xn--bcher-laden-thb.de')).code, 1, 'the same name in ASCII');
  });
});

describe('the same order again', () => {
  test('is the same payment; other fields are not looked at', async () => {
    const first = await server.create(project.test, { order_id: 'again', amount: '5.00' });
    assert.equal(first.headers['idempotent-replayed'], undefined);
    const again = await server.create(project.test, { order_id: 'again', amount: '5', description: 'changed', success_url: 'https://merchant-site.com/new' });
    assert.equal(again.status, 200);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(again.text, first.text);
  });
  test('with another amount is a conflict', async () => {
    await server.createOk(project.test, { order_id: 'conflict', amount: '5.00' });
    refused(await server.create(project.test, { order_id: 'conflict', amount: '5.000001' }), 409, 'order_amount_conflict');
  });
  test('after it was paid it is still the same payment', async () => {
    const { payment_id: id } = await server.createOk(project.test, { order_id: 'paid' });
    await server.testAction(id, 'pay');
    const again = await server.create(project.test, { order_id: 'paid' });
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(again.json.payment.payment_id, id);
    assert.equal(again.json.payment.status, 'paid');
    refused(await server.create(project.test, { order_id: 'paid', amount: '7.00' }), 409, 'order_amount_conflict');
  });
  for (const [action, status] of Object.entries({ expire: 'expired', cancel: 'failed' }))
    test(`after it ${status} a new payment is opened, also with another amount`, async () => {
      const first = await server.createOk(project.test, { order_id: `ended-${status}` });
      await server.testAction(first.payment_id, action);
      const second = await server.create(project.test, { order_id: `ended-${status}` });
      assert.equal(second.headers['idempotent-replayed'], undefined);
      assert.notEqual(second.json.payment.payment_id, first.payment_id);
      assert.equal(second.json.payment.status, 'pending');
      assert.equal((await server.status(first.payment_id)).json.payment.status, status);
      await server.testAction(second.json.payment.payment_id, action);
      const third = await server.createOk(project.test, { order_id: `ended-${status}`, amount: '8.00' });
      assert.equal(third.amount, '8.00');
    });
  test('one order is paid once: the old payment takes nothing any more', async () => {
    const first = await server.createOk(project.test, { order_id: 'once' });
    await server.testAction(first.payment_id, 'expire');
    const second = await server.createOk(project.test, { order_id: 'once' });
    await server.testAction(second.payment_id, 'pay');
    const late = await server.testAction(first.payment_id, 'late');
    assert.equal((await server.status(second.payment_id)).json.payment.status, 'paid');
    assert.notEqual((await server.status(first.payment_id)).json.payment.status, 'paid', `late money answered ${late.status}`);
  });
  test('another project has orders of its own', async () => {
    const other = await server.addProject();
    const one = await server.createOk(project.test, { order_id: 'shared' });
    const two = await server.createOk(other.test, { order_id: 'shared', amount: '9.00' });
    assert.notEqual(one.payment_id, two.payment_id);
  });
  test('at the same moment, 40 times: one payment', async () => {
    const order = JSON.stringify({ order_id: 'crowd', amount: '5.00' });
    const answers = await Promise.all(Array.from({ length: 40 }, () => server.create(project.test, order)));
    assert.equal(new Set(answers.map((a) => a.json.payment.payment_id)).size, 1);
    assert.equal(answers.filter((a) => a.headers['idempotent-replayed'] !== 'true').length, 1);
  });
});

describe('payment-status.php', () => {
  let payment;
  before(async () => {
    payment = await server.createOk(project.test);
  });
  test('unknown payments', async () => {
    for (const id of [1, 2 ** 52 + 12345, payment.payment_id + 1]) refused(await server.status(id), 404, 'payment_not_found');
    refused(await server.status(1, project.test), 404, 'payment_not_found');
  });
  test('what is no number', async () => {
    for (const id of ['', 'x', '-1', '1.5', '1e3', '0x10', '99999999999999999999', '%00', `${payment.payment_id}%20`])
      assert.ok([404, 422].includes((await server.status(id)).status), id);
    refused(await request(server.url(STATUS)), 422, 'invalid_payment_id');
  });
  test('one header is enough for the full check', async () => {
    const read = (headers) => request(server.url(`${STATUS}?payment_id=${payment.payment_id}`), { headers });
    refused(await read({ 'X-API-Key': project.test.api_key }), 401, 'invalid_signature');
    refused(await read({ 'X-Signature': signV1(project.test, '')['X-Signature'] }), 401, 'invalid_api_key');
    refused(await read(signV1({ ...project.test, api_secret: 'wrong' }, '')), 401, 'invalid_signature');
    refused(await read(signV1(project.test, 'x')), 401, 'invalid_signature');
  });
  test("another project's keys", async () => {
    const other = await server.addProject();
    refused(await server.status(payment.payment_id, other.test), 404, 'payment_not_found');
  });
  test('either pair reads in either mode', async () => {
    assert.equal((await server.status(payment.payment_id, project.live)).status, 200);
  });
  test('POST is not allowed', async () => {
    refused(await request(server.url(STATUS), { method: 'POST', body: '{}' }), 405, 'method_not_allowed');
  });
  test('payment numbers cannot be counted', async () => {
    const ids = [];
    for (let i = 0; i < 8; i++) ids.push((await server.createOk(project.test)).payment_id);
    const gaps = ids.slice(1).map((id, i) => Math.abs(id - ids[i]));
    assert.ok(Math.min(...gaps) > 1000, ids.join(' '));
    assert.ok(Math.max(...ids) < 2 ** 53);
  });
});
