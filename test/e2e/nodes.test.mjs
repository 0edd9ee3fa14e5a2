// Several nodes on one PostgreSQL database: waiting pages hear at once of what happens at another node, and find by
// themselves what a lost message would have said. While the database is away everybody is told to come back.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { POSTGRES, sql, urlOf } from './database.mjs';
import { ROOT, Server, newOrderId, request, sleep, until } from './harness.mjs';

const AT_ONCE_MS = 1000, FOUND_MS = 6000, CHANGED_MS = 2000;
const XPUB = readFileSync(path.join(ROOT, 'test/data/tron/hd-addresses.json'), 'utf8').match(/xpub6[1-9A-HJ-NP-Za-km-z]{106}/)[0];
const args = ['--rate-limit', 'no'];

// Asks for news of a payment as its page does; gives the answer and how long it took.
async function poll(node, id, version = 1, state = 'waiting') {
  const from = Date.now();
  const answer = await request(node.url(`/pay/status?id=${id}&v=${version}&s=${state}&lang=en`));
  return { answer, ms: Date.now() - from };
}

async function waitingAt(node) {
  return Number(/^http_requests_waiting (\d+)/m.exec((await request(`${node.ops}/metrics`)).text)[1]);
}

// A new payment for which a page waits at the node.
async function waitedFor(node, keys) {
  const order = newOrderId(), before = await waitingAt(node);
  const { payment_id: id } = await node.createOk(keys, { order_id: order });
  const news = poll(node, id);
  await until(async () => (await waitingAt(node)) > before, 'the page waits');
  return { id, order, news };
}

async function pay(node, id) {
  assert.equal((await node.testAction(id, 'pay')).status, 303);
  return Date.now();
}

