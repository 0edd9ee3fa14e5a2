// Test mode: the buttons of the simulated chain, what they lead to, and the webhooks that tell the shop.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Receiver, Server, hmacHex, newOrderId, request, sleep, standardSignatureOk, until } from './harness.mjs';

let server, receiver, project;
before(async () => {
  receiver = await Receiver.start();
  server = await Server.start({ args: ['--rate-limit', 'no'] });
  project = await server.addProject({ webhook: receiver.url });
});
after(async () => {
  await server?.close();
  await receiver?.close();
});

const read = async (id) => (await server.status(id, project.test)).json.payment;

async function create(fields) {
  return (await server.createOk(project.test, { order_id: newOrderId(), ...fields })).payment_id;
}

async function act(id, ...actions) {
  for (const action of actions) {
    const answer = await server.testAction(id, action);
    assert.equal(answer.status, 303, `${action}: ${answer.status} ${answer.text}`);
    const location = new URL(answer.headers.location, server.baseUrl);
    assert.equal(location.href, `${server.baseUrl}/pay/?id=${id}`);
  }
  const payment = await read(id);
  return [payment.status, payment.substatus];
}

describe('actions', () => {
  test('pay', async () => {
    assert.equal((await act(await create(), 'pay'))[0], 'paid');
  });
  test('underpay, then the rest', async () => {
    const id = await create({ amount: '0.03' });
    assert.deepEqual(await act(id, 'underpay'), ['pending', 'underpaid']);
    assert.equal(receiver.for(id).length, 0);
    assert.equal((await act(id, 'pay'))[0], 'paid');
    assert.equal((await receiver.wait(id)).length, 1);
  });
  test('overpay', async () => {
    assert.deepEqual(await act(await create(), 'overpay'), ['paid', 'overpaid']);
  });
  test('late', async () => {
    const id = await create();
    assert.deepEqual(await act(id, 'late'), ['paid', 'late']);
    await receiver.wait(id);
  });
  test('cancel', async () => {
    assert.deepEqual(await act(await create(), 'cancel'), ['failed', 'cancelled']);
  });
  test('expire, then late money', async () => {
    const id = await create();
    assert.equal((await act(id, 'expire'))[0], 'expired');
    assert.deepEqual(await act(id, 'late'), ['paid', 'late']);
  });
  test('paid is never undone', async () => {
    const id = await create();
    await act(id, 'pay');
    const paid = await read(id);
    for (const action of ['cancel', 'expire', 'late', 'pay', 'underpay', 'overpay'])
      assert.equal((await server.testAction(id, action)).status, 409, action);
    assert.deepEqual(await read(id), paid);
    await sleep(300);
    assert.equal(receiver.for(id).length, 1);
  });
  test('cancelling is refused once money is seen', async () => {
    const id = await create();
    await act(id, 'underpay');
    assert.equal((await server.testAction(id, 'cancel')).status, 409);
  });
  test('what does not exist or is no action', async () => {
    assert.equal((await server.testAction(123456789, 'pay')).status, 404);
    const id = await create();
    assert.ok([400, 404, 422].includes((await server.testAction(id, 'steal')).status));
    const body = JSON.stringify({ id, action: 'pay' });
    const json = await request(server.url('/pay/test'), { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    assert.equal(json.status, 415);
    assert.equal((await request(server.url(`/pay/test?id=${id}&action=pay`))).status, 405);
    assert.equal((await read(id)).status, 'pending');
  });
  test('a test payment of a project that went live is closed to the buttons', async () => {
    const other = await server.addProject();
    const { payment_id: id } = await server.createOk(other.test);
    await server.setProject(other.app_id, { mode: 'live' });
    assert.equal((await server.testAction(id, 'pay')).status, 404);
  });
  test('two buttons at the same moment: one wins', async () => {
    const id = await create();
    const answers = await Promise.all(Array.from({ length: 10 }, () => server.testAction(id, 'pay')));
    const statuses = answers.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [303, ...Array(9).fill(409)]);
    await receiver.wait(id);
    await sleep(300);
    assert.equal(receiver.for(id).length, 1);
  });
  test("a test payment's address is its own and no wallet takes it", async () => {
    const [one, two] = [await read(await create()), await read(await create())];
    assert.notEqual(one.address, two.address);
    const add = await server.cli(['address', 'add', String(project.app_id), one.address, '--json']);
    assert.equal(add.code, 1, 'its checksum is wrong on purpose');
  });
});

describe('webhook delivery', () => {
  const list = (id) => server.cliLines(['webhook', 'list', '--payment', String(id)]);

  test('a failed attempt is retried 5 minutes later, replayed on demand, with one id', async () => {
    const id = await create();
    receiver.answer = 500;
    await act(id, 'pay');
    const [first] = await receiver.wait(id);
    const row = await until(async () => (await list(id)).find((r) => r.attempts === 1), 'the attempt is on record');
    assert.equal(row.status, 'pending');
    assert.equal(row.payment_id, id);
    const nextInS = Date.parse(row.next_at.replace(/^(\S+) (\S+)$/, '$1T$2Z')) / 1000 - first.at / 1000;
    assert.ok(Math.abs(nextInS - 300) < 5, `next attempt in ${nextInS} s`);

    receiver.answer = 204;
    const replay = await server.cli(['webhook', 'replay', String(row.id), '--json']);
    assert.equal(replay.code, 0, replay.stderr);
    const [, second] = await receiver.wait(id, 2);
    assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
    assert.equal(second.body, first.body);
    const done = await until(async () => (await list(id)).find((r) => r.status === 'delivered'), 'it is delivered');
    const shown = await server.cliJson(['webhook', 'show', String(done.id)]);
    assert.equal(shown.attempts.length, 2);
    assert.deepEqual(shown.attempts.map((a) => a.http_status), [500, 204]);
    receiver.answer = 200;
  });

  for (const [name, answer] of Object.entries({
    'a redirect': (record, res) => res.writeHead(302, { Location: receiver.url }).end(),
    'a 404': 404,
    'a broken answer': (record, res) => res.socket.destroy(),
  }))
    test(`${name} is a failure`, async () => {
      const id = await create();
      receiver.answer = answer;
      await act(id, 'pay');
      await receiver.wait(id);
      const row = await until(async () => (await list(id)).find((r) => r.attempts === 1), 'the attempt is on record');
      assert.equal(row.status, 'pending');
      await sleep(200);
      // On a kept connection that breaks, the same attempt is made once more on a new one.
      assert.ok(receiver.for(id).length <= (name === 'a broken answer' ? 2 : 1));
      receiver.answer = 200;
    });

  test('a hundred receivers that never answer delay nobody else', async () => {
    const sockets = new Set();
    const deaf = net.createServer((socket) => sockets.add(socket.on('error', () => {})));
    await new Promise((resolve) => deaf.listen(0, '0.0.0.0', resolve));
    const ids = [];
    for (let host = 1; host <= 100; host++) {
      const other = await server.addProject({ webhook: `http://127.0.1.${host}:${deaf.address().port}/` });
      const made = await Promise.all(Array.from({ length: 5 }, () => server.createOk(other.test)));
      ids.push(...made.map((payment) => payment.payment_id));
    }
    await Promise.all(ids.map((id) => server.testAction(id, 'pay')));
    for (let i = 0; i < 3; i++) {
      const id = await create();
      const start = Date.now();
      await act(id, 'pay');
      await receiver.wait(id, 1, 9000);
      assert.ok(Date.now() - start < 2000, `after ${Date.now() - start} ms`);
      await sleep(1000);
    }
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => deaf.close(resolve));
  });
  test('a slow receiver delays nobody else', async () => {
    const slow = await Receiver.start((record, res) => setTimeout(() => res.writeHead(200).end(), 4000));
    const other = await server.addProject({ webhook: slow.url.replace('127.0.0.1', 'localhost') });
    for (let i = 0; i < 20; i++) {
      const { payment_id: id } = await server.createOk(other.test);
      await server.testAction(id, 'pay');
    }
    const id = await create();
    const start = Date.now();
    await act(id, 'pay');
    await receiver.wait(id, 1, 3000);
    assert.ok(Date.now() - start < 3000);
    await slow.close();
  });

  test('no webhook URL, no delivery; nothing breaks', async () => {
    const other = await server.addProject();
    const { payment_id: id } = await server.createOk(other.test);
    assert.equal((await server.testAction(id, 'pay')).status, 303);
    assert.equal((await server.status(id)).json.payment.status, 'paid');
  });
});

