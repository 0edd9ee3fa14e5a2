// `make run` as a newcomer sees it: what it prints works when clicked and pasted, and ctrl-C stops all of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { databaseEnv } from './database.mjs';
import { ROOT, freePort, hmacHex, request, run, until } from './harness.mjs';

let dir, port, busy, demo, exited, out;

async function start() {
  out = '';
  demo = spawn('tools/demo', { cwd: ROOT, env: { ...process.env, ...databaseEnv(dir), DEMO_DIR: dir, PORT: String(port) }, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [demo.stdout, demo.stderr]) stream.setEncoding('utf8').on('data', (data) => (out += data));
  exited = new Promise((resolve) => demo.on('close', (code, signal) => resolve({ code, signal })));
  await until(() => /Ctrl-C stops/.test(out) || demo.exitCode !== null, 'the demo is up', 20000);
  assert.match(out, /Ctrl-C stops/, out);
}
async function stop() {
  demo.kill('SIGINT');
  return exited;
}

before(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'cryptopay-demo-'));
  port = await freePort();
  busy = net.createServer();
  await new Promise((resolve) => busy.listen(port, '127.0.0.1', resolve));
  await start();
});
after(async () => {
  if (demo?.exitCode === null) await stop();
  busy?.close();
  rmSync(dir, { recursive: true, force: true });
});

const shopUrl = () => out.match(/A shop to try it: +(\S+)/)[1].replace('localhost', '127.0.0.1');

test('a port that is busy is left alone', () => {
  assert.match(out, new RegExp(`port ${port} is busy`));
});

test('the printed request works when pasted', async () => {
  const line = out.split('\n').find((text) => text.startsWith("body='"));
  const pasted = await run('sh', ['-c', line]);
  const answer = JSON.parse(pasted.stdout);
  assert.equal(answer.ok, true, pasted.stdout);
  assert.equal(answer.payment.amount, '50.00');
});

test('the shop: buy, pay, and the webhook appears with its signatures verified', async () => {
  const empty = await request(shopUrl());
  assert.equal(empty.status, 200);
  assert.match(empty.text, /<button>Buy<\/button>/);
  const bought = await request(`${shopUrl()}buy`, { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: '' });
  assert.equal(bought.status, 303);
  const checkout = new URL(bought.headers.location);
  const id = checkout.searchParams.get('id');
  assert.equal((await request(checkout.href.replace('localhost', '127.0.0.1'))).status, 200);
  assert.match((await request(shopUrl())).text, /waiting for the webhook/);
  const paid = await request(`http://127.0.0.1:${checkout.port}/pay/test`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: `id=${id}&action=pay`,
  });
  assert.equal(paid.status, 303);
  const page = await until(async () => {
    const { text } = await request(shopUrl());
    return text.includes(`&quot;payment_id&quot;:${id},`) && text;
  }, 'the webhook is on the page');
  assert.match(page, /X-Signature: signature verified/);
  assert.match(page, /webhook-signature: signature verified/);
  assert.match(page, /<span class="ok">paid<\/span>/);
});

test('the live shop: bought, paid from the wallet that is printed, and its webhook appears', async () => {
  const shop = out.match(/The same, "live": +(\S+)/)[1].replace('localhost', '127.0.0.1');
  const wallet = out.match(/The payer's wallet: +(\S+)/)[1].replace('localhost', '127.0.0.1');
  const form = { method: 'POST', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } };
  const bought = await request(`${shop}buy`, { ...form, body: '' });
  const page = (await request(bought.headers.location.replace('localhost', '127.0.0.1'))).text;
  const address = page.match(/T[1-9A-HJ-NP-Za-km-z]{33}/)[0], amount = page.match(/\d+\.\d{2,6}/)[0];
  assert.equal((await request(wallet, { ...form, body: `to=${address}&amount=${amount}&kind=direct` })).status, 303);
  const seen = await until(async () => {
    const { text } = await request(shop);
    return /<span class="ok">paid<\/span>/.test(text) && text;
  }, 'the webhook is on the page', 40000, 250);
  assert.match(seen, /webhook-signature: signature verified/);
});

test('the shop refuses what is not signed', async () => {
  const body = '{"order_id":"BOOK-1","status":"paid"}';
  for (const headers of [{}, { 'X-Signature': hmacHex('guess', body) }]) {
    const answer = await request(`${shopUrl()}webhook`, { method: 'POST', headers, body });
    assert.equal(answer.status, 401);
  }
  assert.match((await request(shopUrl())).text, /signature does not match/);
});

test('ctrl-C stops all, and the data are there the next time', async () => {
  const first = shopUrl();
  const how = await stop();
  assert.deepEqual(how, { code: 0, signal: null }, out);
  await assert.rejects(request(first), 'the shop has gone');
  const key = out.match(/X-API-Key: (\S+?)'/)[1];
  await start();
  assert.equal(out.match(/X-API-Key: (\S+?)'/)[1], key, 'the same project');
});
