// Runs the real binary for black-box and browser tests: a server on free ports with a data folder of its own, the command
// line, signed requests, and a webhook receiver. It ends only what it has started. TEST_DATABASE decides which engine it
// has (database.mjs).
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { databaseEnv, databaseOf, dropDatabase } from './database.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const BINARY = process.env.CRYPTOPAY_BIN ?? path.join(ROOT, 'build/cryptopay');
delete process.env.CRYPTOPAY_BIN; // it is no setting: the program would refuse to start

// ---- ports and waiting

const handedOut = new Set();

function isFree(port) {
  return new Promise((resolve) => {
    const probe = net.createServer().once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

// Below 32768, so that no outgoing connection takes it between the question and the use.
export async function freePort() {
  for (;;) {
    const port = 20000 + Math.floor(Math.random() * 12000);
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    return port;
  }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Calls `probe` until it gives something truthy; fails with `what` after `timeoutMs`.
export async function until(probe, what, timeoutMs = 10000, everyMs = 25) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`timed out after ${timeoutMs} ms: ${what}`);
    await sleep(everyMs);
  }
}

// ---- HTTP, as plain as possible: what is sent is what was said

// Gives { status, headers, rawHeaders, text, json }; json is undefined when the body is none.
export function request(url, { method = 'GET', headers = {}, body, agent, ca, localAddress, timeoutMs = 40000 } = {}) {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers }, agent, ca, localAddress };
    if (body !== undefined && !('content-length' in headers)) options.headers['content-length'] = Buffer.byteLength(body);
    const req = http.request(url, options, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = undefined;
        }
        resolve({ status: res.statusCode, headers: res.headers, rawHeaders: res.rawHeaders, text, json });
      });
    });
    req.setTimeout(timeoutMs, () => req.destroy(new Error(`no answer from ${url} in ${timeoutMs} ms`)));
    req.on('error', reject);
    req.end(body);
  });
}

export const hmacHex = (secret, data) => createHmac('sha256', secret).update(data).digest('hex');

// Headers of a version 1 request.
export const signV1 = (keys, body) => ({ 'X-API-Key': keys.api_key, 'X-Signature': hmacHex(keys.api_secret, body) });

// Headers of a version 2 request; `target` is path and query as sent.
export function signV2(keys, { method, target, body = '', idempotencyKey, timestamp = Math.floor(Date.now() / 1000) }) {
  const text = `v2\n${timestamp}\n${method}\n${target}\n${idempotencyKey ?? ''}\n${body}`;
  return {
    'X-API-Key': keys.api_key,
    'X-Timestamp': String(timestamp),
    ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
    'X-Signature-V2': hmacHex(keys.api_secret, text),
  };
}

export const CREATE = '/api/create-payment.php';
export const STATUS = '/api/payment-status.php';

let orders = 0;
export const newOrderId = () => `ORDER_${Date.now()}_${++orders}`;

// ---- processes

function run(command, args, { input, env, timeoutMs = 60000 } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (data) => (stdout += data));
    child.stderr.setEncoding('utf8').on('data', (data) => (stderr += data));
    child.stdin.on('error', () => {}); // it may end without reading
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
    child.stdin.end(input ?? '');
  });
}

export { run };

// A command on a data folder without a Server.
export const runOn = (dir, args, { env, ...options } = {}) =>
  run(BINARY, [...args, '--data', dir], { ...options, env: { ...databaseEnv(dir), ...env } });

const living = new Set();
const removeAll = () => living.forEach((server) => server.remove());
process.on('exit', removeAll);
// A test that failed has left its server, which would keep this process waiting.
if (process.env.NODE_TEST_CONTEXT) after(removeAll);

export class Server {
  // Options: prefix (path of the base URL), baseUrl, args (more flags), env, dir (data folder), bin, database (URL of
  // one that others use too; else the folder's own).
  static async start(options = {}) {
    const server = new Server(options);
    server.port = await freePort();
    server.opsPort = await freePort();
    living.add(server);
    await server.serve();
    return server;
  }