describe('rotation of keys', () => {
  test('old and new work side by side; webhooks follow what the shop uses', async () => {
    const shop = await server.addProject({ webhook: receiver.url });
    const old = shop.test;
    const fresh = await server.cliJson(['project', 'rotate-keys', String(shop.app_id), '--mode', 'test', '--overlap', '3600']);
    assert.deepEqual(Object.keys(fresh), ['api_key', 'api_secret', 'webhook_secret']);
    for (const key of Object.keys(fresh)) assert.notEqual(fresh[key], old[key], key);

    const before = await server.createOk(old);
    await server.testAction(before.payment_id, 'pay');
    const [one] = await receiver.wait(before.payment_id);
    assert.equal(one.headers['x-signature'], hmacHex(old.api_secret, one.body));
    assert.ok(standardSignatureOk(old.webhook_secret, one) && standardSignatureOk(fresh.webhook_secret, one));

    const after = await server.createOk(fresh);
    await server.testAction(after.payment_id, 'pay');
    const [two] = await receiver.wait(after.payment_id);
    assert.equal(two.headers['x-signature'], hmacHex(fresh.api_secret, two.body));

    await server.createOk(old);
    assert.equal((await server.create({ api_key: old.api_key, api_secret: fresh.api_secret })).json.error, 'Invalid signature');
  });
  test('overlap 0 revokes at once', async () => {
    const shop = await server.addProject({ webhook: receiver.url });
    const { payment_id: id } = await server.createOk(shop.test);
    const fresh = await server.cliJson(['project', 'rotate-keys', String(shop.app_id), '--mode', 'test', '--overlap', '0']);
    assert.equal((await server.create(shop.test)).json.error, 'Invalid API key');
    await server.createOk(fresh);
    await server.testAction(id, 'pay');
    const [record] = await receiver.wait(id);
    assert.equal(record.headers['x-signature'], hmacHex(fresh.api_secret, record.body));
    assert.equal(standardSignatureOk(shop.test.webhook_secret, record), false);
    assert.equal((await server.status(id, shop.live)).status, 200, "the other mode's keys stay");
  });
});
