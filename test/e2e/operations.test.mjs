// Operating it: the operations listener, logs, stopping and crashing under load, proxies and limits, settings, backup.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LEASE_MS, contains, everythingStored, sqliteTest } from './database.mjs';
import { BINARY, CREATE, Receiver, STATUS, Server, freePort, newOrderId, request, run, runOn, signV1, sleep, until } from './harness.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'cryptopay-ops-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

describe('a running server', () => {
  let server, project;
  before(async () => {
    server = await Server.start();
    project = await server.addProject();
  });
  after(() => server?.close());

  test('health', async () => {
    assert.equal((await request(`${server.ops}/livez`)).status, 200);
    assert.equal((await request(`${server.ops}/readyz`)).status, 200);
    const health = await request(`${server.ops}/healthz`);
    assert.equal(health.status, 503, 'no node is configured, so the chain is in trouble');
    assert.equal(typeof health.json, 'object', health.text);
  });

  test('metrics', async () => {
    await server.createOk(project.test);
    const counted = async () => {
      const answer = await request(`${server.ops}/metrics`);
      return /^http_requests_total\{route="create_payment",status="2xx"\} [1-9]/m.test(answer.text) && answer;
    };
    const metrics = await until(counted, 'the request is counted');
    assert.equal(metrics.status, 200);
    assert.match(metrics.headers['content-type'], /^text\/plain/);
    const line = /^(# (HELP|TYPE) [a-z_0-9]+ .+|[a-z_][a-z_0-9]*(\{([a-z_0-9]+="[^"\n]*",?)*\})? [0-9.e+-]+)$/;
    for (const text of metrics.text.trimEnd().split('\n')) assert.match(text, line);
    assert.match(metrics.text, /^payments_created_total\{mode="test"\} [1-9]/m);
  });

  test('every number moves', async () => {
    const receiver = await Receiver.start(500);
    const shop = await server.addProject({ webhook: receiver.url });
    for (const action of ['pay', 'expire', 'cancel']) {
      const { payment_id: id } = await server.createOk(shop.test);
      await server.testAction(id, action);
    }
    await until(() => receiver.records.length, 'the webhook');
    const names = [
      'payments_paid_total{mode="test"}', 'payments_expired_total', 'payments_failed_total', 'webhook_attempts_total{result="refused"}',
      'webhooks_pending', 'store_jobs_total', 'store_commits_total', 'store_batch_duration_seconds_count',
    ];
    await until(async () => {
      const { text } = await request(`${server.ops}/metrics`);
      return names.every((name) => text.split('\n').some((line) => line.startsWith(`${name} `) && Number(line.slice(name.length)) >= 1));
    }, `all of ${names.join(', ')} are at least 1`);
    await receiver.close();
  });

  test('operations stay on their own listener', async () => {
    for (const target of ['/livez', '/readyz', '/healthz', '/metrics']) assert.equal((await request(server.url(target))).status, 404, target);
    assert.equal((await request(`${server.ops}${STATUS}?payment_id=1`)).status, 404);
  });

  test('every answer carries a request id and nothing that invites sniffing', async () => {
    const ids = new Set();
    for (const target of ['/', '/pay/?id=1', `${STATUS}?payment_id=1`, '/pay/?id=x']) {
      const answer = await request(server.url(target));
      assert.ok(answer.headers['x-request-id'], target);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', target);
      ids.add(answer.headers['x-request-id']);
    }
    assert.equal(ids.size, 4);
  });

  test('logs: lines of JSON with the request id, never a secret', async () => {
    const body = JSON.stringify({ order_id: newOrderId(), amount: '0' });
    const answer = await server.create(project.test, body);
    await server.create({ ...project.test, api_secret: 'sk_test_wrong' });
    await until(() => server.log.includes(answer.json.request_id), 'the request is in the log');
    for (const line of server.log.trimEnd().split('\n')) {
      const entry = JSON.parse(line);
      assert.ok(entry.time && entry.level && entry.event, line);
    }
    const secrets = [project.test, project.live].flatMap((k) => [k.api_secret, k.webhook_secret, k.webhook_secret.slice(6)]);
    secrets.push('correct horse battery staple', signV1(project.test, body)['X-Signature']);
    for (const secret of secrets) assert.ok(!server.log.includes(secret), 'a secret is in the log');
  });

  test('private webhooks are said loudly', () => {
    assert.match(server.log, /"level":"warn"[^\n]*webhook/);
  });

  test('secrets are sealed on the disk, its key is the owner\'s', () => {
    for (const [name, bytes] of Object.entries(everythingStored(server.dir)))
      for (const keys of [project.test, project.live]) {
        assert.ok(!contains(bytes, keys.api_secret), name);
        assert.ok(!contains(bytes, keys.webhook_secret), name);
        assert.ok(!contains(bytes, keys.api_key), name);
      }
    assert.equal(statSync(path.join(server.dir, 'secret.key')).mode & 0o777, 0o600);
  });

  test('one data folder, one server', async () => {
    const port = await freePort();
    const second = await runOn(server.dir, ['serve', '--listen', `127.0.0.1:${port}`], { timeoutMs: 10000 });
    assert.ok(second.code > 0, `exit ${second.code}`);
    assert.equal((await request(`${server.ops}/readyz`)).status, 200);
  });

  test('exit statuses of the command line', async () => {
    assert.equal((await server.cli(['project', 'show', '999', '--json'])).code, 1);
    assert.equal((await server.cli(['project', 'frobnicate'])).code, 2);
    assert.equal((await server.cli(['project', 'list', '--jason'])).code, 2);
    assert.equal((await server.cli(['version'])).code, 0);
  });
});

test('the command line works the same with the server down', async () => {
  const server = await Server.start();
  const project = await server.addProject();
  const { payment_id: id } = await server.createOk(project.test);
  const running = await server.cliJson(['payment', 'show', String(id)]);
  await server.stop();
  assert.deepEqual(await server.cliJson(['payment', 'show', String(id)]), running);
  const fresh = await server.cliJson(['project', 'rotate-keys', String(project.app_id), '--mode', 'test', '--overlap', '0']);
  await server.serve();
  await server.createOk(fresh);
  await server.close();
});

// Creates as fast as it goes until the server has gone; gives what was acknowledged.
async function createUntilGone(server, keys, connections) {
  const acknowledged = [];
  let gone = false;
  const worker = async () => {
    while (!gone) {
      const order = { order_id: newOrderId(), amount: '2.00' };
      try {
        const answer = await server.create(keys, order);
        if (answer.status === 200) acknowledged.push(answer.json.payment);
        else if (answer.status !== 503) throw new Error(`unexpected answer ${answer.status} ${answer.text}`);
      } catch (error) {
        if (!error.code) throw error;
        gone = true;
      }
    }
  };
  return { acknowledged, done: Promise.all(Array.from({ length: connections }, worker)) };
}

for (const [name, end] of Object.entries({ SIGTERM: (server) => server.stop(), 'kill -9': (server) => server.kill() }))
  test(`${name} under load loses nothing that was acknowledged`, async () => {
    const receiver = await Receiver.start();
    const server = await Server.start({ args: ['--rate-limit', 'no'] });
    const project = await server.addProject({ webhook: receiver.url });
    const load = await createUntilGone(server, project.test, 16);
    await until(() => load.acknowledged.length > 200, '200 payments');
    const paid = load.acknowledged.slice(0, 20);
    const paying = Promise.allSettled(paid.map((p) => server.testAction(p.payment_id, 'pay')));
    if (name === 'kill -9') await paying;
    const how = await end(server);
    if (name === 'SIGTERM') assert.deepEqual(how, { code: 0, signal: null }, server.log.slice(-2000));
    await load.done;
    const pressed = await paying;
    await server.serve();
    for (const payment of load.acknowledged) {
      const answer = await server.status(payment.payment_id, project.test);
      assert.equal(answer.status, 200, `payment ${payment.payment_id} of ${load.acknowledged.length}`);
      assert.equal(answer.json.payment.order_id, payment.order_id);
    }
    for (const [i, result] of pressed.entries())
      if (result.status === 'fulfilled' && result.value.status === 303) await receiver.wait(paid[i].payment_id, 1, 15000 + LEASE_MS);
    await server.close();
    await receiver.close();
  });

test('SIGTERM: a request that is still being sent is finished, a new one is not begun', async () => {
  const server = await Server.start();
  const { test: keys } = await server.addProject();
  const body = JSON.stringify({ order_id: newOrderId(), amount: '2.00' });
  const headers = { 'Content-Type': 'application/json', 'Content-Length': body.length, ...signV1(keys, body) };
  const head = `POST ${CREATE} HTTP/1.1\r\nHost: h\r\n${Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`).join('')}\r\n`;
  const kept = net.connect(server.port, '127.0.0.1');
  const slow = net.connect(server.port, '127.0.0.1');
  const answers = ['', ''];
  [slow, kept].forEach((socket, i) => socket.setEncoding('utf8').on('data', (data) => (answers[i] += data)));
  kept.write(head + body);
  slow.write(head + body.slice(0, 7));
  await until(() => answers[1].includes('"ok":true'), 'the first answer');
  const stopped = server.stop();
  await until(() => server.log.includes('"stopping"'), 'it stops');
  await sleep(100);
  kept.write(head + body);
  await until(() => answers[1].includes('HTTP/1.1 503'), 'the kept connection is told to come back');
  assert.match(answers[1], /HTTP\/1\.1 503[\s\S]*Retry-After: 1\r\n/i);
  slow.end(body.slice(7));
  assert.deepEqual(await stopped, { code: 0, signal: null });
  assert.match(answers[0], /^HTTP\/1\.1 200 [\s\S]*Connection: close[\s\S]*"ok":true/i);
  await server.close();
});

describe('limits and proxies', () => {
  const flood = (server, count, headers) => Promise.all(Array.from({ length: count }, () => server.status(1, undefined, { headers })));
  const limited = (answers) => answers.filter((a) => a.status === 429);

  test('an address without a key is limited, and told when to come back', async () => {
    const server = await Server.start({ args: ['--rate-per-address', '5'] });
    const refused = limited(await flood(server, 60));
    assert.ok(refused.length > 0);
    const metrics = await request(`${server.ops}/metrics`);
    assert.match(metrics.text, /^rate_limited_total\{by="address"\} [1-9]/m);
    for (const answer of refused) {
      assert.ok(Number(answer.headers['retry-after']) >= 1);
      assert.equal(answer.json.code, 'rate_limited');
    }
    const forged = await flood(server, 40, { 'X-Forwarded-For': '198.51.100.7' });
    assert.ok(limited(forged).length > 0, 'an untrusted X-Forwarded-For changes nothing');
    await server.close();
  });

  test('behind a trusted proxy the client is the one it names', async () => {
    const server = await Server.start({ args: ['--rate-per-address', '5', '--trusted-proxies', '127.0.0.1'] });
    assert.ok(limited(await flood(server, 60, { 'X-Forwarded-For': '198.51.100.7' })).length > 0);
    const other = await server.status(1, undefined, { headers: { 'X-Forwarded-For': '203.0.113.9' } });
    assert.equal(other.status, 404, 'another client is not disturbed');
    const spoofed = await server.status(1, undefined, { headers: { 'X-Forwarded-For': '203.0.113.10, 198.51.100.7' } });
    assert.equal(spoofed.status, 429, 'what stands left of the last untrusted address is hearsay');
    await server.close();
  });

  test('a key has a limit of its own', async () => {
    const server = await Server.start({ args: ['--rate-per-key', '5'] });
    const [one, two] = [await server.addProject(), await server.addProject()];
    const answers = await Promise.all(Array.from({ length: 60 }, () => server.create(one.test)));
    assert.ok(limited(answers).length > 0);
    assert.ok(limited(answers).every((a) => Number(a.headers['retry-after']) >= 1));
    assert.equal((await server.create(two.test)).status, 200, "another shop is not disturbed");
    await server.close();
  });

  test('strangers cannot lock the owner of a key out, not even from the same address', async () => {
    const server = await Server.start({ args: ['--rate-per-key', '5'] });
    const { test: owner } = await server.addProject();
    const thief = { api_key: owner.api_key, api_secret: 'sk_test_guessed' };
    const answers = await Promise.all(Array.from({ length: 60 }, () => server.create(thief)));
    assert.ok(answers.every((a) => a.status === 401 || a.status === 429));
    assert.ok(limited(answers).length > 0, 'guessing is slowed down');
    assert.ok(limited(answers).every((a) => Number(a.headers['retry-after']) >= 1));
    for (let i = 0; i < 5; i++) assert.equal((await server.create(owner)).status, 200);
    const unknown = await Promise.all(Array.from({ length: 40 }, (_, i) => server.create({ ...thief, api_key: `pk_test_${i}` })));
    assert.ok(limited(unknown).length > 0, 'another key each time does not help');
    await server.close();
  });
});

describe('settings', () => {
  const serve = (args, env) => runOn(path.join(scratch, 'x'), ['serve', ...args], { env, timeoutMs: 10000 });
  test('an unknown one is an error that names the nearest', async () => {
    const flag = await serve(['--base-uri', 'http://localhost']);
    assert.equal(flag.code, 2);
    assert.match(flag.stderr, /base-url/);
    const environment = await serve([], { CRYPTOPAY_LISTENN: '127.0.0.1:1' });
    assert.equal(environment.code, 2);
    assert.match(environment.stderr, /CRYPTOPAY_LISTEN\b/);
    const file = path.join(scratch, 'bad.ini');
    writeFileSync(file, 'rate_limits = off\n');
    const ini = await serve(['--config', file]);
    assert.equal(ini.code, 2);
    assert.match(ini.stderr, /rate_limit\b/);
  });
  test('the file, the environment and the flags, in this order', async () => {
    const file = path.join(scratch, 'good.ini');
    const [fromFile, fromFlag] = [await freePort(), await freePort()];
    writeFileSync(file, `# a comment\nops_listen = 127.0.0.1:${fromFile}\nrate_limit = off\n`);
    const server = new Server({ args: ['--config', file] });
    server.port = await freePort();
    server.opsPort = fromFlag;
    await server.serve();
    assert.equal((await request(`${server.ops}/livez`)).status, 200);
    await server.close();
  });
  test('every setting is listed', async () => {
    const help = await run(BINARY, ['serve', '--help']);
    assert.equal(help.code, 0);
    for (const name of ['data', 'listen', 'base-url', 'ops-listen', 'trusted-proxies', 'rate-limit', 'secret-key-file'])
      assert.match(help.stdout, new RegExp(`--${name}\\b`));
  });
  test('a port that is taken is said', async () => {
    const receiver = await Receiver.start();
    const result = await serve(['--listen', `127.0.0.1:${receiver.port}`]);
    assert.ok(result.code > 0);
    assert.match(result.stderr + result.stdout, new RegExp(String(receiver.port)));
    await receiver.close();
  });
});

sqliteTest('backup and restore', async () => {
  const server = await Server.start();
  const project = await server.addProject();
  const paid = await server.createOk(project.test);
  await server.testAction(paid.payment_id, 'pay');
  const file = path.join(scratch, 'backup.db');
  const backup = await server.cli(['backup', file]);
  assert.equal(backup.code, 0, backup.stderr);
  assert.match(backup.stdout + backup.stderr, /key/, 'says that the key is not in it');
  const afterwards = await server.createOk(project.test);
  await server.stop();

  const other = new Server({ args: ['--secret-key-file', path.join(server.dir, 'secret.key')] });
  other.port = await freePort();
  other.opsPort = await freePort();
  const keyed = ['--secret-key-file', path.join(server.dir, 'secret.key')];
  const restored = await other.cli(['restore', file, ...keyed]);
  assert.equal(restored.code, 0, restored.stderr);
  await other.serve();
  assert.equal((await other.status(paid.payment_id, project.test)).json.payment.status, 'paid');
  assert.equal((await other.status(afterwards.payment_id)).status, 404);
  const next = await other.createOk(project.test);
  assert.notEqual(next.payment_id, afterwards.payment_id, 'numbers given out after the backup are not given again');
  await other.close();
  server.remove();
});