  constructor({ prefix = '', baseUrl, args = [], env = {}, dir, bin = BINARY, database } = {}) {
    this.prefix = prefix;
    this.givenBaseUrl = baseUrl;
    this.args = args;
    this.env = { CRYPTOPAY_ALLOW_PRIVATE_WEBHOOKS: '1', ...env };
    this.ownsDir = !dir;
    this.dir = dir ?? mkdtempSync(path.join(tmpdir(), 'cryptopay-e2e-'));
    this.bin = bin;
    this.sharedDatabase = database;
    this.timeoutMs = 40000; // of a request
    this.log = '';
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }
  get baseUrl() {
    return this.givenBaseUrl ?? this.origin + this.prefix;
  }
  get ops() {
    return `http://127.0.0.1:${this.opsPort}`;
  }
  get database() {
    return this.sharedDatabase ?? databaseOf(this.dir);
  }
  // Where a path of the program is reached directly.
  url(target) {
    return this.origin + this.prefix + target;
  }

  spawn() {
    const args = ['serve', '--data', this.dir, '--listen', `127.0.0.1:${this.port}`, '--base-url', this.baseUrl];
    args.push('--ops-listen', `127.0.0.1:${this.opsPort}`, ...this.args);
    if (this.database) args.push('--database', this.database);
    const child = spawn(this.bin, args, { env: { ...process.env, ...this.env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (data) => (this.log += data);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    this.exited = new Promise((resolve) => {
      child.on('error', (error) => resolve({ error }));
      child.on('close', (code, signal) => resolve({ code, signal }));
    });
    this.child = child;
    this.ended = undefined;
    this.exited.then((how) => (this.ended = how));
  }

  async serve() {
    this.spawn();
    try {
      await until(() => {
        if (this.ended) throw new Error(`serve ended: ${JSON.stringify(this.ended)}`);
        return request(`${this.ops}/readyz`).then((r) => r.status === 200, () => false);
      }, '/readyz answers 200', 15000);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw new Error(`${error.message}\n--- log of the server\n${this.log}---`, { cause: error });
    }
  }

  // SIGTERM; gives { code, signal }.
  async stop(timeoutMs = 30000) {
    if (!this.ended) this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    const how = await this.exited;
    clearTimeout(timer);
    return how;
  }

  async kill() {
    this.child.kill('SIGKILL');
    return this.exited;
  }

  async restart() {
    await this.stop();
    await this.serve();
  }

  // At the end of a test file. Pass the test context's or the suite's failure to see the log.
  async close({ showLog = false } = {}) {
    const how = await this.stop();
    if (showLog || how.code !== 0) process.stderr.write(`--- log of the server (ended ${JSON.stringify(how)})\n${this.log}---`);
    this.remove();
    return how;
  }

  remove() {
    living.delete(this);
    if (this.child && !this.ended) this.child.kill('SIGKILL');
    if (!this.ownsDir) return;
    rmSync(this.dir, { recursive: true, force: true });
    dropDatabase(this.dir);
  }

  // ---- command line

  // Gives { code, stdout, stderr }.
  cli(args, { input } = {}) {
    const env = { ...this.env, CRYPTOPAY_BASE_URL: this.baseUrl };
    if (this.database) env.CRYPTOPAY_DATABASE = this.database;
    return run(this.bin, [...args, '--data', this.dir], { input, env });
  }

  // Runs with --json and gives the object; fails unless it exits 0.
  async cliJson(args, options) {
    const result = await this.cli([...args, '--json'], options);
    if (result.code !== 0) throw new Error(`cryptopay ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return JSON.parse(result.stdout);
  }

  // The same for commands that print one object a line.
  async cliLines(args, options) {
    const result = await this.cli([...args, '--json'], options);
    if (result.code !== 0) throw new Error(`cryptopay ${args.join(' ')}: exit ${result.code}\n${result.stdout}${result.stderr}`);
    return result.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }

  addMerchant(email = `m${randomBytes(4).toString('hex')}@example.com`) {
    return this.cliJson(['merchant', 'add', '--email', email, '--password-stdin'], { input: 'correct horse battery staple' });
  }

  // A project with keys; website null leaves it out. One merchant has them all, unless an e-mail address is given.
  async addProject({ merchant, name = 'Shop', website, webhook } = {}) {
    if (!merchant) {
      this.merchant ??= await this.addMerchant();
      merchant = this.merchant.email;
    }
    const args = ['project', 'add', '--merchant', merchant, '--name', name];
    const host = `shop-${randomBytes(4).toString('hex')}.com`;
    if (website !== null) args.push('--website', website ?? `https://${host}`);
    if (webhook) args.push('--webhook', webhook);
    return this.cliJson(args);
  }

  setProject(appId, settings) {
    const args = ['project', 'set', String(appId)];
    for (const [key, value] of Object.entries(settings)) args.push(`--${key.replaceAll('_', '-')}`, String(value));
    return this.cli(args);
  }

  // ---- API

  // A version 1 create. `order` is an object (sent as JSON.stringify makes it) or the raw body.
  create(keys, order = {}, { headers = {}, target = CREATE } = {}) {
    const body = typeof order === 'string' ? order : JSON.stringify({ order_id: newOrderId(), amount: '50.00', ...order });
    return request(this.url(target), {
      timeoutMs: this.timeoutMs,
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...signV1(keys, body), ...headers },
      body,
    });
  }

  // A create that has to succeed: gives the payment.
  async createOk(keys, order, options) {
    const answer = await this.create(keys, order, options);
    if (answer.status !== 200 || !answer.json?.ok) throw new Error(`create: ${answer.status} ${answer.text}`);
    return answer.json.payment;
  }

  createV2(keys, body, options = {}) {
    const target = this.prefix + CREATE;
    return request(this.url(CREATE), {
      timeoutMs: this.timeoutMs,
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...signV2(keys, { method: 'POST', target, body, idempotencyKey: randomBytes(8).toString('hex'), ...options }),
        ...options.headers,
      },
      body,
    });
  }

  // Signed where keys are given.
  status(paymentId, keys, { headers = {} } = {}) {
    return request(this.url(`${STATUS}?payment_id=${paymentId}`), { timeoutMs: this.timeoutMs, headers: { ...(keys ? signV1(keys, '') : {}), ...headers } });
  }

  // A button of the test checkout: pay, underpay, overpay, late, cancel, expire.
  testAction(paymentId, action, { headers = {} } = {}) {
    return request(this.url('/pay/test'), {
      timeoutMs: this.timeoutMs,
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      body: `id=${paymentId}&action=${action}`,
    });
  }
}

// ---- webhook receiver

// Records every request with its raw body; `answer` (settable) is a status or a function (record, res) that answers itself.
export class Receiver {
  static async start(answer = 200) {
    const receiver = new Receiver();
    receiver.answer = answer;
    receiver.records = [];
    receiver.server = http.createServer((req, res) => {
      const chunks = [];
      req.on('data', (chunk) => chunks.push(chunk));
      req.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        const record = { at: Date.now(), port: req.socket.remotePort, method: req.method, url: req.url, headers: req.headers, rawHeaders: req.rawHeaders, body };
        receiver.records.push(record);
        if (typeof receiver.answer === 'function') receiver.answer(record, res);
        else res.writeHead(receiver.answer).end('OK');
      });
    });
    receiver.port = await freePort();
    await new Promise((resolve) => receiver.server.listen(receiver.port, '127.0.0.1', resolve));
    receiver.url = `http://127.0.0.1:${receiver.port}/webhook.php`;
    return receiver;
  }

  // The records that mention this payment.
  for(paymentId) {
    return this.records.filter((record) => record.body.includes(`"payment_id":${paymentId},`));
  }

  wait(paymentId, count = 1, timeoutMs = 10000) {
    return until(
      () => (this.for(paymentId).length >= count ? this.for(paymentId) : null),
      `webhook ${count} of payment ${paymentId} (${this.records.length} arrived in all)`,
      timeoutMs,
    );
  }

  close() {
    this.server.closeAllConnections?.();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

// Does webhook-signature carry a signature with this whsec_ secret?
export function standardSignatureOk(secret, record) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const text = `${record.headers['webhook-id']}.${record.headers['webhook-timestamp']}.${record.body}`;
  const expected = `v1,${createHmac('sha256', key).update(text).digest('base64')}`;
  return record.headers['webhook-signature'].split(' ').includes(expected);
}

// The names of a JSON text's keys in their order of appearance, by object: for checks of order that parsing would lose.
export function keysInOrder(jsonText) {
  return [...jsonText.matchAll(/"((?:[^"\\]|\\.)*)"\s*:/g)].map((match) => match[1]);
}