if (POSTGRES)
  describe('two nodes', () => {
    let a, b, keys;
    before(async () => {
      a = await Server.start({ args });
      b = await Server.start({ args: [...args, '--secret-key-file', path.join(a.dir, 'secret.key')], database: a.database });
      keys = (await a.addProject()).test;
    });
    after(async () => {
      await b?.close();
      await a?.close();
    });

    test('any of them serves any request', async () => {
      const payment = await a.createOk(keys);
      assert.equal((await b.status(payment.payment_id, keys)).json.payment.pay_amount, payment.pay_amount);
      assert.equal((await request(b.url(`/pay/?id=${payment.payment_id}`))).status, 200);
      const again = await b.create(keys, { order_id: payment.order_id, amount: payment.amount });
      assert.equal(again.json.payment.payment_id, payment.payment_id);
      assert.equal(again.headers['idempotent-replayed'], 'true');
    });

    test('one order, sent to both at the same moment, is one payment; so is one Idempotency-Key', async () => {
      for (let i = 0; i < 20; i++) {
        const body = JSON.stringify({ order_id: newOrderId(), amount: '7.00' });
        const plain = await Promise.all([a, b, a, b].map((node) => node.create(keys, body)));
        const keyed = { idempotencyKey: `both-${i}` };
        const other = JSON.stringify({ order_id: newOrderId(), amount: '8.00' });
        const signed = await Promise.all([b, a, b, a].map((node) => node.createV2(keys, other, keyed)));
        for (const answers of [plain, signed]) {
          assert.deepEqual(answers.map((answer) => answer.status), [200, 200, 200, 200], answers.map((answer) => answer.text).join('\n'));
          assert.equal(new Set(answers.map((answer) => answer.json.payment.payment_id)).size, 1);
          assert.equal(answers.filter((answer) => !answer.headers['idempotent-replayed']).length, 1, 'one of them has made it');
        }
      }
    });

    test('what a command changes at one holds at the other within two seconds', async () => {
      const project = await a.addProject();
      const id = String(project.app_id);
      const refused = async (what, known) => {
        const from = Date.now();
        await until(async () => (await b.create(known)).status !== 200, what, 10000);
        assert.ok(Date.now() - from < CHANGED_MS, `${what}: after ${Date.now() - from} ms`);
      };
      await b.createOk(project.test); // from now on in the other's memory
      const fresh = await a.cliJson(['project', 'rotate-keys', id, '--mode', 'test', '--overlap', '0']);
      await b.createOk(fresh);
      await refused('the old key', project.test);
      assert.equal((await b.create(project.test)).status, 401);
      await b.createOk(fresh);
      await a.setProject(id, { enabled: 'no' });
      await refused('the project that was disabled', fresh);
      await a.setProject(id, { enabled: 'yes' });
      await until(async () => (await b.create(fresh)).status === 200, 'it is enabled again', CHANGED_MS);
    });

    test('addresses are given out once, whichever node is asked', async () => {
      const project = await a.addProject();
      const id = String(project.app_id);
      await a.cliJson(['address', 'set-xpub', id, XPUB]);
      assert.equal((await b.setProject(id, { mode: 'live' })).code, 0);
      await until(async () => (await b.create(project.live)).status === 200 && (await a.create(project.live)).status === 200, 'both are live', CHANGED_MS);
      const made = await Promise.all(Array.from({ length: 60 }, (_, i) => [a, b][i % 2].createOk(project.live, { amount: '9.00' })));
      assert.equal(new Set(made.map((payment) => payment.address)).size, 60);
    });

    test('a page at one hears at once of a payment at the other', async () => {
      for (let i = 0; i < 5; i++) {
        const { id, news } = await waitedFor(b, keys);
        const paid = await pay(a, id);
        const { answer } = await news;
        assert.ok(Date.now() - paid < AT_ONCE_MS, `after ${Date.now() - paid} ms`);
        assert.equal(answer.json.status, 'paid');
        assert.match(answer.json.html, /Paid/);
      }
    });

    test('it hears of it too when the connection for messages was lost', async () => {
      const { id, news } = await waitedFor(b, keys);
      sql(b.database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'LISTEN|pg_notify' AND pid <> pg_backend_pid()");
      const paid = await pay(a, id);
      assert.equal((await news).answer.json.status, 'paid');
      assert.ok(Date.now() - paid < FOUND_MS, `after ${Date.now() - paid} ms`);
      await until(() => /messages between the nodes arrive again/.test(b.log), 'the node says that messages arrive again');
    });

    test('a change that nobody has told of is found, and wakes nobody else', async () => {
      const other = await waitedFor(b, keys);
      const { order, news } = await waitedFor(b, keys);
      sql(b.database, `UPDATE payments SET version = version + 1 WHERE order_id = '${order}'`);
      const { answer, ms } = await news;
      assert.equal(answer.json.version, 2);
      assert.ok(ms < FOUND_MS, `after ${ms} ms`);
      assert.equal(await waitingAt(b), 1);
      await pay(b, other.id);
      assert.equal((await other.news).answer.json.status, 'paid');
    });
  });

const server = `nodes-${process.pid}`;
function postgres(...command) {
  const result = spawnSync(path.join(ROOT, 'test/postgres'), command, { encoding: 'utf8', timeout: 60000 });
  if (result.status !== 0) throw new Error(`test/postgres ${command.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout.trim();
}

// 503 with Retry-After, soon.
async function comesBack(ask) {
  const from = Date.now();
  const answer = await ask();
  assert.equal(answer.status, 503, answer.text);
  assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
  assert.ok(Date.now() - from < 4000, `after ${Date.now() - from} ms`);
  return answer;
}

if (POSTGRES)
  describe('while the database is away', () => {
    let node, known, cold, payment, news;
    before(async () => {
      const base = postgres('primary', server);
      sql(urlOf(base, 'postgres'), 'CREATE DATABASE gateway');
      node = await Server.start({ args, database: urlOf(base, 'gateway') });
      known = (await node.addProject()).test;
      cold = (await node.addProject()).test;
      payment = await node.createOk(known);
      news = poll(node, payment.payment_id);
      await until(async () => (await waitingAt(node)) > 0, 'the page waits');
      postgres('fence', server);
    });
    after(async () => {
      await node?.close();
      postgres('destroy', server);
    });

    test('a create is refused for now', async () => {
      const answer = await comesBack(() => node.create(known));
      assert.equal(answer.json.code, 'unavailable');
      assert.equal(answer.json.ok, false);
    });
    test('a key that is not in memory is not called wrong', async () => {
      for (const ask of [() => node.create(cold), () => node.status(payment.payment_id, cold)])
        assert.equal((await comesBack(ask)).json.code, 'unavailable');
    });
    test('so are the status and the poll', async () => {
      await comesBack(() => node.status(payment.payment_id));
      await comesBack(() => node.status(payment.payment_id, known));
      await comesBack(() => request(node.url(`/pay/status?id=${payment.payment_id}&v=1&s=waiting`)));
    });
    test('the checkout loads itself again, in the language of its visitor', async () => {
      const id = payment.payment_id;
      const page = await comesBack(() => request(node.url(`/pay/?id=${id}&lang=es`)));
      assert.equal(page.headers.refresh, `5; url=./?id=${id}&lang=es`);
      assert.match(page.text, /no lo envíe dos veces/);
      const button = await comesBack(() => node.testAction(id, 'pay'));
      assert.equal(button.headers.refresh, `5; url=./?id=${id}`);
    });
    test('the node says that it is not ready', async () => {
      assert.equal((await request(`${node.ops}/readyz`)).status, 503);
      assert.equal((await request(`${node.ops}/livez`)).status, 200);
    });
    test('when it is back all goes on by itself, also for who waited', async () => {
      postgres('start', server);
      await until(async () => (await node.create(known)).status === 200, 'creates go on', 15000, 200);
      assert.equal((await node.status(payment.payment_id, cold)).status, 404, 'the key is known, the payment another project’s');
      assert.equal((await node.status(payment.payment_id, known)).json.payment.status, 'pending');
      await until(async () => (await node.testAction(payment.payment_id, 'pay')).status === 303, 'paid', 10000, 200);
      assert.equal((await news).answer.json.status, 'paid');
      await sleep(100);
      assert.equal((await request(`${node.ops}/readyz`)).status, 200);
    });
  });
