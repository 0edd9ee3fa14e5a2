// Version 2 signatures and their idempotency keys, on the documented paths and behind a base URL with a path prefix.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { CREATE, STATUS, Server, hmacHex, newOrderId, request, signV1, signV2, until } from './harness.mjs';

let server, project;
before(async () => {
  server = await Server.start({ prefix: '/gateway/x', args: ['--rate-limit', 'no'] });
  project = await server.addProject();
});
after(() => server?.close());

const order = (fields) => JSON.stringify({ order_id: newOrderId(), amount: '4.00', ...fields });
const refused = (answer, status, code) => assert.deepEqual([answer.status, answer.json?.code], [status, code], answer.text);

describe('version 2', () => {
  test('creates', async () => {
    const answer = await server.createV2(project.test, order());
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.payment.payment_url, `${server.origin}/gateway/x/pay/?id=${answer.json.payment.payment_id}`);
  });
  test('reads, without an idempotency key, its query signed', async () => {
    const { payment_id: id } = await server.createOk(project.test);
    const target = `/gateway/x${STATUS}?payment_id=${id}`;
    const good = await request(server.origin + target, { headers: signV2(project.test, { method: 'GET', target }) });
    assert.equal(good.status, 200, good.text);
    assert.equal(good.json.payment.payment_id, id);
    const other = signV2(project.test, { method: 'GET', target: `${STATUS}?payment_id=${id}` });
    refused(await request(server.origin + target, { headers: other }), 401, 'invalid_signature');
  });
  const spoil = {
    'another secret': [{ secret: 'sk_test_x' }, 'invalid_signature'],
    'another method': [{ method: 'GET' }, 'invalid_signature'],
    'another path': [{ target: CREATE }, 'invalid_signature'],
    'another body': [{ body: '{}' }, 'invalid_signature'],
    'a time long ago': [{ timestamp: Math.floor(Date.now() / 1000) - 330 }, 'invalid_timestamp'],
    'a time to come': [{ timestamp: Math.floor(Date.now() / 1000) + 330 }, 'invalid_timestamp'],
    'no time': [{ timestamp: 'now' }, 'invalid_timestamp'],
  };
  for (const [name, [change, code]] of Object.entries(spoil))
    test(`${name} is refused`, async () => {
      const body = order();
      const keys = { ...project.test, api_secret: change.secret ?? project.test.api_secret };
      const parts = { method: 'POST', target: `/gateway/x${CREATE}`, body, idempotencyKey: 'k', ...change };
      const headers = { 'Content-Type': 'application/json', ...signV2(keys, parts) };
      const answer = await request(server.url(CREATE), { method: 'POST', headers, body });
      assert.equal(answer.status, 401, answer.text);
      assert.equal(answer.json.code, code);
    });
  test('a time 200 s off is taken', async () => {
    const timestamp = Math.floor(Date.now() / 1000) - 200;
    assert.equal((await server.createV2(project.test, order(), { timestamp })).status, 200);
  });
  test('a bad one never falls back to version 1', async () => {
    const body = order();
    const now = String(Math.floor(Date.now() / 1000));
    const whole = { 'X-Signature-V2': '00'.repeat(32), 'X-Timestamp': now, 'Idempotency-Key': 'never' };
    for (const headers of [whole, { 'X-Signature-V2': '00' }, { 'X-Timestamp': now }]) {
      const answer = await server.create(project.test, body, { headers });
      refused(answer, 401, 'invalid_signature');
    }
  });
  test('the idempotency key is required, and signed', async () => {
    const body = order();
    const none = await server.createV2(project.test, body, { idempotencyKey: undefined });
    refused(none, 400, 'idempotency_key_required');
    const signed = await server.createV2(project.test, body, { idempotencyKey: 'one', headers: { 'Idempotency-Key': 'two' } });
    refused(signed, 401, 'invalid_signature');
  });
});

describe('idempotency keys', () => {
  test('the same key and request: the stored answer', async () => {
    const body = order();
    const first = await server.createV2(project.test, body, { idempotencyKey: 'same' });
    await server.testAction(first.json.payment.payment_id, 'pay');
    const again = await server.createV2(project.test, body, { idempotencyKey: 'same' });
    assert.equal(again.status, 200);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(again.text, first.text, 'as it was then');
  });
  test('the same key and another request: 409', async () => {
    await server.createV2(project.test, order(), { idempotencyKey: 'reused' });
    refused(await server.createV2(project.test, order(), { idempotencyKey: 'reused' }), 409, 'idempotency_key_reused');
  });
  test('another project may use the same key', async () => {
    const other = await server.addProject();
    assert.equal((await server.createV2(other.test, order(), { idempotencyKey: 'reused' })).status, 200);
  });
  test('it outlives a restart', async () => {
    const body = order();
    const first = await server.createV2(project.test, body, { idempotencyKey: 'kept' });
    await server.restart();
    assert.equal((await server.createV2(project.test, body, { idempotencyKey: 'kept' })).text, first.text);
  });
  test('30 at the same moment: one payment', async () => {
    const body = order();
    const answers = await Promise.all(Array.from({ length: 30 }, () => server.createV2(project.test, body, { idempotencyKey: 'crowd' })));
    assert.equal(new Set(answers.map((a) => a.json?.payment?.payment_id)).size, 1, answers.map((a) => a.text).join('\n'));
  });
});

test('a project can require version 2', async () => {
  const strict = await server.addProject();
  assert.equal((await server.setProject(strict.app_id, { require_v2: 'yes' })).code, 0);
  const body = order();
  const headers = { 'Content-Type': 'application/json', ...signV1(strict.test, body) };
  refused(await request(server.url(CREATE), { method: 'POST', headers, body }), 401, 'version_2_required');
  assert.equal((await server.createV2(strict.test, body)).status, 200);
});

test('a project can switch unsigned status off', async () => {
  const closed = await server.addProject();
  const { payment_id: id } = await server.createOk(closed.test);
  assert.equal((await server.status(id)).status, 200);
  assert.equal((await server.setProject(closed.app_id, { public_status: 'no' })).code, 0);
  refused(await server.status(id), 401, 'signature_required');
  assert.equal((await server.status(id, closed.test)).status, 200);
});

describe('base URL with a path prefix', () => {
  test('links stand below it; what a proxy sends without it is served too', async () => {
    const { payment_id: id, payment_url: url } = await server.createOk(project.test);
    assert.equal((await request(url)).status, 200);
    assert.ok(url.startsWith(`${server.origin}/gateway/x/pay/`));
    assert.equal((await request(`${server.origin}/pay/?id=${id}`)).status, 200);
    assert.equal((await request(`${server.origin}/gateway/xpay/?id=${id}`)).status, 404);
    assert.equal((await request(`${server.origin}/gateway/y/pay/?id=${id}`)).status, 404);
  });
});

test('the log says by the request id what was probably done wrong; the answer does not', async () => {
  const body = order(), { api_key: key, api_secret: secret } = project.test;
  const send = (signature, sent = body) =>
    request(`${server.origin}/gateway/x${CREATE}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-API-Key': key, ...(signature && { 'X-Signature': signature }) }, body: sent });
  const faults = [
    [await send(), 'there is no X-Signature'],
    [await send(hmacHex(secret, body).toUpperCase()), '64 lower-case hex'],
    [await send(createHmac('sha256', secret).update(body).digest('base64')), '64 lower-case hex'],
    [await send(hmacHex(secret, body), `${body}\n`), "line break at the body's end was not signed"],
    [await send(hmacHex(secret, `${body}\n`)), 'a line break was signed'],
    [await send(hmacHex(secret, '')), 'the empty text was signed'],
    [await send(hmacHex(secret, body), JSON.stringify(JSON.parse(body), null, 1)), 'not what was signed'],
    [await send(hmacHex(project.live.api_secret, body)), 'the secret is another one'],
  ];
  for (const [answer, fault] of faults) {
    refused(answer, 401, 'invalid_signature');
    assert.ok(!answer.text.includes(fault));
    const line = await until(() => server.log.split('\n').find((l) => l.includes(answer.json.request_id)), 'the refusal is in the log');
    assert.equal(JSON.parse(line).code, 'invalid_signature');
    assert.ok(JSON.parse(line).fault.includes(fault), line);
    assert.ok(!line.includes(secret) && !line.includes(hmacHex(secret, body)));
  }
  const late = await server.createV2(project.test, order(), { timestamp: Math.floor(Date.now() / 1000) - 1000 });
  assert.match(await until(() => server.log.split('\n').find((l) => l.includes(late.json.request_id)), 'the refusal is in the log'), /X-Timestamp is 100\d s behind/);
  for (const timestamp of ['-9223372036854775808', '9223372036854775807']) refused(await server.createV2(project.test, order(), { timestamp }), 401, 'invalid_timestamp');
});
